import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  isProblem,
  MolecartClient,
  type MolecartOptions,
  type ServerEvent,
  ShopProblem,
  ShopUnreachable,
} from "@molecart/client";
import { buildClient } from "../../../client/build.ts";
import { CLIENT_FILE, generateClient } from "../../../client/generate.ts";
import type { Operation } from "../../../client/shop-api.ts";

const root = join(import.meta.dirname, "..", "..", "..");

interface Request {
  method: string;
  url: string;
  headers: Record<string, string>;
  body: unknown;
}
type Reply = Response | Error | ((request: Request) => Response | Error);

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(body === null ? null : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });
const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  json(status, { type: "about:blank", title: code, status, code, detail: "No", requestId: "r-1" }, headers);

/** A client of a shop that answers as it is told, and what that shop was asked. */
const shopThat = (replies: Reply[], options: Partial<MolecartOptions> = {}) => {
  const requests: Request[] = [];
  const answer: typeof fetch = async (url, init = {}) => {
    const request: Request = {
      method: init.method ?? "GET",
      url: String(url),
      headers: init.headers as Record<string, string>,
      body: init.body === undefined ? undefined : JSON.parse(String(init.body)),
    };
    requests.push(request);
    const reply = replies[Math.min(requests.length, replies.length) - 1] as Reply;
    const given = typeof reply === "function" ? reply(request) : reply;
    if (given instanceof Error) throw given;
    return given.clone();
  };
  const client = new MolecartClient({ api: "http://shop.test/", payments: "http://pay.test", fetch: answer, ...options });
  return { client, requests };
};

const order = { paymentToken: "tok", shippingAddress: { name: "A", line1: "1", city: "B", postalCode: "1", country: "DE" } };
const address = order.shippingAddress;
const away = new TypeError("fetch failed");

describe("The generated client", () => {
  test("is what the documents say now (npm run generate)", () => {
    const { stdout } = spawnSync(
      join(root, "node_modules", ".bin", "biome"),
      ["check", "--write", "--stdin-file-path=client/shop-api.ts"],
      {
        cwd: root,
        input: generateClient(),
        encoding: "utf8",
      },
    );
    expect(stdout).toBe(readFileSync(CLIENT_FILE, "utf8"));
  }, 30_000);
});

describe("The packed client", () => {
  test("is JavaScript with types that stands alone", async () => {
    const folder = mkdtempSync(join(tmpdir(), "molecart-client-"));
    try {
      buildClient(folder);
      const script =
        'import { MolecartClient } from "./index.js"; console.log(typeof new MolecartClient({ api: "x" }).placeOrder)';
      const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
        cwd: folder,
        encoding: "utf8",
      });
      expect([stdout.trim(), stderr]).toEqual(["function", ""]);
      expect(readFileSync(join(folder, "index.d.ts"), "utf8")).toContain("MolecartClient");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 60_000);
});

describe("A client", () => {
  test("puts values into the path, the query and the body, and sends cards to the payments listener", async () => {
    const { client, requests } = shopThat([json(200, {})]);
    await client.searchProducts({ q: "a b&c", limit: 2 });
    await client.setStock({ sku: "A/B", body: { onHand: 3 } });
    await client.createCardToken({ body: { number: "4242", expMonth: 1, expYear: 2030, cvc: "123" } });
    expect(requests.map(({ method, url, body }) => [method, url, body])).toEqual([
      ["GET", "http://shop.test/api/v1/products?q=a+b%26c&limit=2", undefined],
      ["PUT", "http://shop.test/api/v1/inventory/A%2FB", { onHand: 3 }],
      ["POST", "http://pay.test/tokens", { number: "4242", expMonth: 1, expYear: 2030, cvc: "123" }],
    ]);
  });

  test("makes an Idempotency-Key where one is taken, keeps it for all attempts, and takes another for another request", async () => {
    const { client, requests } = shopThat([away, problem(503, "SERVICE_UNAVAILABLE"), json(202, { order: {} })]);
    await client.placeOrder({ body: order });
    await client.placeOrder({ body: order });
    await client.placeOrder({ body: order, idempotencyKey: "my-own" });
    const keys = requests.map(({ headers }) => headers["idempotency-key"]);
    expect(keys).toHaveLength(5);
    expect(new Set(keys.slice(0, 3)).size).toBe(1);
    expect(keys[0]).not.toBe(keys[3]);
    expect(keys[4]).toBe("my-own");
    expect(client.retries).toBe(2);
  });

  test("does not repeat what might happen twice, unless it is told to", async () => {
    const { client, requests } = shopThat([away, json(201, {})]);
    await expect(client.addAddress({ body: address })).rejects.toThrow(ShopUnreachable);
    expect(requests).toHaveLength(1);
    const second = shopThat([away, json(201, {})]);
    await second.client.addAddress({ body: address }, { repeat: true });
    expect(second.requests).toHaveLength(2);
  });

  test("takes a refusal for an answer, and tells it with its code and fields", async () => {
    const refusal = json(409, {
      code: "CART_EMPTY",
      detail: "Nothing in it",
      requestId: "r-9",
      errors: [{ path: "a.b", message: "is odd" }],
    });
    const { client, requests } = shopThat([refusal]);
    const error = await client.placeOrder({ body: order }).catch((thrown) => thrown);
    expect(requests).toHaveLength(1);
    expect(isProblem(error, "placeOrder", "CART_EMPTY")).toBe(true);
    expect(isProblem(error, "placeOrder", "TOTAL_CHANGED")).toBe(false);
    // @ts-expect-error not a code of this operation
    expect(isProblem(error, "placeOrder", "SLUG_TAKEN")).toBe(false);
    expect(error).toMatchObject({
      status: 409,
      code: "CART_EMPTY",
      requestId: "r-9",
      message: "409 CART_EMPTY: Nothing in it: a.b is odd",
    });
  });

  test("gives up at its deadline, also where the shop asks to wait longer", async () => {
    const { client, requests } = shopThat([problem(429, "RATE_LIMITED", { "retry-after": "60" })], { withinMs: 200 });
    await expect(client.getProfile()).rejects.toMatchObject({ code: "RATE_LIMITED", retryAfterMs: 60_000 });
    expect(requests).toHaveLength(1);
    const late = shopThat([], {
      withinMs: 50,
      fetch: (_, init) =>
        new Promise((_resolve, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason))),
    });
    await expect(late.client.getProfile()).rejects.toThrow(ShopUnreachable);
  });

  test("stops when its caller has had enough", async () => {
    const { client, requests } = shopThat([away]);
    const enough = new AbortController();
    const asked = client.getProfile({}, { signal: enough.signal });
    enough.abort(new Error("enough"));
    await expect(asked).rejects.toThrow("enough");
    expect(requests).toHaveLength(1);
  });

  test("renews an access token once for all requests that need it", async () => {
    const kept: unknown[] = [];
    let fresh = false;
    const shop = (request: Request): Response => {
      if (request.url.endsWith("/auth/refresh")) {
        fresh = true;
        return json(200, { accessToken: "new", refreshToken: "r2", expiresIn: 900 });
      }
      return fresh && request.headers.authorization === "Bearer new"
        ? json(200, { name: "Ada" })
        : problem(401, "UNAUTHENTICATED");
    };
    const { client, requests } = shopThat([shop], {
      tokens: { accessToken: "old", refreshToken: "r1" },
      onTokens: (tokens) => kept.push(tokens),
    });
    const answers = await Promise.all([client.getProfile(), client.getProfile(), client.getProfile()]);
    expect(answers).toEqual(Array(3).fill({ name: "Ada" }));
    const renewals = requests.filter(({ url }) => url.endsWith("/auth/refresh"));
    expect(renewals).toMatchObject([{ body: { refreshToken: "r1" } }]);
    expect(renewals[0]?.headers).not.toHaveProperty("authorization");
    expect(kept.at(-1)).toEqual({ accessToken: "new", refreshToken: "r2", expiresIn: 900 });
  });

  test("renews an access token before it expires, and forgets tokens that are no good any more", async () => {
    const { client, requests } = shopThat([
      json(200, { user: {}, accessToken: "short", refreshToken: "r1", expiresIn: 1 }),
      problem(401, "INVALID_REFRESH_TOKEN"),
    ]);
    await client.login({ body: { email: "a@example.com", password: "secret" } });
    expect(client.tokens?.accessToken).toBe("short");
    await expect(client.getProfile()).rejects.toThrow(ShopProblem);
    expect(requests.map(({ url }) => new URL(url).pathname)).toEqual(["/api/v1/auth/login", "/api/v1/auth/refresh"]);
    expect(client.tokens).toBeUndefined();
  });

  test("keeps a guest's cart token, sends it, and gives it up when the cart is a customer's", async () => {
    const { client, requests } = shopThat([json(200, {}, { "x-cart-token": "guest-1" }), json(200, {}), json(200, {})]);
    await client.setCartItem({ sku: "A", body: { quantity: 1 } });
    await client.getCart();
    expect(requests[1]?.headers["x-cart-token"]).toBe("guest-1");
    client.signIn({ accessToken: "token" });
    await client.mergeCart({ body: { cartToken: client.cartToken as string } });
    expect(requests[2]?.headers).toMatchObject({ authorization: "Bearer token" });
    expect(requests[2]?.headers).not.toHaveProperty("x-cart-token");
    expect(client.cartToken).toBeUndefined();
  });

  test.each<Partial<MolecartOptions>>([
    { tokens: { accessToken: "secret" }, cartToken: "c" },
    { apiKey: "secret", cartToken: "c" },
  ])("sends no credentials to the payments listener", async (credentials) => {
    const { client, requests } = shopThat([json(201, { token: "t" })], credentials);
    await client.createCardToken({ body: { number: "4242", expMonth: 1, expYear: 2030, cvc: "123" } });
    expect(requests[0]?.headers).toEqual({ "content-type": "application/json" });
  });

  test("sends its API key, and nothing beside it, and does not take a refusal for an expired token", async () => {
    const { client, requests } = shopThat([problem(401, "UNAUTHENTICATED")], { apiKey: "mk_1", cartToken: "c" });
    await expect(client.listOrders()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect(requests.map(({ headers }) => headers)).toEqual([{ "x-api-key": "mk_1" }]);
    expect(() => shopThat([], { apiKey: "mk_1", tokens: { accessToken: "a" } })).toThrow("either an API key or tokens");
  });
});

describe("A stream of events", () => {
  const operation: Operation = {
    id: "followOrder",
    server: "shop",
    method: "GET",
    path: "/api/v1/orders/{id}/events",
    query: [],
    idempotencyKey: false,
    idempotent: true,
    streams: true,
  };
  class Follower extends MolecartClient {
    follow(id: string, signal?: AbortSignal): AsyncGenerator<ServerEvent> {
      return this.stream(operation, { id }, signal && { signal });
    }
  }
  const stream = (text: string, breaks = false): Response =>
    new Response(
      new ReadableStream({
        start(controller) {
          // In two pieces: a line may come in parts.
          controller.enqueue(new TextEncoder().encode(text.slice(0, 7)));
          controller.enqueue(new TextEncoder().encode(text.slice(7)));
          if (breaks) controller.error(new TypeError("terminated"));
          else controller.close();
        },
      }),
      { headers: { "content-type": "text/event-stream" } },
    );
  const follow = async (replies: (() => Response)[]) => {
    const requests: Record<string, string>[] = [];
    const answer: typeof fetch = async (_, init) => {
      requests.push(init?.headers as Record<string, string>);
      return (replies[requests.length - 1] as () => Response)();
    };
    const client = new Follower({ api: "http://shop.test", fetch: answer });
    const events: ServerEvent[] = [];
    for await (const event of client.follow("o-1")) events.push(event);
    return { events, requests };
  };

  test("is read to its end, through comments and pieces of lines", async () => {
    const { events } = await follow([
      () =>
        stream(
          ': hello\n\nid: 1\nevent: status\ndata: {"status":"pending"}\n\nevent: end\r\ndata: {"status":"confirmed"}\n\nevent: status\ndata: 1\n\n',
        ),
    ]);
    expect(events).toEqual([
      { id: "1", event: "status", data: { status: "pending" } },
      { id: "1", event: "end", data: { status: "confirmed" } },
    ]);
  });

  test("goes on after the last event that has arrived, whether the connection broke or was ended", async () => {
    const { events, requests } = await follow([
      () => stream('retry: 1\n\nid: 1\nevent: status\ndata: {"n":1}\n\n'),
      () => problem(503, "SERVICE_UNAVAILABLE"),
      () => stream('id: 2\nevent: status\ndata: {"n":2}\n\nevent: end\ndata: {}\n\n'),
    ]);
    expect(events.map(({ data }) => data)).toEqual([{ n: 1 }, { n: 2 }, {}]);
    expect(requests.map((headers) => headers["last-event-id"])).toEqual([undefined, "1", "1"]);
  });

  test("goes on after its connection has broken", async () => {
    const { events, requests } = await follow([
      () => stream('retry: 1\n\nid: 1\nevent: status\ndata: {"n":1}\n\n', true),
      () => stream("id: 2\nevent: end\ndata: {}\n\n"),
    ]);
    // A stream that breaks at once may have delivered what came before, or not.
    expect(events.at(-1)).toEqual({ id: "2", event: "end", data: {} });
    expect(requests).toHaveLength(2);
  });

  test("is given up when the shop is away for longer than it may be, however often it ends before it has begun", async () => {
    const asked: unknown[] = [];
    const away: typeof fetch = async () => {
      asked.push(null);
      return stream("retry: 1\n\n");
    };
    const client = new Follower({ api: "http://shop.test", fetch: away, withinMs: 300 });
    await expect(client.follow("o-1").next()).rejects.toThrow(ShopUnreachable);
    expect(asked.length).toBeGreaterThan(2);
  });

  test("is over when the shop refuses it", async () => {
    await expect(follow([() => problem(404, "ORDER_NOT_FOUND")])).rejects.toMatchObject({ code: "ORDER_NOT_FOUND" });
  });
});
