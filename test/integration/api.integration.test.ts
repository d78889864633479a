import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { actionsOf, contracts } from "@molecart/mixins/contracts/index.ts";
import { REVOKED, type Revocation } from "@molecart/mixins/contracts/users.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { hashApiKey, newApiKey } from "@molecart/mixins/lib/api-key.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { NotYet, Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { DeadlineLocals } from "@molecart/mixins/middlewares/deadlines.ts";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { type Context, Errors, type ServiceBroker } from "moleculer";
import { waitFor } from "../support/eventually.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

type Answer = (params: Record<string, unknown>) => unknown;
interface Call {
  action: string;
  params: Record<string, unknown>;
  requestId: string | null;
  traceparent: string;
  /** How long the gateway waits for this call. */
  remainingMs: number | undefined;
}

const NOW = Date.parse("2026-03-01T12:00:00Z");
const clock = new ManualClock(NOW);
const keys = await generateKeyPair("EdDSA", { extractable: true });

/** What the mesh answers, and what it was asked: all services but the gateway are the test. */
const answers = new Map<string, Answer>();
let calls: Call[] = [];
let revoked: Revocation[] = [];

const fakeService = ({ name, version, ...contract }: (typeof contracts)[keyof typeof contracts]) => ({
  name,
  version,
  actions: Object.fromEntries(
    Object.entries(actionsOf({ name, version, ...contract })).map(([action, { params }]) => [
      action,
      {
        params,
        handler(ctx: Context<Record<string, unknown>, { traceparent: string }>) {
          const full = `v${version}.${name}.${action}`;
          // Asked every few seconds, not by a request.
          if (full === "v1.users.revocations")
            return { items: revoked, nextCursor: null, asOf: new Date(NOW).toISOString(), kids: ["key-1"] };
          calls.push({
            action: full,
            params: ctx.params,
            requestId: ctx.requestID,
            traceparent: ctx.meta.traceparent,
            remainingMs: (ctx.locals as DeadlineLocals).deadline?.remainingMs,
          });
          const answer = answers.get(full);
          if (answer === undefined) throw new Error(`nobody expected ${full}`);
          return answer(ctx.params);
        },
      },
    ]),
  ),
});

const openGateway = async (env: Record<string, string> = {}, without: readonly string[] = []): Promise<ServiceBroker> => {
  const broker = await createBroker(["api"], {
    env: {
      API_PORT: "0",
      DATA_DIR: temporaryDataDir(),
      LOG_LEVEL: "fatal",
      RATE_LIMIT: "off",
      // Each test shall be asked for what it answers.
      API_CACHE_SECONDS: "0",
      ...env,
    },
    clock,
  });
  for (const contract of Object.values(contracts))
    if (!without.includes(contract.name)) broker.createService(fakeService(contract) as never);
  await broker.start();
  return broker;
};

const addressOf = (broker: ServiceBroker): string => (broker.getLocalService("v1.api") as unknown as { address: string }).address;

let broker: ServiceBroker;
let address: string;
beforeAll(async () => {
  broker = await openGateway({ API_CORS_ORIGINS: "https://shop.example" });
  address = addressOf(broker);
});
afterAll(async () => {
  await broker.stop();
  removeDataDirs();
});
beforeEach(async () => {
  const publicJwk = { ...(await exportJWK(keys.publicKey)), kid: "key-1", alg: "EdDSA", use: "sig" };
  answers.clear();
  answers.set("v1.users.jwks", () => ({ keys: [publicJwk] }));
  revoked = [];
  calls = [];
});

interface TokenOptions {
  roles?: string[];
  issuer?: string;
  expiresAtMs?: number;
  kid?: string;
  sid?: string;
}
const tokenOf = ({
  sid,
  roles = ["customer"],
  issuer = "molecart",
  expiresAtMs = NOW + 900_000,
  kid = "key-1",
}: TokenOptions = {}) =>
  new SignJWT({ email: "ada@example.com", name: "Ada", roles, ...(sid && { sid }) })
    .setProtectedHeader({ alg: "EdDSA", kid })
    .setSubject("ada")
    .setIssuer(issuer)
    .setAudience("molecart")
    .setExpirationTime(Math.floor(expiresAtMs / 1000))
    .sign(keys.privateKey);
const bearer = async (options?: TokenOptions) => ({ authorization: `Bearer ${await tokenOf(options)}` });
const asStaff = () => bearer({ roles: ["staff"] });

interface Reply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  body: any;
  text: string;
}
interface Sent {
  headers?: Record<string, string>;
  body?: unknown;
  raw?: string;
  at?: string;
}
const send = async (method: string, path: string, { headers = {}, body, raw, at = address }: Sent = {}): Promise<Reply> => {
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(at + path, {
    method,
    headers: { ...(content !== undefined && { "content-type": "application/json" }), ...headers },
    ...(content !== undefined && { body: content }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: text === "" ? undefined : JSON.parse(text) };
};
const api = (method: string, path: string, sent?: Sent) => send(method, `/api/v1${path}`, sent);
const meshCalls = () => calls.filter(({ action }) => action !== "v1.users.jwks");

const euro = (amount: number) => ({ amount, currency: "EUR" });
const emptyTotals = { items: euro(0), shipping: euro(0), tax: euro(0), total: euro(0) };
const filledCart = { lines: [], totals: { ...emptyTotals, total: euro(1190) } };
const shippingAddress = { name: "Ada", line1: "1 Main St", city: "Berlin", postalCode: "10115", country: "DE" };
const order = { id: "order-1", number: "M-1", status: "pending", lines: [], totals: emptyTotals, shippingAddress, history: [] };
const product = { id: "p-1", name: "Lamp", variants: [{ sku: "LAMP-1" }, { sku: "LAMP-2" }] };

describe("who may do what", () => {
  const examples = {
    public: ["GET", "/products/p-1", "v1.products.get"],
    "guest-or-customer": ["PUT", "/cart/items/LAMP-1", "v1.carts.setItem", { quantity: 1 }],
    customer: ["GET", "/me", "v1.users.get"],
    staff: ["GET", "/inventory/LAMP-1", "v1.inventory.get"],
    admin: ["GET", "/admin/users/u-1", "v1.users.getManaged"],
  } as const;
  const credentials: Record<string, () => Promise<Record<string, string>>> = {
    nobody: async () => ({}),
    "a customer": () => bearer(),
    staff: asStaff,
    "an admin": () => bearer({ roles: ["admin"] }),
    "an expired token": () => bearer({ expiresAtMs: NOW - 1_000 }),
    nonsense: async () => ({ authorization: "Bearer nonsense" }),
  };

  test.each<[keyof typeof examples, keyof typeof credentials, number]>([
    ["public", "nobody", 200],
    ["public", "a customer", 200],
    ["public", "an expired token", 401],
    ["public", "nonsense", 401],
    ["guest-or-customer", "nobody", 200],
    ["guest-or-customer", "a customer", 200],
    ["guest-or-customer", "an expired token", 401],
    ["guest-or-customer", "nonsense", 401],
    ["customer", "nobody", 401],
    ["customer", "a customer", 200],
    ["customer", "staff", 200],
    ["customer", "an expired token", 401],
    ["staff", "nobody", 401],
    ["staff", "nonsense", 401],
    ["staff", "a customer", 403],
    ["staff", "staff", 200],
    ["staff", "an admin", 200],
    ["admin", "nobody", 401],
    ["admin", "a customer", 403],
    ["admin", "staff", 403],
    ["admin", "an admin", 200],
  ])("a %s route answers %s with %i", async (access, who, status) => {
    const [method, path, action, body] = examples[access];
    answers.set(action, () => ({ ok: true }));
    const reply = await api(method, path, { headers: await credentials[who]?.(), ...(body && { body }) });
    expect(reply.status).toBe(status);
    if (status === 401) {
      expect(reply.body.code).toBe("UNAUTHENTICATED");
      expect(reply.headers.get("www-authenticate")).toContain("Bearer");
    }
    if (status === 403) expect(reply.body.code).toBe("FORBIDDEN");
    expect(meshCalls().map((call) => call.action)).toEqual(status === 200 ? [action] : []);
  });

  test.each<[string, () => Promise<string>]>([
    ["is signed by nobody", async () => `${part({ alg: "none", kid: "key-1" })}.${part(await claims())}.`],
    [
      "is signed with the public key as a secret",
      async () => {
        const content = `${part({ alg: "HS256", kid: "key-1" })}.${part(await claims())}`;
        const signature = createHmac("sha256", await exportSPKI(keys.publicKey))
          .update(content)
          .digest("base64url");
        return `${content}.${signature}`;
      },
    ],
    ["comes from another issuer", () => tokenOf({ issuer: "elsewhere" })],
    ["names an unknown key", () => tokenOf({ kid: "key-9" })],
  ])("a token that %s opens nothing", async (_, forge) => {
    const reply = await api("GET", "/me", { headers: { authorization: `Bearer ${await forge()}` } });
    expect(reply).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
    expect(meshCalls()).toEqual([]);
  });
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = async () => JSON.parse(Buffer.from((await tokenOf()).split(".")[1] as string, "base64url").toString());

  test("tokens are checked without a call per request", async () => {
    answers.set("v1.users.get", () => ({}));
    const headers = await bearer();
    await api("GET", "/me", { headers });
    calls = [];
    await Promise.all([1, 2, 3].map(() => api("GET", "/me", { headers })));
    expect(calls.map(({ action }) => action)).toEqual(["v1.users.get", "v1.users.get", "v1.users.get"]);
  });

  test("only staff see drafts, and services are told who looks at an order", async () => {
    answers.set("v1.products.get", () => product);
    answers.set("v1.orders.get", () => order);
    await api("GET", "/products/p-1");
    await api("GET", "/products/p-1", { headers: await asStaff() });
    await api("GET", "/orders/order-1", { headers: await bearer() });
    expect(meshCalls().map(({ params }) => params)).toEqual([
      { productId: "p-1", includeUnpublished: false },
      { productId: "p-1", includeUnpublished: true },
      { orderId: "order-1", viewer: { userId: "ada", roles: ["customer"] } },
    ]);
  });
});

describe("API keys", () => {
  const key = newApiKey();
  const holder = { id: "key-1", userId: "ada", email: "ada@example.com", name: "Ada", roles: ["customer"], expiresAt: null };
  const withScopes = (...scopes: string[]) => {
    answers.set("v1.users.findApiKey", ({ keyHash }) => (keyHash === hashApiKey(key) ? { ...holder, scopes } : null));
    // As users does when a key's rights have changed: nothing is remembered from the test before.
    const items: Revocation[] = [
      { kind: "api-key", id: "key-1", version: ++changes, until: new Date(NOW + 900_000).toISOString() },
    ];
    return broker.broadcast(REVOKED, { items });
  };
  let changes = 0;

  test.each([
    ["GET", "/me", ["profile:read"], 200],
    ["GET", "/me", ["profile:write", "orders:read"], 403],
    ["GET", "/cart", ["cart:read"], 200],
    ["GET", "/cart", ["profile:read"], 403],
    ["GET", "/products/p-1", ["catalog:read"], 200],
    ["GET", "/inventory/LAMP-1", ["inventory:read"], 403],
    ["GET", "/me/api-keys", ["profile:read"], 403],
    ["GET", "/admin/users", ["operations:read"], 403],
  ])("%s %s with a customer's key for %j answers %i", async (method, path, scopes, status) => {
    for (const action of ["v1.users.get", "v1.carts.get", "v1.products.get"]) answers.set(action, () => ({}));
    await withScopes(...scopes);
    const reply = await api(method, path, { headers: { "x-api-key": key } });
    expect(reply.status).toBe(status);
    if (status === 403) expect(reply.body.code).toBe("FORBIDDEN");
    expect(JSON.stringify(calls)).not.toContain(key);
  });

  test("that are unknown, mistyped, or beside an access token are refused", async () => {
    await withScopes("profile:read");
    const others: Record<string, string>[] = [
      { "x-api-key": newApiKey() },
      { "x-api-key": `${key}0` },
      { "x-api-key": key, ...(await bearer()) },
    ];
    for (const headers of others)
      expect(await api("GET", "/me", { headers })).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
    expect(meshCalls().map(({ action }) => action)).toEqual(["v1.users.findApiKey"]);
  });

  test("call in the name of their owner, and are told to users as used, later and in a batch", async () => {
    const gateway = await openGateway();
    answers.set("v1.users.findApiKey", () => ({ ...holder, scopes: ["orders:read"] }));
    answers.set("v1.orders.get", () => order);
    answers.set("v1.users.noteApiKeyUse", () => null);
    expect((await api("GET", "/orders/order-1", { at: addressOf(gateway), headers: { "x-api-key": key } })).status).toBe(200);
    expect(meshCalls().at(-1)?.params).toEqual({ orderId: "order-1", viewer: { userId: "ada", roles: ["customer"] } });
    await (
      gateway.getLocalService("v1.api") as unknown as { identity: { apiKeys: { noteUses(): Promise<void> } } }
    ).identity.apiKeys.noteUses();
    expect(meshCalls().at(-1)).toMatchObject({
      action: "v1.users.noteApiKeyUse",
      params: { uses: [{ id: "key-1", at: new Date(NOW).toISOString() }] },
    });
    await gateway.stop();
  });
});

describe("a token that was revoked", () => {
  test("opens nothing any more, from the broadcast on; a broadcast that is none is ignored", async () => {
    answers.set("v1.users.get", () => ({}));
    const of = async (sid: string) => ({ authorization: `Bearer ${await tokenOf({ sid })}` });
    expect((await api("GET", "/me", { headers: await of("s-1") })).status).toBe(200);
    const item = { kind: "session", id: "s-1", version: 0, until: new Date(NOW + 900_000).toISOString() };
    await broker.broadcast(REVOKED, { items: [{ ...item, kind: "everything" }] }).catch(() => {});
    expect((await api("GET", "/me", { headers: await of("s-1") })).status).toBe(200);
    await broker.broadcast(REVOKED, { items: [item] });
    expect(await api("GET", "/me", { headers: await of("s-1") })).toMatchObject({
      status: 401,
      body: { code: "UNAUTHENTICATED" },
    });
    expect((await api("GET", "/me", { headers: await of("s-2") })).status).toBe(200);
  });
});

describe("requests that do not fit", () => {
  test("each wrong, missing or unknown field of a body is named", async () => {
    const body = { email: "no", name: "Ada", roles: ["admin"] };
    const reply = await api("POST", "/auth/register", { body });
    expect(reply).toMatchObject({ status: 422, body: { code: "VALIDATION_FAILED", title: expect.any(String) } });
    expect(reply.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(reply.body.errors.map((error: { path: string }) => error.path).sort()).toEqual(["email", "password", "roles"]);
    expect(meshCalls()).toEqual([]);
  });

  test("a query is read by its schema and may hold nothing else", async () => {
    answers.set("v1.products.search", () => ({ items: [] }));
    await api("GET", "/products?q=lamp&minPrice=100&limit=5");
    expect(meshCalls()[0]?.params).toEqual({ q: "lamp", minPrice: 100, limit: 5 });
    await api("GET", "/products?brand=Norr&attribute=colour:red&attribute=size:L&available=true");
    expect(meshCalls().at(-1)?.params).toEqual({
      brand: ["Norr"],
      attribute: ["colour:red", "size:L"],
      available: true,
      limit: 20,
    });
    expect(await api("GET", "/products?attribute=red")).toMatchObject({ status: 422 });
    const reply = await api("GET", "/products?minprice=100&limit=no&filter[brand]=x&q=a&q=b");
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map((error: { path: string }) => error.path).sort()).toEqual([
      "filter[brand]",
      "limit",
      "minprice",
      "q",
    ]);
  });

  test("neither query nor path reaches into a body", async () => {
    answers.set("v1.users.setAddress", () => ({}));
    const headers = await bearer();
    const withQuery = await api("PUT", "/me/addresses/a-1?city=Paris", { headers, body: shippingAddress });
    expect(withQuery).toMatchObject({ status: 422, body: { errors: [{ path: "city", message: "is not known" }] } });
    const withPath = await api("PUT", "/me/addresses/a-1", { headers, body: { ...shippingAddress, id: "a-2" } });
    expect(withPath).toMatchObject({ status: 422, body: { errors: [{ path: "id", message: "is not known" }] } });
    await api("PUT", "/me/addresses/a-1", { headers, body: shippingAddress });
    expect(meshCalls().map(({ params }) => params)).toEqual([{ userId: "ada", addressId: "a-1", address: shippingAddress }]);
  });

  test("refuses what no store could keep, and says where it is", async () => {
    const refused = (path: string) => ({
      status: 422,
      body: { code: "VALIDATION_FAILED", errors: [{ path, message: expect.stringContaining("U+0000") }] },
    });
    const customer = { email: "ada@example.com", password: "correct horse", name: "Ada\0Lovelace" };
    expect(await api("POST", "/auth/register", { body: customer })).toMatchObject(refused("name"));
    const half = `{"email":"ada@example.com","password":"correct horse","name":"Ada \\ud83d"}`;
    expect(await api("POST", "/auth/register", { raw: half })).toMatchObject(refused("name"));
    expect(await api("GET", "/products?q=lamp%00")).toMatchObject(refused("q"));
    const address = { ...shippingAddress, line1: "1 Main\0 St" };
    expect(await api("POST", "/me/addresses", { headers: await bearer(), body: address })).toMatchObject(refused("line1"));
    expect(meshCalls()).toEqual([]);
  });

  test("a path value of a wrong form is refused before any call", async () => {
    expect(await api("GET", "/products/a%20b")).toMatchObject({ status: 422, body: { errors: [{ path: "id" }] } });
    expect(await api("GET", "/products/%zz")).toMatchObject({ status: 400, body: { code: "MALFORMED_URL" } });
    expect(meshCalls()).toEqual([]);
  });

  test.each([
    ["half of it", '{"email":'],
    ["a bare text", '"email"'],
    ["a prototype", '{"email":"a@example.com","password":"x","__proto__":{"roles":["admin"]}}'],
    ["a hidden prototype", '{"email":"a@example.com","password":"x","\\u005f_proto__":{}}'],
  ])("a body that is not a JSON object is refused: %s", async (_, raw) => {
    expect(await api("POST", "/auth/login", { raw })).toMatchObject({ status: 400, body: { code: "MALFORMED_JSON" } });
    expect(meshCalls()).toEqual([]);
  });

  test.each(["text/plain", "application/x-www-form-urlencoded", "application/json-seq", "multipart/form-data; boundary=x"])(
    "a body of type %s is refused",
    async (type) => {
      const reply = await api("POST", "/auth/login", { raw: "{}", headers: { "content-type": type } });
      expect(reply).toMatchObject({ status: 415, body: { code: "UNSUPPORTED_MEDIA_TYPE" } });
    },
  );

  test("a compressed body is refused", async () => {
    const headers = { "content-encoding": "gzip" };
    expect((await api("POST", "/auth/login", { raw: "{}", headers })).status).toBe(415);
  });

  test("a body that is larger than its route takes is refused", async () => {
    const login = await api("POST", "/auth/login", { body: { email: "x".repeat(11 * 1024), password: "x" } });
    expect(login).toMatchObject({ status: 413, body: { code: "BODY_TOO_LARGE" } });
    const body = { name: "x".repeat(101 * 1024) };
    expect((await api("PATCH", "/me", { headers: await bearer(), body })).status).toBe(413);
    expect(await api("PATCH", "/me", { headers: await bearer(), body: { name: "x".repeat(11 * 1024) } })).toMatchObject({
      status: 422,
      body: { errors: [{ path: "name" }] },
    });
  });

  test("a body where none belongs is refused", async () => {
    const reply = await api("POST", "/admin/shipments/s-1/deliver", { headers: await asStaff(), body: { force: true } });
    expect(reply).toMatchObject({ status: 422, body: { errors: [{ path: "force", message: "is not known" }] } });
  });
});

describe("only the table can be reached", () => {
  test.each([
    "/",
    "/api",
    "/api/v1",
    "/api/v1/nothing",
    "/api/v1/~node/health",
    "/~node/actions",
    "/$node/services",
    "/api/list-aliases",
    "/v1.users.seedDemo",
    "/api/v1/v1.users.seedDemo",
    "/v1/users/seedDemo",
    "/users/get",
    "/API/V1/CART",
    "/api/v1/health/live",
    "//api/v1/cart",
  ])("%s is not there", async (path) => {
    for (const method of ["GET", "POST", "DELETE"]) {
      const reply = await send(method, path);
      expect(reply).toMatchObject({ status: 404, body: { code: "NOT_FOUND", status: 404 } });
      expect(reply.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    }
    expect(calls).toEqual([]);
  });

  test("a known path tells which methods it has", async () => {
    const reply = await api("PUT", "/cart");
    expect(reply).toMatchObject({ status: 405, body: { code: "METHOD_NOT_ALLOWED" } });
    expect(reply.headers.get("allow")).toBe("DELETE, GET, HEAD, OPTIONS");
    expect((await api("DELETE", "/products/p-1/detail")).headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });

  test("OPTIONS tells it too and runs nothing, whatever a preflight asks for", async () => {
    const headers = { "access-control-request-method": "DELETE", origin: "https://evil.example", "x-cart-token": "x".repeat(32) };
    const reply = await api("OPTIONS", "/cart", { headers });
    expect(reply.status).toBe(204);
    expect(reply.headers.get("allow")).toBe("DELETE, GET, HEAD, OPTIONS");
    expect(reply.headers.get("access-control-allow-origin")).toBeNull();
    expect((await api("OPTIONS", "/nothing")).status).toBe(404);
    expect(calls).toEqual([]);
  });

  test("HEAD is GET without the body", async () => {
    answers.set("v1.products.get", () => product);
    const [get, head] = [await api("GET", "/products/p-1"), await api("HEAD", "/products/p-1")];
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers.get("content-length")).toBe(get.headers.get("content-length"));
    expect(head.headers.get("etag")).toBe(get.headers.get("etag"));
    expect((await api("HEAD", "/auth/login")).status).toBe(405);
  });
});

describe("answers", () => {
  test("carry an entity tag, and are not sent again to who has them", async () => {
    answers.set("v1.products.get", () => product);
    const first = await api("GET", "/products/p-1");
    expect(first.headers.get("content-type")).toBe("application/json; charset=utf-8");
    const tag = first.headers.get("etag") as string;
    expect(await api("GET", "/products/p-1", { headers: { "if-none-match": tag } })).toMatchObject({ status: 304, text: "" });
    answers.set("v1.products.get", () => ({ ...product, name: "New lamp" }));
    expect((await api("GET", "/products/p-1", { headers: { "if-none-match": tag } })).status).toBe(200);
  });

  test("of people are not kept by shared caches, and those with tokens by none", async () => {
    answers.set("v1.users.get", () => ({}));
    answers.set("v1.users.login", () => ({ accessToken: "x" }));
    expect((await api("GET", "/me", { headers: await bearer() })).headers.get("cache-control")).toBe("private, no-store");
    const login = await api("POST", "/auth/login", { body: { email: "a@example.com", password: "x" } });
    expect(login.headers.get("cache-control")).toBe("no-store");
  });

  test("have the status of their route", async () => {
    answers.set("v1.users.register", () => ({ user: {} }));
    answers.set("v1.users.logout", () => null);
    answers.set("v1.products.create", () => product);
    const body = { email: "a@example.com", password: "long enough", name: "Ada" };
    expect((await api("POST", "/auth/register", { body })).status).toBe(201);
    expect(await api("POST", "/auth/logout", { body: { refreshToken: "r" } })).toMatchObject({ status: 204, text: "" });
    const variants = [{ sku: "L", attributes: {}, price: euro(1) }];
    const newProduct = { name: "Lamp", brand: "B", category: "lamps", description: "", variants };
    const created = await api("POST", "/products", { headers: await asStaff(), body: newProduct });
    expect(created.status).toBe(201);
    expect(created.headers.get("location")).toBe("/api/v1/products/p-1");
  });

  test.each(["/api/v1/products/p-1", "/api/v1/me", "/api/v1/nothing", "/api/v1/products?x=1"])(
    "have the security headers and may be read by allowed origins: %s",
    async (path) => {
      answers.set("v1.products.get", () => product);
      const reply = await send("GET", path, { headers: { origin: "https://shop.example" } });
      expect(reply.headers.get("x-content-type-options")).toBe("nosniff");
      expect(reply.headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(reply.headers.get("access-control-allow-origin")).toBe("https://shop.example");
      expect(reply.headers.get("x-powered-by")).toBeNull();
    },
  );

  test("tell a browser of an allowed origin what it may send", async () => {
    const headers = { origin: "https://shop.example", "access-control-request-method": "POST" };
    const reply = await api("OPTIONS", "/orders", { headers });
    expect(reply.status).toBe(204);
    expect(reply.headers.get("access-control-allow-headers")).toContain("Idempotency-Key");
    expect(reply.headers.get("access-control-allow-methods")).toContain("POST");
  });
});

describe("a request's id", () => {
  test("of the client goes through the mesh and comes back, with its trace", async () => {
    answers.set("v1.products.get", () => product);
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const reply = await api("GET", "/products/p-1", { headers: { "x-request-id": "checkout:7", traceparent } });
    expect(reply.headers.get("x-request-id")).toBe("checkout:7");
    expect(meshCalls()).toMatchObject([{ requestId: "checkout:7", traceparent }]);
  });

  test("is made where the client's is not fit, and no other header replaces it", async () => {
    answers.set("v1.products.get", () => product);
    const headers = { "x-request-id": 'a"b', "x-correlation-id": "spoofed", traceparent: "00-junk" };
    const reply = await api("GET", "/products/p-1", { headers });
    expect(reply.headers.get("x-request-id")).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(meshCalls()[0]?.requestId).toBe(reply.headers.get("x-request-id"));
    expect(meshCalls()[0]?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  });

  test.each([
    ["GET", "/nothing", 404],
    ["PUT", "/cart", 405],
    ["GET", "/me", 401],
    ["POST", "/auth/login", 422],
    ["OPTIONS", "/cart", 204],
    ["GET", "/products/p-1", 500],
  ])("is on the answer to %s %s (%i), and in the problem", async (method, path, status) => {
    const reply = await api(method, path, { headers: { "x-request-id": "mine" } });
    expect(reply.status).toBe(status);
    expect(reply.headers.get("x-request-id")).toBe("mine");
    if (status >= 400) expect(reply.body.requestId).toBe("mine");
  });
});

describe("failures behind the gateway", () => {
  const secret = "connect db://user:pw@10.0.0.7";
  test.each<[string, unknown, number, string]>([
    ["a refusal", new Refusal("PRODUCT_NOT_FOUND", 404, "There is no product p-1"), 404, "PRODUCT_NOT_FOUND"],
    ["a conflict that passes", new NotYet("STILL_BUSY", 409, "Wait"), 409, "STILL_BUSY"],
    ["a plain error", new Error(secret), 500, "INTERNAL"],
    ["an error that wants to be a 404", Object.assign(new Error(secret), { code: 404 }), 500, "INTERNAL"],
    ["a lost database", new Unavailable(secret), 503, "SERVICE_UNAVAILABLE"],
    ["a silent node", new Errors.RequestTimeoutError({ action: secret, nodeID: "n" }), 503, "SERVICE_UNAVAILABLE"],
  ])("%s", async (_, error, status, code) => {
    answers.set("v1.products.get", () => {
      throw error;
    });
    const reply = await api("GET", "/products/p-1");
    expect(reply).toMatchObject({ status, body: { status, code, requestId: reply.headers.get("x-request-id") } });
    expect(reply.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
    expect(reply.headers.get("retry-after")).toBe(status === 503 ? "1" : null);
    expect(reply.text).not.toMatch(/10\.0\.0|stack|\.ts:|pw@/);
  });
});

describe("carts", () => {
  beforeEach(() => {
    for (const action of ["get", "setItem", "removeItem", "merge"]) answers.set(`v1.carts.${action}`, () => filledCart);
    answers.set("v1.carts.clear", () => null);
  });

  test("a guest's first write answers a token, which leads to the same cart again", async () => {
    const first = await api("PUT", "/cart/items/LAMP-1", { body: { quantity: 2 } });
    expect(first).toMatchObject({ status: 200, body: filledCart });
    const token = first.headers.get("x-cart-token") as string;
    expect(token).toMatch(/^[A-Za-z0-9_-]{32}$/);
    const again = await api("GET", "/cart", { headers: { "x-cart-token": token } });
    expect(again.headers.get("x-cart-token")).toBe(token);
    expect(meshCalls().map(({ params }) => params)).toEqual([
      { cartId: `guest:${token}`, sku: "LAMP-1", quantity: 2 },
      { cartId: `guest:${token}` },
    ]);
    const other = await api("PUT", "/cart/items/LAMP-1", { body: { quantity: 2 } });
    expect(other.headers.get("x-cart-token")).not.toBe(token);
  });

  test("a guest without a token has an empty cart, and nobody needs to be asked for it", async () => {
    const empty = { lines: [], totals: emptyTotals };
    expect(await api("GET", "/cart")).toMatchObject({ status: 200, body: empty });
    expect(await api("DELETE", "/cart/items/LAMP-1")).toMatchObject({ status: 200, body: empty });
    expect((await api("DELETE", "/cart")).status).toBe(204);
    expect((await api("GET", "/cart")).headers.get("x-cart-token")).toBeNull();
    expect(calls).toEqual([]);
  });

  test("a token that the shop has not made is refused", async () => {
    const reply = await api("GET", "/cart", { headers: { "x-cart-token": "mine" } });
    expect(reply).toMatchObject({ status: 400, body: { code: "INVALID_CART_TOKEN" } });
  });

  test("a failed first write answers no token", async () => {
    answers.set("v1.carts.setItem", () => {
      throw new Refusal("SKU_NOT_FOUND", 404, "There is no SKU X");
    });
    const reply = await api("PUT", "/cart/items/X", { body: { quantity: 1 } });
    expect(reply).toMatchObject({ status: 404, body: { code: "SKU_NOT_FOUND" } });
    expect(reply.headers.get("x-cart-token")).toBeNull();
  });

  test("a signed-in customer's cart is the customer's, whatever cart token comes along", async () => {
    const headers = { ...(await bearer()), "x-cart-token": "x".repeat(32) };
    const reply = await api("GET", "/cart", { headers });
    expect(reply.headers.get("x-cart-token")).toBeNull();
    expect(meshCalls()[0]?.params).toEqual({ cartId: "user:ada" });
  });

  test("a guest's cart is merged into the customer's, and no other customer's can be", async () => {
    const token = "t".repeat(32);
    const headers = await bearer();
    expect((await api("POST", "/cart/merge", { headers, body: { cartToken: token } })).status).toBe(200);
    expect(meshCalls()[0]?.params).toEqual({ from: `guest:${token}`, into: "user:ada" });
    expect((await api("POST", "/cart/merge", { headers, body: { cartToken: "user:eve" } })).status).toBe(422);
    expect((await api("POST", "/cart/merge", { body: { cartToken: token } })).status).toBe(401);
  });
});

describe("placing an order", () => {
  const body = { paymentToken: "tok_1", shippingAddress };
  beforeEach(() => {
    answers.set("v1.orders.create", () => order);
  });

  test("answers 202 with the order and its address; the customer is who the token says", async () => {
    const headers = { ...(await bearer()), "idempotency-key": "key-1" };
    const reply = await api("POST", "/orders", { headers, body });
    expect(reply).toMatchObject({ status: 202, body: { order } });
    expect(reply.headers.get("location")).toBe("/api/v1/orders/order-1");
    expect(meshCalls()[0]?.params).toEqual({
      customer: { id: "ada", email: "ada@example.com", name: "Ada" },
      idempotencyKey: "key-1",
      ...body,
    });
  });

  test("needs a key that tells a repeat from a second order", async () => {
    const headers = await bearer();
    expect(await api("POST", "/orders", { headers, body })).toMatchObject({
      status: 400,
      body: { code: "IDEMPOTENCY_KEY_REQUIRED" },
    });
    expect(await api("POST", "/orders", { headers: { ...headers, "idempotency-key": "k".repeat(201) }, body })).toMatchObject({
      status: 422,
      body: { errors: [{ path: "Idempotency-Key" }] },
    });
    expect(meshCalls()).toEqual([]);
  });

  test("takes no prices and no customer from the client", async () => {
    const headers = { ...(await bearer()), "idempotency-key": "k" };
    const reply = await api("POST", "/orders", { headers, body: { ...body, totals: emptyTotals, customer: { id: "eve" } } });
    expect(reply.status).toBe(422);
    expect(reply.body.errors.map((error: { path: string }) => error.path).sort()).toEqual(["customer", "totals"]);
  });
});

test("a cancellation answers 202 with the order, and says who asks", async () => {
  answers.set("v1.orders.cancel", () => ({ ...order, status: "cancelled" }));
  const reply = await api("POST", "/orders/order-1/cancel", { headers: await bearer(), body: { reason: "changed my mind" } });
  expect(reply).toMatchObject({ status: 202, body: { order: { status: "cancelled" } } });
  expect(meshCalls()[0]?.params).toEqual({
    orderId: "order-1",
    viewer: { userId: "ada", roles: ["customer"] },
    reason: "changed my mind",
  });
});

describe("refunds and returns", () => {
  const refund = {
    id: "refund-1",
    orderId: "order-1",
    amount: { amount: 100, currency: "EUR" },
    reason: "late",
    status: "pending",
  };
  const request = { id: "return-1", orderId: "order-1", status: "requested" };
  const lines = [{ sku: "A", quantity: 1 }];

  test("staff refunds a part under a key of its own choice, or under a new one", async () => {
    answers.set("v1.payments.refund", () => refund);
    const headers = await bearer({ roles: ["staff"] });
    const body = { amount: refund.amount, reason: "late" };
    const keyed = { headers: { ...headers, "idempotency-key": "key-1" }, body };
    expect(await api("POST", "/admin/orders/order-1/refunds", keyed)).toMatchObject({ status: 202, body: { refund } });
    const viewer = { userId: "ada", roles: ["staff"] };
    expect(meshCalls()[0]?.params).toEqual({ orderId: "order-1", viewer, idempotencyKey: "key-1", ...body });
    for (const _ of [1, 2]) await api("POST", "/admin/orders/order-1/refunds", { headers, body: { reason: "all" } });
    const keys = meshCalls().map(({ params }) => (params as { idempotencyKey: string }).idempotencyKey);
    expect(new Set(keys).size).toBe(3);
  });

  test("a customer announces a return and cannot refund, receive or reject", async () => {
    answers.set("v1.orders.requestReturn", () => request);
    const headers = await bearer();
    const reply = await api("POST", "/orders/order-1/returns", { headers, body: { lines, reason: "too bright" } });
    expect(reply).toMatchObject({ status: 202, body: { return: request } });
    for (const [path, body] of [
      ["/admin/orders/order-1/refunds", { reason: "mine" }],
      ["/admin/returns/return-1/receive", { lines: lines.map((line) => ({ ...line, restock: true })) }],
      ["/admin/returns/return-1/reject", { reason: "worn" }],
    ] as const)
      expect((await api("POST", path, { headers, body })).status).toBe(403);
    expect(meshCalls()).toHaveLength(1);
  });

  test("staff receives a return with a decision on each line", async () => {
    answers.set("v1.orders.receiveReturn", () => ({ ...request, status: "received" }));
    const headers = await bearer({ roles: ["staff"] });
    const path = "/admin/returns/return-1/receive";
    expect((await api("POST", path, { headers, body: { lines } })).status).toBe(422);
    const decided = lines.map((line) => ({ ...line, restock: false }));
    expect(await api("POST", path, { headers, body: { lines: decided } })).toMatchObject({
      status: 202,
      body: { return: { status: "received" } },
    });
    expect(meshCalls()[0]?.params).toEqual({ returnId: "return-1", lines: decided });
  });
});

describe("answers of several parts", () => {
  const fails = () => {
    throw new Error("away");
  };

  test("an overview has all parts, and one that fails takes no other with it", async () => {
    answers.set("v1.users.get", () => ({ id: "ada" }));
    answers.set("v1.carts.get", () => filledCart);
    answers.set("v1.orders.list", () => ({ items: [order], nextCursor: null }));
    const headers = await bearer();
    const whole = { profile: { id: "ada" }, cart: filledCart, orders: [order], degraded: [] };
    expect(await api("GET", "/me/overview", { headers })).toMatchObject({ status: 200, body: whole });
    answers.set("v1.carts.get", fails);
    const degraded = { ...whole, cart: null, degraded: ["cart"] };
    expect((await api("GET", "/me/overview", { headers })).body).toEqual(degraded);
    answers.set("v1.orders.list", fails);
    answers.set("v1.users.get", fails);
    const none = { profile: null, cart: null, orders: null, degraded: ["profile", "cart", "orders"] };
    expect((await api("GET", "/me/overview", { headers })).body).toEqual(none);
  });

  test("an overview does not wait for a part that hangs", async () => {
    answers.set("v1.users.get", () => ({ id: "ada" }));
    let answerLate: (cart: unknown) => void = () => {};
    answers.set("v1.carts.get", () => new Promise((resolve) => (answerLate = resolve)));
    answers.set("v1.orders.list", () => ({ items: [], nextCursor: null }));
    const reply = await api("GET", "/me/overview", { headers: await bearer() });
    expect(reply.body).toEqual({ profile: { id: "ada" }, cart: null, orders: [], degraded: ["cart"] });
    answerLate(filledCart);
  });

  test("a product's detail does not wait for a part that hangs, and the mesh is told how long it is waited for", async () => {
    answers.set("v1.products.get", () => product);
    answers.set("v1.products.related", () => ({ items: [] }));
    let answerLate: (stock: unknown) => void = () => {};
    answers.set("v1.inventory.getMany", () => new Promise((resolve) => (answerLate = resolve)));
    const reply = await api("GET", "/products/p-1/detail");
    expect(reply.body).toEqual({ product, stock: null, related: [], degraded: ["stock"] });
    const patience = Object.fromEntries(meshCalls().map(({ action, remainingMs }) => [action, remainingMs]));
    expect(patience["v1.inventory.getMany"]).toBeLessThanOrEqual(1_000);
    expect(patience["v1.products.related"]).toBeLessThanOrEqual(1_500);
    expect(patience["v1.products.get"]).toBeGreaterThan(2_000);
    answerLate({ items: [] });
  });

  test("a part is given up in time for a client in a hurry", async () => {
    answers.set("v1.users.get", () => ({ id: "ada" }));
    let answerLate: (cart: unknown) => void = () => {};
    answers.set("v1.carts.get", () => new Promise((resolve) => (answerLate = resolve)));
    answers.set("v1.orders.list", () => ({ items: [], nextCursor: null }));
    const reply = await api("GET", "/me/overview", { headers: { ...(await bearer()), prefer: "wait=1" } });
    expect(reply.body).toEqual({ profile: { id: "ada" }, cart: null, orders: [], degraded: ["cart"] });
    expect(meshCalls().every(({ remainingMs }) => (remainingMs as number) <= 800)).toBe(true);
    answerLate(filledCart);
  });

  test("a product's detail does without stock and related ones, but not without the product", async () => {
    answers.set("v1.products.get", () => product);
    answers.set("v1.products.related", () => ({ items: [] }));
    answers.set("v1.inventory.getMany", () => ({ items: [{ sku: "LAMP-1", onHand: 9, reserved: 2, available: 7 }] }));
    const whole = { product, stock: [{ sku: "LAMP-1", available: 7 }], related: [], degraded: [] };
    expect((await api("GET", "/products/p-1/detail")).body).toEqual(whole);
    expect(calls.find(({ action }) => action === "v1.inventory.getMany")?.params).toEqual({ skus: ["LAMP-1", "LAMP-2"] });
    answers.set("v1.inventory.getMany", fails);
    answers.set("v1.products.related", fails);
    expect((await api("GET", "/products/p-1/detail")).body).toEqual({
      product,
      stock: null,
      related: null,
      degraded: ["stock", "related"],
    });
    answers.set("v1.products.get", () => {
      throw new Refusal("PRODUCT_NOT_FOUND", 404, "There is no product p-1");
    });
    expect((await api("GET", "/products/p-1/detail")).status).toBe(404);
  });
});

describe("a request's time", () => {
  test("is what the client says, and at most what the gateway has for one", async () => {
    answers.set("v1.products.get", () => product);
    const remaining = async (headers: Record<string, string>) => {
      calls = [];
      expect((await api("GET", "/products/p-1", { headers })).status).toBe(200);
      return meshCalls()[0]?.remainingMs as number;
    };
    expect(await remaining({ "request-timeout": "0.8" })).toBeLessThanOrEqual(800);
    expect(await remaining({ prefer: "wait=2" })).toBeLessThanOrEqual(2_000);
    // One attempt: there is as much again for another node.
    expect(await remaining({ "request-timeout": "3600" })).toBeGreaterThan(4_000);
    const wrong = await api("GET", "/products/p-1", { headers: { "request-timeout": "soon" } });
    expect([wrong.status, wrong.body.code]).toEqual([400, "INVALID_REQUEST_TIMEOUT"]);
  });

  test("is over with a 504 of its own while the service still hangs", async () => {
    let answerLate: (product: unknown) => void = () => {};
    answers.set("v1.products.get", () => new Promise((resolve) => (answerLate = resolve)));
    const reply = await api("GET", "/products/p-1", { headers: { "request-timeout": "0.2" } });
    expect([reply.status, reply.body.code]).toEqual([504, "DEADLINE_EXCEEDED"]);
    expect(reply.text).not.toMatch(/v1|products\.get/);
    answerLate(product);
  });

  test("ends with its client: what was asked goes on unheard, and nothing more is asked", async () => {
    const lines: { status: number; route: string }[] = [];
    const { logger } = (broker.getLocalService("v1.api") as unknown as { edge: { logger: { info: unknown; warn: unknown } } })
      .edge;
    const { info, warn } = logger;
    const faults: unknown[] = [];
    Object.assign(logger, {
      info: (_: string, detail: { status: number; route: string }) => lines.push(detail),
      warn: (...fault: unknown[]) => faults.push(fault),
      error: (...fault: unknown[]) => faults.push(fault),
    });
    try {
      let answerLate: (product: unknown) => void = () => {};
      answers.set("v1.products.related", () => ({ items: [] }));
      answers.set("v1.products.get", () => new Promise((resolve) => (answerLate = resolve)));
      answers.set("v1.inventory.getMany", () => ({ items: [] }));
      const { hostname, port } = new URL(address);
      const client = httpRequest({ hostname, port, path: "/api/v1/products/p-1/detail" });
      client.on("error", () => {});
      client.end();
      await waitFor(() => meshCalls().length === 2);
      client.destroy();
      await waitFor(() => lines.length === 1);
      expect(lines).toMatchObject([{ status: 499, route: "/api/v1/products/{id}/detail", aborted: true }]);
      answerLate(product);
      answers.set("v1.products.get", () => product);
      // A later request has been answered: whatever the first was to do is done.
      expect((await api("GET", "/products/p-1")).status).toBe(200);
      expect(meshCalls().map(({ action }) => action)).not.toContain("v1.inventory.getMany");
      expect(faults).toEqual([]);
    } finally {
      Object.assign(logger, { info, warn });
      Reflect.deleteProperty(logger, "error");
    }
  });
});

describe("health", () => {
  let alone: ServiceBroker | undefined;
  afterEach(async () => {
    await alone?.stop();
    alone = undefined;
  });

  test("a gateway that sees all services is ready", async () => {
    expect(await send("GET", "/health/live")).toMatchObject({ status: 200, body: { status: "ok" } });
    const ready = await send("GET", "/health/ready");
    expect(ready).toMatchObject({ status: 200, body: { status: "ok", checks: { "service v1.orders": { status: "ok" } } } });
  });

  test("a missing service is named, and comes back", async () => {
    alone = await openGateway({}, ["orders"]);
    const at = addressOf(alone);
    const unready = await send("GET", "/health/ready", { at });
    expect(unready).toMatchObject({ status: 503, body: { status: "unavailable" } });
    const failed = Object.entries(unready.body.checks).filter(([, check]) => (check as { status: string }).status === "failed");
    expect(failed).toEqual([["service v1.orders", { status: "failed" }]]);
    expect((await send("GET", "/health/live", { at })).status).toBe(200);
    alone.createService(fakeService(contracts.orders) as never);
    await waitFor(async () => (await send("GET", "/health/ready", { at })).status === 200);
  });

  test("a service that goes away after it was seen leaves the gateway ready, degraded and named", async () => {
    alone = await openGateway();
    const at = addressOf(alone);
    expect((await send("GET", "/health/ready", { at })).body.status).toBe("ok");
    await alone.destroyService(alone.getLocalService("v1.notifications") as never);
    const ready = await send("GET", "/health/ready", { at });
    expect(ready).toMatchObject({
      status: 200,
      body: { status: "degraded", checks: { "service v1.notifications": { status: "degraded" } } },
    });
  });

  test("a local service's failing check is named without its reason", async () => {
    alone = await openGateway();
    Object.assign(alone.getLocalService("v1.orders") as object, {
      healthChecks: { "orders database": () => Promise.reject(new Error("10.0.0.7 refused")) },
    });
    const reply = await send("GET", "/health/ready", { at: addressOf(alone) });
    expect(reply.status).toBe(503);
    expect(reply.body.checks["orders database"]).toEqual({ status: "failed" });
    expect(reply.text).not.toContain("10.0.0.7");
  });
});

describe("start and stop", () => {
  test("a port that is taken is told by the setting's name", async () => {
    const port = new URL(address).port;
    const second = await createBroker(["api"], { env: { API_PORT: port, DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal" } });
    await expect(second.start()).rejects.toThrow(`port ${port} on 127.0.0.1 is in use already`);
    await second.stop();
  });

  test("stopping answers what runs, and does not wait for idle connections", async () => {
    const gateway = await openGateway();
    const { hostname, port } = new URL(addressOf(gateway));
    let finish: (value: unknown) => void = () => {};
    answers.set("v1.products.get", () => new Promise((resolve) => (finish = resolve)));

    const idle = connect(Number(port), hostname);
    const dropped = new Promise((resolve) => idle.once("close", resolve));
    const running = api("GET", "/products/p-1", { at: addressOf(gateway) });
    await waitFor(() => meshCalls().length === 1);
    const stopped = gateway.stop();
    await waitFor(() => gateway.started === false);
    // The request still runs: nothing but the stop itself can have dropped the connection.
    await dropped;
    finish(product);
    expect((await running).status).toBe(200);
    await stopped;
    await expect(send("GET", "/health/live", { at: addressOf(gateway) })).rejects.toThrow();
  });

  test("a request that never ends is cut off after the grace", async () => {
    const gateway = await openGateway();
    const { hostname, port } = new URL(addressOf(gateway));
    const half = httpRequest({
      hostname,
      port,
      method: "POST",
      path: "/api/v1/auth/login",
      headers: { "content-type": "application/json", "content-length": "100" },
    });
    const cut = new Promise((resolve) => half.on("error", resolve));
    half.write("{");
    await waitFor(async () => (await send("GET", "/health/live", { at: addressOf(gateway) })).status === 200);
    await gateway.stop();
    expect(await cut).toMatchObject({ code: "ECONNRESET" });
  });
});
