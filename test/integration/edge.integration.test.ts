import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { tagIn } from "../../services/api/entity-tag.ts";
import { newCertificate } from "../support/certificate.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import { bearer, type Gateway, openGateway } from "../support/gateway.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { startRedis } from "../support/servers/redis.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const clock = new ManualClock(NOW);
let open: Gateway[] = [];

const gateway = async (env: Record<string, string> = {}): Promise<Gateway> => {
  const opened = await openGateway(env, clock);
  open.push(opened);
  return opened;
};
afterEach(async () => {
  await Promise.all(open.map(({ broker }) => broker.stop()));
  open = [];
});
afterAll(removeDataDirs);

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  raw: Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  body: any;
}
interface Sent {
  headers?: Record<string, string>;
  body?: unknown;
}

/** By Node's own client: fetch would decompress, and add headers of its own. */
const send = async ({ address }: { address: string }, method: string, path: string, { headers = {}, body }: Sent = {}) => {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const request = httpRequest(address + path, {
    method,
    agent: false,
    headers: { ...(text !== undefined && { "content-type": "application/json", "content-length": text.length }), ...headers },
  });
  request.end(text);
  const [response] = await once(request, "response");
  const raw = Buffer.concat(await response.toArray());
  const isJson = raw.length > 0 && response.headers["content-encoding"] === undefined;
  return {
    status: response.statusCode,
    headers: response.headers,
    raw,
    body: isJson ? JSON.parse(raw.toString()) : undefined,
  } as Reply;
};
const get = (at: { address: string }, path: string, headers: Record<string, string> = {}) =>
  send(at, "GET", `/api/v1${path}`, { headers });
const login = (at: { address: string }, headers: Record<string, string> = {}) =>
  send(at, "POST", "/api/v1/auth/login", { headers, body: { email: "a@example.com", password: "x" } });

const product = (version: number, more: object = {}) => ({ id: "p-1", name: `Lamp ${version}`, version, ...more });
const changed = ({ broker }: Gateway, version: number) =>
  broker.broadcast("products.changed", { productIds: ["p-0", "p-1"], versions: { "p-0": 1, "p-1": version } });

describe("what the gateway keeps of the catalogue", () => {
  test("is asked for once, and again as soon as the product has changed", async () => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", () => product(1));
    shop.answers.set("v1.products.search", () => ({ items: [product(1)] }));
    for (let n = 0; n < 3; n++) expect((await get(shop, "/products/p-1")).body).toEqual(product(1));
    for (const query of ["limit=5&q=lamp", "q=lamp&limit=5", "q=lamp&limit=5"]) await get(shop, `/products?${query}`);
    expect(shop.calls.map(({ action }) => action)).toEqual(["v1.products.get", "v1.products.search"]);
    shop.answers.set("v1.products.get", () => product(2));
    changed(shop, 2);
    await waitFor(async () => (await get(shop, "/products/p-1")).body.version === 2);
    await get(shop, "/products?q=lamp&limit=5");
    expect(shop.calls).toHaveLength(4);
  });

  test("does not outlive a turn of availability, a change of the tree, or what a broker of the release before tells", async () => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", () => product(1));
    shop.answers.set("v1.products.search", () => ({ items: [product(1)] }));
    shop.answers.set("v1.products.categories", () => ({ items: [], version: 4 }));
    const paths = ["/products/p-1", "/products?q=lamp", "/categories"];
    const askedFor = async (event: string, told: object): Promise<string[]> => {
      for (const path of paths) await get(shop, path);
      const before = shop.calls.length;
      shop.broker.broadcast(event, told);
      // It is told before the next request is read.
      for (const path of paths) await get(shop, path);
      return shop.calls.slice(before).map(({ action }) => action.replace("v1.products.", ""));
    };
    expect(await askedFor("products.changed", { productIds: ["p-1"] })).toEqual(["get", "search"]);
    expect(await askedFor("products.changed", { productId: "p-1", version: 1 })).toEqual(["get", "search"]);
    expect(await askedFor("products.categoriesChanged", { version: 4 })).toEqual(["search", "categories"]);
    // A broker that has not read the new tree yet answers with the old one: it is not kept.
    await askedFor("products.categoriesChanged", { version: 5 });
    await get(shop, "/categories");
    expect(shop.calls.slice(-2).map(({ action }) => action)).toEqual(["v1.products.categories", "v1.products.categories"]);
  });

  test("has a strong tag where it has a version, another one for each coding, and a change may be made for it", async () => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", () => product(7, { description: "x".repeat(2_000) }));
    shop.answers.set("v1.products.update", ({ expectedVersion }) => product(8, { expectedVersion }));
    const staff = await bearer({ userId: "eve", roles: ["staff"], nowMs: clock.now() });
    for (const coding of ["identity", "br", "br", "gzip"]) {
      const { headers } = await get(shop, "/products/p-1", { "accept-encoding": coding });
      expect(headers.etag).toMatch(coding === "identity" ? /^"7-[\w-]{27}"$/ : new RegExp(`^"7-[\\w-]{27}-${coding}"$`));
      const known = { "accept-encoding": coding, "if-none-match": headers.etag as string };
      expect((await get(shop, "/products/p-1", known)).status).toBe(304);
      const change = { headers: { ...staff, "if-match": headers.etag as string }, body: { name: "New" } };
      expect((await send(shop, "PATCH", "/api/v1/products/p-1", change)).body.expectedVersion).toBe(7);
    }
  });

  test("is kept no longer than it may be, should no message of a change come", async () => {
    const shop = await gateway({ API_CACHE_SECONDS: "7" });
    shop.answers.set("v1.products.get", () => product(1));
    await get(shop, "/products/p-1");
    clock.advance(6_999);
    await get(shop, "/products/p-1");
    expect(shop.calls).toHaveLength(1);
    clock.advance(1);
    await get(shop, "/products/p-1");
    expect(shop.calls).toHaveLength(2);
  });

  test("is asked for in nobody's name; staff are always shown what is, and what they see stays theirs", async () => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", ({ includeUnpublished }) => {
      if (includeUnpublished !== true) throw new Refusal("PRODUCT_NOT_FOUND", 404, "There is no product p-1");
      return product(1, { status: "draft" });
    });
    const staff = await bearer({ userId: "eve", roles: ["staff"], nowMs: clock.now() });
    const customer = await bearer({ nowMs: clock.now() });
    const draft = await get(shop, "/products/p-1", staff);
    expect(draft.body.status).toBe("draft");
    expect(draft.headers["cache-control"]).toBe("private, no-store");
    for (const headers of [{}, customer]) expect((await get(shop, "/products/p-1", headers)).status).toBe(404);

    shop.answers.set("v1.products.get", ({ includeUnpublished }) => product(2, { forStaff: includeUnpublished }));
    for (const headers of [customer, {}, customer]) expect((await get(shop, "/products/p-1", headers)).body.forStaff).toBe(false);
    for (const _ of [1, 2]) expect((await get(shop, "/products/p-1", staff)).body.forStaff).toBe(true);
    expect((await get(shop, "/products/p-1")).body.forStaff).toBe(false);
    expect((await get(shop, "/products/p-1", { authorization: "Bearer nonsense" })).status).toBe(401);
  });

  test("is asked for once by all who come at the same time", async () => {
    const shop = await gateway();
    const { promise, resolve } = Promise.withResolvers<object>();
    shop.answers.set("v1.products.get", () => promise);
    const all = Array.from({ length: 5 }, () => get(shop, "/products/p-1"));
    await waitFor(() => shop.calls.length === 1);
    resolve(product(1));
    expect((await Promise.all(all)).map(({ body }) => body.version)).toEqual([1, 1, 1, 1, 1]);
    expect(shop.calls).toHaveLength(1);
  });

  test("is shown while products is away, marked as old, and errors are not kept", async () => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", () => product(1));
    await get(shop, "/products/p-1");
    shop.answers.set("v1.products.get", () => {
      throw new Unavailable("the catalogue");
    });
    clock.advance(31_000);
    const old = await get(shop, "/products/p-1");
    expect(old).toMatchObject({ status: 200, body: product(1) });
    expect(old.headers).toMatchObject({ age: "31", "x-degraded": "stale", "cache-control": "no-cache" });
    expect((await get(shop, "/products/p-2")).status).toBe(503);
    shop.answers.set("v1.products.get", () => product(2));
    const back = await get(shop, "/products/p-1");
    expect(back.body.version).toBe(2);
    expect(back.headers["x-degraded"]).toBeUndefined();
    expect((await get(shop, "/products/p-2")).status).toBe(200);
  });

  test("may be kept by others for seconds, and is not sent again to who has it", async () => {
    const shop = await gateway({ API_CORS_ORIGINS: "https://shop.example" });
    shop.answers.set("v1.products.get", () => product(1));
    const first = await get(shop, "/products/p-1");
    expect(first.headers["cache-control"]).toMatch(/^public, max-age=\d+, stale-while-revalidate=\d+/);
    expect(first.headers.vary).toBe("Origin, Accept-Encoding, Authorization, X-API-Key");
    expect(first.headers.age).toBeUndefined();
    const tag = first.headers.etag as string;
    for (const known of [tag, `"x", ${tag}`, `W/${tag}`, "*"]) {
      const again = await get(shop, "/products/p-1", { "if-none-match": known });
      expect(again).toMatchObject({ status: 304, headers: { etag: tag, vary: first.headers.vary } });
      expect(again.headers["cache-control"]).toBe(first.headers["cache-control"]);
      expect(again.raw).toHaveLength(0);
    }
    const head = await send(shop, "HEAD", "/api/v1/products/p-1");
    expect(head.headers).toMatchObject({ etag: tag, "content-length": first.headers["content-length"] });
    expect(shop.calls).toHaveLength(1);
  });
});

describe("the form of an answer", () => {
  const long = { description: "Lamp ".repeat(1_000) };

  test.each([
    ["catalogue", "/products/p-1"],
    ["detail", "/products/p-1/detail"],
  ])("is compressed as the client likes best, also at the second time: %s", async (_, path) => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", () => product(1, { ...long, variants: [{ sku: "L" }] }));
    shop.answers.set("v1.products.related", () => ({ items: [] }));
    shop.answers.set("v1.inventory.getMany", () => ({ items: [] }));
    const plain = await get(shop, path);
    for (const accepted of ["gzip, br", "gzip", "gzip, br", "gzip;q=1, br;q=0.5"]) {
      const reply = await get(shop, path, { "accept-encoding": accepted });
      const coding = accepted === "gzip, br" ? "br" : "gzip";
      // A strong tag speaks for the very bytes.
      const tag = tagIn(plain.headers.etag as string, coding);
      expect(reply.headers).toMatchObject({ "content-encoding": coding, etag: tag });
      expect(reply.headers.vary).toContain("Accept-Encoding");
      expect(reply.raw.length).toBe(Number(reply.headers["content-length"]));
      expect(reply.raw.length).toBeLessThan(plain.raw.length / 5);
      expect((coding === "br" ? brotliDecompressSync : gunzipSync)(reply.raw)).toEqual(plain.raw);
      const head = await send(shop, "HEAD", `/api/v1${path}`, { headers: { "accept-encoding": accepted } });
      expect(head.headers["content-length"]).toBe(reply.headers["content-length"]);
    }
  });

  test("is plain where the client wants it so, where it is small, and where it holds tokens", async () => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", () => product(1));
    shop.answers.set("v1.users.login", () => ({ accessToken: "x".repeat(3_000) }));
    expect((await get(shop, "/products/p-1", { "accept-encoding": "br" })).headers["content-encoding"]).toBeUndefined();
    const tokens = await login(shop, { "accept-encoding": "br" });
    expect(tokens.body.accessToken).toHaveLength(3_000);
    shop.answers.set("v1.products.get", () => product(2, long));
    changed(shop, 2);
    await waitFor(async () => (await get(shop, "/products/p-1", { "accept-encoding": "br;q=0" })).body.version === 2);
  });

  test("is JSON or nothing", async () => {
    const shop = await gateway();
    shop.answers.set("v1.products.get", () => product(1));
    for (const accept of ["application/json", "text/html, */*;q=0.1", "application/*"])
      expect((await get(shop, "/products/p-1", { accept })).status).toBe(200);
    for (const accept of ["text/html", "application/json;q=0", "application/xml"])
      expect(await get(shop, "/products/p-1", { accept })).toMatchObject({ status: 406, body: { code: "NOT_ACCEPTABLE" } });
    // What was done must not look as if it was not.
    shop.answers.set("v1.users.login", () => ({}));
    expect((await login(shop, { accept: "text/html" })).status).toBe(200);
  });
});

describe("the limits", () => {
  const env = { RATE_LIMIT: "on", API_LIMIT_CREDENTIALS: "3", API_LIMIT_READ: "100/5/7" };

  test("say what is left, refuse with the time to wait, and keep that promise", async () => {
    const shop = await gateway(env);
    shop.answers.set("v1.users.login", () => ({}));
    const replies = [];
    for (let n = 0; n < 4; n++) replies.push(await login(shop, { "x-forwarded-for": `10.0.0.${n}` }));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(replies[0]?.headers["ratelimit-policy"]).toBe('"credentials-address";q=3;w=60');
    expect(replies.map(({ headers }) => /^"credentials-address";r=(\d+);t=\d+$/.exec(headers.ratelimit as string)?.[1])).toEqual([
      "2",
      "1",
      "0",
      "0",
    ]);
    const refused = replies[3] as Reply;
    expect(refused.body.code).toBe("RATE_LIMITED");
    expect(refused.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
    const seconds = Number(refused.headers["retry-after"]);
    expect(seconds).toBeGreaterThan(0);
    expect(refused.headers.ratelimit).toBe(`"credentials-address";r=0;t=${seconds}`);
    expect(shop.calls).toHaveLength(3);
    clock.advance(seconds * 1000);
    expect((await login(shop)).status).toBe(200);
  });

  test("of one class leave the others alone, and probes have none", async () => {
    const shop = await gateway(env);
    shop.answers.set("v1.users.login", () => ({}));
    shop.answers.set("v1.products.get", () => product(1));
    for (let n = 0; n < 5; n++) await login(shop);
    expect((await get(shop, "/products/p-1")).headers["ratelimit-policy"]).toBe('"read-address";q=100;w=60');
    expect((await send(shop, "GET", "/health/live")).headers.ratelimit).toBeUndefined();
  });

  test("count a user wherever the requests come from, also those that are answered out of the cache", async () => {
    const shop = await gateway({ ...env, API_TRUSTED_PROXIES: "127.0.0.0/8" });
    shop.answers.set("v1.users.get", () => ({}));
    shop.answers.set("v1.products.get", () => product(1));
    const ada = await bearer({ nowMs: clock.now() });
    const from = (n: number) => ({ "x-forwarded-for": `198.51.100.${n}` });
    for (let n = 0; n < 3; n++) expect((await get(shop, "/me", { ...ada, ...from(n) })).status).toBe(200);
    for (let n = 3; n < 5; n++) expect((await get(shop, "/products/p-1", { ...ada, ...from(n) })).status).toBe(200);
    expect((await get(shop, "/products/p-1", { ...ada, ...from(6) })).headers["ratelimit-policy"]).toBe('"read-user";q=5;w=60');
    expect((await get(shop, "/me", { ...ada, ...from(7) })).status).toBe(429);
    const eve = await bearer({ userId: "eve", nowMs: clock.now() });
    expect((await get(shop, "/me", { ...eve, ...from(7) })).status).toBe(200);
  });

  test("count a client behind a trusted proxy by its own address, and nobody by what he says himself", async () => {
    const trusting = await gateway({ ...env, API_TRUSTED_PROXIES: "127.0.0.1" });
    const doubting = await gateway({ ...env, API_TRUSTED_PROXIES: "192.0.2.1" });
    for (const shop of [trusting, doubting]) shop.answers.set("v1.users.login", () => ({}));
    const statuses = async (shop: Gateway, headers: (n: number) => Record<string, string>) => {
      const all = [];
      for (let n = 0; n < 5; n++) all.push((await login(shop, headers(n))).status);
      return all;
    };
    const each = (n: number) => ({ "x-forwarded-for": `198.51.100.${n}` });
    expect(await statuses(trusting, each)).toEqual([200, 200, 200, 200, 200]);
    expect(await statuses(doubting, each)).toEqual([200, 200, 200, 429, 429]);
    const pretended = (n: number) => ({ "x-forwarded-for": `198.51.100.${n}, 203.0.113.1` });
    expect(await statuses(trusting, pretended)).toEqual([200, 200, 200, 429, 429]);
  });

  test("count tokens that are not valid, before they are looked at", async () => {
    const shop = await gateway({ RATE_LIMIT: "on", API_LIMIT_READ: "3" });
    const statuses = [];
    for (let n = 0; n < 5; n++) statuses.push((await get(shop, "/me", { authorization: `Bearer nonsense${n}` })).status);
    expect(statuses).toEqual([401, 401, 401, 429, 429]);
  });
});

describeWith(["redis"], "Limits of several gateways with one Redis", () => {
  let redis: RunningServer;
  afterEach(() => redis.stop());

  test("are one, survive its death without making anybody wait, and are one again", async () => {
    redis = await startRedis();
    const env = {
      RATE_LIMIT: "on",
      REDIS_URL: redis.url,
      API_LIMIT_CREDENTIALS: "6",
      API_LIMIT_READ: "50",
      NAMESPACE: "shop-1",
    };
    const [one, two, other] = [await gateway(env), await gateway(env), await gateway({ ...env, NAMESPACE: "shop-2" })];
    for (const shop of [one, two, other]) {
      shop.answers.set("v1.users.login", () => ({}));
      shop.answers.set("v1.products.get", () => product(1));
    }
    const statuses = [];
    for (let n = 0; n < 8; n++) statuses.push((await login(n % 2 === 0 ? one : two)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 429, 429]);
    expect((await login(other)).status).toBe(200);

    // Reads are told of in the background.
    for (let n = 0; n < 50; n++) await get(one, "/products/p-1");
    expect((await get(one, "/products/p-1")).status).toBe(429);
    await eventually(async () => expect((await get(two, "/products/p-1")).status).toBe(429));

    await redis.kill();
    for (let n = 0; n < 4; n++) expect((await login(other)).status).toBe(200);
    const ready = await send(other, "GET", "/health/ready");
    expect(ready).toMatchObject({ status: 200, body: { checks: { redis: { status: "degraded" } } } });
    // What is known here still holds.
    for (const shop of [one, two]) expect((await login(shop)).status).toBe(429);
    await redis.restart();
    await eventually(async () => {
      const { body } = await send(other, "GET", "/health/ready");
      expect(body.checks.redis.status).toBe("ok");
    });
  });

  test("hold within each gateway that is started while Redis is away", async () => {
    redis = await startRedis();
    await redis.kill();
    const shop = await gateway({ RATE_LIMIT: "on", REDIS_URL: redis.url, API_LIMIT_CREDENTIALS: "2" });
    shop.answers.set("v1.users.login", () => ({}));
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await login(shop)).status);
    expect(statuses).toEqual([200, 200, 429]);
  });
});

describe("connections", () => {
  const tight = { API_HEADERS_TIMEOUT_MS: "400", API_RECEIVE_TIMEOUT_MS: "800", API_ANSWER_TIMEOUT_MS: "500" };
  /** Everything that comes until the gateway ends the connection. */
  const talk = async ({ address }: Gateway, ...said: string[]): Promise<string> => {
    const { hostname, port } = new URL(address);
    const socket = connect(Number(port), hostname);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    for (const text of said) socket.write(text);
    await new Promise((resolve) => socket.once("close", resolve).once("error", resolve));
    return Buffer.concat(chunks).toString();
  };
  const statusOf = (answer: string): number => Number(answer.split(" ")[1]);
  const codeOf = (answer: string): string => JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)).code;
  const POST = "POST /api/v1/auth/login HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n";

  test.each([
    ["headers that never end", ["GET /health/live HTTP/1.1\r\nHost: shop\r\nX-Slow: "], 408, "REQUEST_TIMEOUT"],
    ["a body that never ends", [`${POST}Content-Length: 50\r\n\r\n{"email"`], 408, "REQUEST_TIMEOUT"],
    ["headers that are too large", [`GET / HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`], 431, "HEADERS_TOO_LARGE"],
    ["what is not HTTP", ["EHLO shop.example\r\n\r\n"], 400, "MALFORMED_REQUEST"],
    ["two lengths", [`${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`], 400, "MALFORMED_REQUEST"],
    [
      "a length and chunks",
      [`${POST}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
      400,
      "MALFORMED_REQUEST",
    ],
    ["a length that is none", [`${POST}Content-Length: 2x\r\n\r\n{}`], 400, "MALFORMED_REQUEST"],
  ])("with %s are answered and ended", async (_, said, status, code) => {
    const answer = await talk(await gateway(tight), ...said);
    expect(statusOf(answer)).toBe(status);
    expect(codeOf(answer)).toBe(code);
    expect(answer).toMatch(/content-type: application\/problem\+json/i);
    expect(answer).toMatch(/x-request-id: \S+/i);
  });

  test("whose client does not read the answer are ended", async () => {
    // The only connection: as soon as another one is served, it was ended.
    const shop = await gateway({ ...tight, API_MAX_CONNECTIONS: "1" });
    shop.answers.set("v1.products.get", () => product(1, { description: "x".repeat(20_000_000) }));
    const { hostname, port } = new URL(shop.address);
    const socket = connect(Number(port), hostname).pause();
    socket.write("GET /api/v1/products/p-1 HTTP/1.1\r\nHost: shop\r\n\r\n");
    await waitFor(() => shop.calls.length === 1);
    await eventually(async () => expect((await send(shop, "GET", "/health/live")).status).toBe(200));
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => (bytes += chunk.length)).resume();
    await new Promise((resolve) => socket.once("close", resolve).once("error", resolve));
    expect(bytes).toBeLessThan(20_000_000);
  });

  test("that read slowly but steadily are served", async () => {
    const shop = await gateway({ ...tight, API_ANSWER_TIMEOUT_MS: "3000" });
    shop.answers.set("v1.products.get", () => product(1, { description: "x".repeat(8_000_000) }));
    const { hostname, port } = new URL(shop.address);
    const socket: Socket = connect(Number(port), hostname);
    socket.write("GET /api/v1/products/p-1 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
    let bytes = 0;
    for await (const chunk of socket) {
      bytes += (chunk as Buffer).length;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(bytes).toBeGreaterThan(8_000_000);
  });

  test("beyond the most that it takes are closed, and others served", async () => {
    const shop = await gateway({ API_MAX_CONNECTIONS: "2" });
    const { hostname, port } = new URL(shop.address);
    const held = [connect(Number(port), hostname), connect(Number(port), hostname)];
    await Promise.all(held.map((socket) => once(socket, "connect")));
    await expect(send(shop, "GET", "/health/live")).rejects.toMatchObject({ code: "ECONNRESET" });
    for (const socket of held) socket.destroy();
    await eventually(async () => expect((await send(shop, "GET", "/health/live")).status).toBe(200));
  });

  test("with too long an address are told so", async () => {
    const shop = await gateway();
    expect(await get(shop, `/products?q=${"x".repeat(9_000)}`)).toMatchObject({ status: 414, body: { code: "URI_TOO_LONG" } });
  });

  test("that ask before they send a body are told to, or not to", async () => {
    const shop = await gateway();
    shop.answers.set("v1.users.login", () => ({ accessToken: "x" }));
    const body = '{"email":"a@example.com","password":"x"}';
    const rest = "Expect: 100-continue\r\nConnection: close\r\n";
    const taken = await talk(shop, `${POST}${rest}Content-Length: ${body.length}\r\n\r\n`, body);
    expect(taken).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/);
    const refused = await talk(shop, `${POST}${rest}Content-Length: 99000000\r\n\r\n`);
    expect(statusOf(refused)).toBe(413);
    const strange = await talk(shop, `${POST}Expect: applause\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    expect(statusOf(strange)).toBe(417);
    expect(codeOf(strange)).toBe("EXPECTATION_FAILED");
  });
});

describe("TLS", () => {
  /** The answer, and whose certificate and which protocol it came by. */
  const ask = async (address: string, agent: Agent) => {
    const request = httpsRequest(`${address}/health/live`, { agent, rejectUnauthorized: false });
    request.end();
    const [response] = await once(request, "response");
    const { headers, statusCode } = response as { headers: IncomingHttpHeaders; statusCode: number };
    // With its last byte the answer loses its socket.
    const socket = response.socket as TLSSocket;
    const peer = { name: socket.getPeerCertificate().subject?.CN, protocol: socket.getProtocol(), socket };
    await response.toArray();
    return { statusCode, headers, ...peer };
  };
  const write = (folder: string, name: string): Record<string, string> => {
    const { cert, key } = newCertificate(name);
    const files = { API_TLS_CERT_FILE: join(folder, "cert.pem"), API_TLS_KEY_FILE: join(folder, "key.pem") };
    for (const [file, text] of [
      [files.API_TLS_CERT_FILE, cert],
      [files.API_TLS_KEY_FILE, key],
    ] as const) {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    }
    return files;
  };

  test("is spoken by configuration, and a new certificate is taken without dropping a connection", async () => {
    const folder = temporaryDataDir();
    const shop = await gateway(write(folder, "first"));
    expect(shop.address).toMatch(/^https:/);
    const [kept, fresh] = [new Agent({ keepAlive: true, maxSockets: 1 }), new Agent({ keepAlive: false, maxCachedSessions: 0 })];
    const before = await ask(shop.address, kept);
    expect(before).toMatchObject({ statusCode: 200, name: "first", protocol: "TLSv1.3" });
    expect(before.headers["strict-transport-security"]).toContain("max-age=");

    // Half of a renewal: the old one stays.
    writeFileSync(join(folder, "cert.pem"), newCertificate("stray").cert);
    process.emit("SIGHUP", "SIGHUP");
    expect((await ask(shop.address, fresh)).name).toBe("first");
    write(folder, "second");
    await eventually(async () => {
      process.emit("SIGHUP", "SIGHUP");
      expect((await ask(shop.address, fresh)).name).toBe("second");
    });
    const after = await ask(shop.address, kept);
    expect(after).toMatchObject({ statusCode: 200, name: "first" });
    expect(after.socket).toBe(before.socket);
    kept.destroy();

    const old = httpsRequest(`${shop.address}/health/live`, { agent: false, rejectUnauthorized: false, maxVersion: "TLSv1.1" });
    old.end();
    await expect(once(old, "response")).rejects.toThrow();
  });

  test("is not there for who does not speak it: the connection ends, and others are served", async () => {
    const shop = await gateway(write(temporaryDataDir(), "shop"));
    const { hostname, port } = new URL(shop.address);
    const plain = connect(Number(port), hostname);
    plain.write("GET /health/live HTTP/1.1\r\nHost: shop\r\n\r\n");
    plain.resume();
    await new Promise((resolve) => plain.once("close", resolve).once("error", resolve));
    expect((await ask(shop.address, new Agent({ keepAlive: false }))).statusCode).toBe(200);
  });

  test("with files that do not belong together stops the start by name", async () => {
    const folder = temporaryDataDir();
    const files = write(folder, "one");
    writeFileSync(files.API_TLS_KEY_FILE as string, newCertificate("two").key);
    await expect(openGateway(files, clock)).rejects.toThrow("API_TLS_CERT_FILE");
  });

  test("that a trusted proxy speaks is told to browsers, and none that a client pretends", async () => {
    const behind = await gateway({ API_TRUSTED_PROXIES: "127.0.0.1" });
    const bare = await gateway();
    const headers = { "x-forwarded-proto": "https" };
    const hsts = async (shop: Gateway) =>
      (await send(shop, "GET", "/health/live", { headers })).headers["strict-transport-security"];
    expect(await hsts(behind)).toContain("max-age=");
    expect(await hsts(bare)).toBeUndefined();
  });
});
