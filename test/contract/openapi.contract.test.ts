import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { contracts } from "@molecart/mixins/contracts/index.ts";
import { createBroker, installedServices } from "@molecart/mixins/launch.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { ServiceBroker } from "moleculer";
import { routes } from "../../services/api/routes.ts";
import { paymentRoutes } from "../../services/payments/routes.http.ts";
import { type Answered, Documented, type DocumentedOperation, type Sent } from "../support/documented.ts";
import { eventually } from "../support/eventually.ts";
import { type Gateway, openGateway } from "../support/gateway.ts";
import { orderData } from "../support/order-events.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(90_000);

const WEBHOOK_SECRET = "a secret of this test, long enough to sign";
/** May do whatever staff may. */
const ADMIN = { email: "admin@example.com", password: "a long password of an admin" };
const PASSWORD = "correct horse battery";
const ADDRESS = { name: "Ada", line1: "1 Quay", city: "Hamburg", postalCode: "20457", country: "DE" };

let broker: ServiceBroker;
let shop: Documented;
let payments: Documented;
let shopAddress: string;
let dataDir: string;
let documents: { shop: unknown; payments: unknown };
let staff: Record<string, string>;
let customer: Record<string, string>;

const bearer = (accessToken: string) => ({ authorization: `Bearer ${accessToken}` });
const read = async (url: string): Promise<unknown> => (await fetch(url)).json();

beforeAll(async () => {
  dataDir = temporaryDataDir();
  const env = {
    DATA_DIR: dataDir,
    API_PORT: "0",
    PAYMENTS_PORT: "0",
    RATE_LIMIT: "off",
    LOG_LEVEL: "fatal",
    PAYMENTS_SANDBOX_WEBHOOK_SECRET: WEBHOOK_SECRET,
    USERS_ADMIN_EMAIL: ADMIN.email,
    USERS_ADMIN_PASSWORD: ADMIN.password,
  };
  broker = await createBroker(await installedServices(), { env });
  await broker.start();
  shopAddress = (broker.getLocalService("v1.api") as unknown as { address: string }).address;
  const { listener } = broker.getLocalService("v1.payments") as unknown as { listener: { address: string } };
  documents = { shop: await read(`${shopAddress}/openapi.json`), payments: await read(`${listener.address}/openapi.json`) };
  shop = new Documented(documents.shop, shopAddress);
  payments = new Documented(documents.payments, listener.address);

  staff = bearer((await shop.call("login", { body: ADMIN })).body.accessToken);
  const ada = { email: "ada@example.com", password: PASSWORD, name: "Ada" };
  customer = bearer((await shop.call("register", { body: ada })).body.accessToken);
}, 90_000);
afterAll(async () => {
  await broker?.stop();
  removeDataDirs();
});

const asStaff = (operationId: string, sent: Sent = {}) =>
  shop.call(operationId, { ...sent, headers: { ...staff, ...sent.headers } });
const asCustomer = (operationId: string, sent: Sent = {}) =>
  shop.call(operationId, { ...sent, headers: { ...customer, ...sent.headers } });

/** A path whose values are well formed and name nothing. */
const nothing = (path: string): Record<string, string> =>
  Object.fromEntries(
    [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => [name, name === "fingerprint" ? "0".repeat(16) : "nothing"]),
  );

describe("The document", () => {
  test("is valid OpenAPI 3.1, as is that of the payments listener", async () => {
    for (const document of Object.values(documents)) {
      const validator = new Validator();
      const { valid, errors } = await validator.validate(document as never);
      expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
      expect(validator.version).toBe("3.1");
    }
  });

  test("has every route of the gateway and no other, and each under one name", () => {
    const documented = shop.operations.map(({ method, path }) => `${method} ${path}`);
    expect(documented.toSorted()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).toSorted());
    const names = shop.operations.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  test("has what moleculer-web was given, and moleculer-web has nothing else", () => {
    const { aliases } = broker.getLocalService("v1.api") as unknown as { aliases: { method: string; fullPath: string }[] };
    const served = aliases.map(({ method, fullPath }) => `${method} ${fullPath.replace(/:(\w+)/g, "{$1}")}`);
    expect(served.toSorted()).toEqual(shop.operations.map(({ method, path }) => `${method} ${path}`).toSorted());
  });

  test("of the payments listener has each of its routes and no other", () => {
    const served = paymentRoutes({ provider: { name: "sandbox" } } as never);
    const documented = payments.operations.map(({ method, path }) => ({ method, path: path.replace(/\{\w+\}/, "sandbox") }));
    const isServed = (one: { method: string; path: string }) =>
      served.filter(({ method, path }) => method === one.method && path.test(one.path)).length;
    expect(documented.map(isServed)).toEqual(served.map(() => 1));
  });

  test("names nothing that cannot be reached: no operation answers that there is no such address or method", async () => {
    const reached = async (documented: Documented, { operationId, path }: DocumentedOperation) => {
      const { status, body } = await documented.call(operationId, {
        path: nothing(path),
        headers: { authorization: "Bearer no" },
      });
      return status === 405 || (status === 404 && body.code === "NOT_FOUND") ? [operationId] : [];
    };
    const lost = await Promise.all([
      ...shop.operations.map((operation) => reached(shop, operation)),
      ...payments.operations.map((operation) => reached(payments, operation)),
    ]);
    expect(lost.flat()).toEqual([]);
    expect((await fetch(`${shopAddress}/api/v1/nowhere`)).status).toBe(404);
  });

  test("gives examples that its own schemas allow", () => {
    expect(shop.badExamples()).toEqual([]);
    expect(payments.badExamples()).toEqual([]);
  });

  test("gives each operation an example of its request and of its answer, who may use it, and its problems", () => {
    const { paths } = documents.shop as { paths: Record<string, Record<string, Record<string, never>>> };
    for (const operation of Object.values(paths).flatMap(Object.values)) {
      const { operationId, requestBody, responses, security, tags, summary } = operation;
      expect({ operationId, security, tags, summary }).toEqual({
        operationId,
        security: expect.any(Array),
        tags: [expect.any(String)],
        summary: expect.any(String),
      });
      const json = (requestBody as { content: Record<string, object> } | undefined)?.content["application/json"];
      if (json) expect(json).toHaveProperty("example");
      else if (requestBody) expect(operationId).toBe("uploadImport");
      expect(responses).toHaveProperty("401");
      expect(responses).toHaveProperty("503");
    }
  });
});

describe("Every operation answers as documented when it is refused:", () => {
  const each = (test: (operation: DocumentedOperation) => Promise<Answered | undefined>) =>
    Promise.all(shop.operations.map(test));
  const badly = { authorization: "Bearer nonsense" };

  test("with an access token that is none", async () => {
    await each(async ({ operationId, path }) => {
      const answer = await shop.call(operationId, { path: nothing(path), headers: badly });
      expect(answer).toMatchObject({ status: 401, body: { code: "UNAUTHENTICATED" } });
      return answer;
    });
  });

  test("without an access token, or with one that is not enough", async () => {
    await each(async ({ operationId, path, access }) => {
      if (access === "public" || access === "guest-or-customer") return undefined;
      expect((await shop.call(operationId, { path: nothing(path) })).status).toBe(401);
      if (access !== "customer") expect((await asCustomer(operationId, { path: nothing(path) })).status).toBe(403);
      return undefined;
    });
  });

  test("with a query field that it does not know, but for pages, which take no query", async () => {
    const pages = routes.filter(({ page }) => page !== undefined).map(({ path }) => path);
    await each(async ({ operationId, path }) => {
      if (pages.includes(path)) return undefined;
      const answer = await asStaff(operationId, { path: nothing(path), query: { nonsense: 1 } });
      expect(answer).toMatchObject({ status: 422, body: { code: "VALIDATION_FAILED" } });
      return answer;
    });
  });

  test("with a path that is not encoded correctly", async () => {
    await each(async ({ operationId, path }) => {
      if (!path.includes("{")) return undefined;
      const broken = Object.fromEntries(Object.keys(nothing(path)).map((name) => [name, "%zz"]));
      const answer = await asStaff(operationId, { path: broken });
      expect(answer).toMatchObject({ status: 400, body: { code: "MALFORMED_URL" } });
      return answer;
    });
  });

  test("with a body that is not JSON, not declared, or too large", async () => {
    await each(async ({ operationId, path, method }) => {
      // The bytes of a file are looked at by who reads it.
      if (method === "GET" || operationId === "uploadImport") return undefined;
      const at = { path: nothing(path) };
      const broken = await asStaff(operationId, { ...at, raw: "{" });
      expect(broken).toMatchObject({ status: 400, body: { code: "MALFORMED_JSON" } });
      const plain = await asStaff(operationId, { ...at, raw: "{}", headers: { "content-type": "text/plain" } });
      expect(plain).toMatchObject({ status: 415, body: { code: "UNSUPPORTED_MEDIA_TYPE" } });
      const large = await asStaff(operationId, { ...at, raw: JSON.stringify({ text: "x".repeat(120_000) }) });
      expect(large).toMatchObject({ status: 413, body: { code: "BODY_TOO_LARGE" } });
      return undefined;
    });
  });

  test("with a body that is not of its form", async () => {
    await each(async ({ operationId, path, hasBody }) => {
      if (!hasBody) return undefined;
      const headers = { "idempotency-key": newId() };
      const answer = await asStaff(operationId, { path: nothing(path), body: { nonsense: true }, headers });
      expect(answer).toMatchObject({ status: 422, body: { code: "VALIDATION_FAILED", errors: expect.any(Array) } });
      return answer;
    });
  });

  test("with what its action refuses", async () => {
    const none = { id: "nothing" };
    const body = (value: unknown): Sent => ({ body: value });
    const cases: [operationId: string, code: string, call: () => Promise<Answered>][] = [
      [
        "register",
        "EMAIL_TAKEN",
        () => shop.call("register", body({ email: "ada@example.com", password: PASSWORD, name: "Ada" })),
      ],
      ["login", "INVALID_CREDENTIALS", () => shop.call("login", body({ email: "ada@example.com", password: "wrong" }))],
      ["refreshTokens", "INVALID_REFRESH_TOKEN", () => shop.call("refreshTokens", body({ refreshToken: "nonsense" }))],
      ["resetPassword", "INVALID_RESET_TOKEN", () => shop.call("resetPassword", body({ token: "nonsense", password: PASSWORD }))],
      [
        "changePassword",
        "WRONG_PASSWORD",
        () => asCustomer("changePassword", body({ currentPassword: "wrong", newPassword: PASSWORD })),
      ],
      [
        "createApiKey",
        "SCOPE_NOT_ALLOWED",
        () => asCustomer("createApiKey", body({ name: "Too much", scopes: ["operations:write"] })),
      ],
      ["revokeApiKey", "API_KEY_NOT_FOUND", () => asCustomer("revokeApiKey", { path: none })],
      ["setAddress", "ADDRESS_NOT_FOUND", () => asCustomer("setAddress", { path: none, body: ADDRESS })],
      ["removeAddress", "ADDRESS_NOT_FOUND", () => asCustomer("removeAddress", { path: none })],
      ["listNotifications", "INVALID_CURSOR", () => asCustomer("listNotifications", { query: { cursor: "nonsense" } })],
      ["searchProducts", "INVALID_CURSOR", () => shop.call("searchProducts", { query: { cursor: "nonsense" } })],
      ["getProduct", "PRODUCT_NOT_FOUND", () => shop.call("getProduct", { path: none })],
      ["getProductDetail", "PRODUCT_NOT_FOUND", () => shop.call("getProductDetail", { path: none })],
      ["getProductBySlug", "PRODUCT_NOT_FOUND", () => shop.call("getProductBySlug", { path: { slug: "nothing" } })],
      ["getProductHistory", "PRODUCT_NOT_FOUND", () => asStaff("getProductHistory", { path: none })],
      ["listAllProducts", "INVALID_CURSOR", () => asStaff("listAllProducts", { query: { cursor: "nonsense" } })],
      ["createCategory", "CATEGORY_NOT_FOUND", () => asStaff("createCategory", body({ name: "New", parent: "nothing" }))],
      [
        "updateCategory",
        "CATEGORY_NOT_FOUND",
        () => asStaff("updateCategory", { path: { slug: "nothing" }, body: { name: "New" } }),
      ],
      ["removeCategory", "CATEGORY_NOT_FOUND", () => asStaff("removeCategory", { path: { slug: "nothing" } })],
      ["listImports", "INVALID_CURSOR", () => asStaff("listImports", { query: { cursor: "nonsense" } })],
      ["getImport", "IMPORT_NOT_FOUND", () => asStaff("getImport", { path: none })],
      ["uploadImport", "IMPORT_NOT_FOUND", () => asStaff("uploadImport", { path: none, raw: "{}" })],
      ["downloadImportErrors", "IMPORT_NOT_FOUND", () => asStaff("downloadImportErrors", { path: none })],
      ["cancelImport", "IMPORT_NOT_FOUND", () => asStaff("cancelImport", { path: none })],
      [
        "updateProduct",
        "PRECONDITION_FAILED",
        () => asStaff("updateProduct", { path: none, body: { name: "New" }, headers: { "if-match": 'W/"1"' } }),
      ],
      ["updateProduct", "PRODUCT_NOT_FOUND", () => asStaff("updateProduct", { path: none, body: { name: "New" } })],
      ["archiveProduct", "PRODUCT_NOT_FOUND", () => asStaff("archiveProduct", { path: none })],
      ["getStock", "SKU_NOT_FOUND", () => asStaff("getStock", { path: { sku: "NOTHING" } })],
      ["getCart", "INVALID_CART_TOKEN", () => shop.call("getCart", { headers: { "x-cart-token": "nonsense" } })],
      ["setCartItem", "SKU_NOT_FOUND", () => asCustomer("setCartItem", { path: { sku: "NOTHING" }, body: { quantity: 1 } })],
      ["listOrders", "INVALID_CURSOR", () => asCustomer("listOrders", { query: { cursor: "nonsense" } })],
      ["getOrder", "ORDER_NOT_FOUND", () => asCustomer("getOrder", { path: none })],
      ["followOrder", "ORDER_NOT_FOUND", () => asCustomer("followOrder", { path: none })],
      ["cancelOrder", "ORDER_NOT_FOUND", () => asCustomer("cancelOrder", { path: none, body: { reason: "no" } })],
      ["getShipment", "SHIPMENT_NOT_FOUND", () => asCustomer("getShipment", { path: none })],
      ["getPayment", "PAYMENT_NOT_FOUND", () => asCustomer("getPayment", { path: none })],
      ["listReturns", "ORDER_NOT_FOUND", () => asCustomer("listReturns", { path: none })],
      [
        "requestReturn",
        "ORDER_NOT_FOUND",
        () => asCustomer("requestReturn", { path: none, body: { lines: [{ sku: "A", quantity: 1 }], reason: "no" } }),
      ],
      ["listAllOrders", "INVALID_CURSOR", () => asStaff("listAllOrders", { query: { cursor: "nonsense" } })],
      ["refundOrder", "PAYMENT_NOT_FOUND", () => asStaff("refundOrder", { path: none, body: { reason: "no" } })],
      [
        "dispatchShipment",
        "SHIPMENT_NOT_FOUND",
        () => asStaff("dispatchShipment", { path: none, body: { carrier: "A", trackingNumber: "1" } }),
      ],
      ["deliverShipment", "SHIPMENT_NOT_FOUND", () => asStaff("deliverShipment", { path: none })],
      [
        "receiveReturn",
        "RETURN_NOT_FOUND",
        () => asStaff("receiveReturn", { path: none, body: { lines: [{ sku: "A", quantity: 1, restock: true }] } }),
      ],
      ["rejectReturn", "RETURN_NOT_FOUND", () => asStaff("rejectReturn", { path: none, body: { reason: "no" } })],
      ["listRefusedRefunds", "INVALID_CURSOR", () => asStaff("listRefusedRefunds", { query: { cursor: "nonsense" } })],
      ["retryRefund", "REFUND_NOT_FOUND", () => asStaff("retryRefund", { path: none, body: { reason: "no" } })],
      [
        "settleRefund",
        "REFUND_NOT_FOUND",
        () => asStaff("settleRefund", { path: none, body: { method: "cash", reference: "1", reason: "no" } }),
      ],
      ["listUsers", "INVALID_CURSOR", () => asStaff("listUsers", { query: { cursor: "nonsense" } })],
      ["getUser", "USER_NOT_FOUND", () => asStaff("getUser", { path: none })],
      ["setUserRoles", "USER_NOT_FOUND", () => asStaff("setUserRoles", { path: none, body: { roles: ["staff"] } })],
      ["disableUser", "USER_NOT_FOUND", () => asStaff("disableUser", { path: none, body: { reason: "no" } })],
      ["enableUser", "USER_NOT_FOUND", () => asStaff("enableUser", { path: none })],
      ["getUserAudit", "INVALID_CURSOR", () => asStaff("getUserAudit", { path: none, query: { cursor: "nonsense" } })],
      ["listStuckOrders", "INVALID_CURSOR", () => asStaff("listStuckOrders", { query: { stuck: true, cursor: "nonsense" } })],
      ["getSaga", "NOT_FOUND", () => asStaff("getSaga", { path: none })],
      ["listDeadLetters", "INVALID_CURSOR", () => asStaff("listDeadLetters", { query: { cursor: "nonsense" } })],
      ["getDeadLetter", "DEAD_LETTER_NOT_FOUND", () => asStaff("getDeadLetter", { path: none })],
      ["replayDeadLetter", "DEAD_LETTER_NOT_FOUND", () => asStaff("replayDeadLetter", { path: none })],
      ["editDeadLetter", "DEAD_LETTER_NOT_FOUND", () => asStaff("editDeadLetter", { path: none, body: { data: {} } })],
      ["discardDeadLetter", "DEAD_LETTER_NOT_FOUND", () => asStaff("discardDeadLetter", { path: none, body: { reason: "no" } })],
    ];
    for (const [operationId, code, call] of cases) expect([operationId, (await call()).body?.code]).toEqual([operationId, code]);
  });
});

describe("Every operation answers as documented when it is served:", () => {
  const price = { amount: 1_990, currency: "EUR" };
  let productId: string;
  let sku: string;

  const newProduct = async (suffix: string) => {
    const { body } = await shop.call("listCategories");
    return asStaff("createProduct", {
      body: {
        name: `Lamp ${suffix}`,
        brand: "Quay",
        category: body.items[0].slug,
        description: "A lamp.",
        variants: [{ sku: `LAMP-${suffix}`, attributes: { size: "S" }, price }],
        status: "published",
      },
    });
  };
  const cardToken = async (number = "4242424242424242") =>
    (await payments.call("createCardToken", { body: { number, expMonth: 12, expYear: 2030, cvc: "123" } })).body.token as string;
  const order = async (quantity = 1, card?: string) => {
    await asCustomer("setCartItem", { path: { sku }, body: { quantity } });
    const body = { paymentToken: await cardToken(card), shippingAddress: ADDRESS };
    const placed = await asCustomer("placeOrder", { body, headers: { "idempotency-key": newId() } });
    expect(placed.headers.get("location")).toBe(`/api/v1/orders/${placed.body.order.id}`);
    return placed.body.order.id as string;
  };
  /** Of the link in the mail that says how to get a new password. */
  const mailedToken = () =>
    eventually(async () => {
      const mails = readdirSync(`${dataDir}/mail`).map((name) => readFileSync(`${dataDir}/mail/${name}`, "utf8"));
      // Long lines are broken there.
      const [, token] = /reset-password#token=3D([\w-]{43})|$/.exec(mails.join("").replace(/=\r?\n/g, "")) as RegExpExecArray;
      expect(token).toBeDefined();
      return token as string;
    });
  const status = (id: string, wanted: string) =>
    eventually(
      async () => {
        const { body } = await asCustomer("getOrder", { path: { id } });
        expect(body.status).toBe(wanted);
      },
      { withinMs: 30_000 },
    );

  beforeAll(async () => {
    const created = await newProduct("1");
    expect(created).toMatchObject({ status: 201 });
    productId = created.body.id;
    sku = created.body.variants[0].sku;
    await asStaff("setStock", { path: { sku }, body: { onHand: 100 } });
  }, 60_000);

  test("sign-in and account", async () => {
    const eve = { email: "eve@example.com", password: PASSWORD };
    await shop.call("register", { body: { ...eve, name: "Eve" } });
    const { refreshToken } = (await shop.call("login", { body: eve })).body;
    const renewed = (await shop.call("refreshTokens", { body: { refreshToken } })).body;
    expect((await shop.call("logout", { body: { refreshToken: renewed.refreshToken } })).status).toBe(204);
    await shop.call("getSigningKeys");
    await asCustomer("getProfile");
    await asCustomer("updateProfile", { body: { name: "Ada L." } });
    await asCustomer("getOverview");
    const { id } = (await asCustomer("addAddress", { body: ADDRESS })).body;
    await asCustomer("listAddresses");
    await asCustomer("setAddress", { path: { id }, body: { ...ADDRESS, line2: "c/o Eve" } });
    expect((await asCustomer("removeAddress", { path: { id } })).status).toBe(204);
    await asCustomer("getNotificationPreferences");
    await asCustomer("setNotificationPreferences", { body: { email: { shipping: true, account: false } } });
    await asCustomer("listNotifications");
  });

  test("a forgotten and a changed password", async () => {
    const account = { email: "dora@example.com", password: PASSWORD };
    await shop.call("register", { body: { ...account, name: "Dora" } });
    expect((await shop.call("forgotPassword", { body: { email: account.email } })).status).toBe(202);
    const [password, newPassword] = ["another long password", "yet another long password"];
    const body = { token: await mailedToken(), password };
    expect((await shop.call("resetPassword", { body })).status).toBe(204);
    const headers = bearer((await shop.call("login", { body: { ...account, password } })).body.accessToken);
    expect((await shop.call("changePassword", { body: { currentPassword: password, newPassword }, headers })).status).toBe(204);
  });

  test("API keys", async () => {
    const { id, key } = (await asCustomer("createApiKey", { body: { name: "Books", scopes: ["orders:read"] } })).body;
    await asCustomer("listApiKeys");
    const headers = { "x-api-key": key };
    expect((await shop.call("listOrders", { headers })).status).toBe(200);
    expect(await shop.call("getProfile", { headers })).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
    expect(await shop.call("listApiKeys", { headers })).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
    expect((await asCustomer("revokeApiKey", { path: { id } })).status).toBe(204);
  });

  test("users and signing keys, by an administrator", async () => {
    await shop.call("register", { body: { email: "carl@example.com", password: PASSWORD, name: "Carl" } });
    const { items } = (await asStaff("listUsers", { query: { email: "carl@" } })).body;
    const path = { id: items[0].id };
    await asStaff("getUser", { path });
    await asStaff("setUserRoles", { path, body: { roles: ["customer", "staff"], reason: "new in the warehouse" } });
    await asStaff("disableUser", { path, body: { reason: "has left" } });
    expect(await shop.call("login", { body: { email: "carl@example.com", password: PASSWORD } })).toMatchObject({
      status: 403,
      body: { code: "ACCOUNT_DISABLED" },
    });
    await asStaff("enableUser", { path, body: {} });
    expect((await asStaff("getUserAudit", { path })).body.items).toHaveLength(3);
    const { id } = (await asStaff("getProfile")).body;
    expect(await asStaff("disableUser", { path: { id }, body: { reason: "a slip" } })).toMatchObject({
      status: 409,
      body: { code: "NOT_YOURSELF" },
    });
    await asStaff("rotateSigningKeys", { body: {} });
  });

  test("catalogue and stock", async () => {
    await shop.call("searchProducts", { query: { q: "lamp", sort: "price", limit: 2 } });
    await shop.call("getProduct", { path: { id: productId } });
    await shop.call("getProductDetail", { path: { id: productId } });
    await asStaff("updateProduct", { path: { id: productId }, body: { description: "A better lamp." } });
    await asStaff("getStock", { path: { sku } });
    expect(await newProduct("1")).toMatchObject({ status: 409, body: { code: "SKU_TAKEN" } });
    const { id } = (await newProduct("2")).body;
    const { headers } = await asStaff("updateProduct", { path: { id }, body: { name: "Lamp the second" } });
    const archive = (tag: string) => asStaff("archiveProduct", { path: { id }, headers: { "if-match": tag } });
    expect(await archive('"1-of-an-earlier-version"')).toMatchObject({ status: 412, body: { code: "VERSION_CONFLICT" } });
    expect((await archive(headers.get("etag") as string)).status).toBe(204);
    await shop.call("getProductBySlug", { path: { slug: "lamp-1" } });
    await asStaff("getProductHistory", { path: { id } });
    await asStaff("listAllProducts", { query: { status: "archived" } });
    await shop.call("listBrands");
    await shop.call("suggestProducts", { query: { q: "la" } });
  });

  test("categories", async () => {
    const made = await asStaff("createCategory", { body: { name: "Lamps for boats" } });
    expect(made.status).toBe(201);
    const path = { slug: made.body.slug };
    expect(await asStaff("createCategory", { body: { ...path, name: "Again" } })).toMatchObject({
      status: 409,
      body: { code: "CATEGORY_TAKEN" },
    });
    await asStaff("updateCategory", { path, body: { name: "Ship's lamps" } });
    expect(await asStaff("updateCategory", { path, body: { parent: "nothing" } })).toMatchObject({ status: 422 });
    expect((await asStaff("removeCategory", { path })).status).toBe(204);
  });

  test("an import, an export, and the search index", async () => {
    const { body } = await shop.call("listCategories");
    const line = JSON.stringify({
      name: "Anchor",
      brand: "Quay",
      category: body.items[0].slug,
      description: "An anchor.",
      variants: [{ sku: "ANCHOR", attributes: {}, price }],
    });
    const started = await asStaff("startImport", { body: { format: "ndjson" } });
    const path = { id: started.body.id };
    expect(started.headers.get("location")).toBe(`/api/v1/products/imports/${path.id}`);
    const wrong = { path, raw: "{}", headers: { "upload-offset": "7" } };
    expect(await asStaff("uploadImport", wrong)).toMatchObject({ status: 409, body: { code: "UPLOAD_OFFSET_MISMATCH" } });
    expect((await asStaff("uploadImport", { path, raw: `${line}\n{}\n` })).body).toMatchObject({ created: 1, failed: 1 });
    await asStaff("getImport", { path });
    await asStaff("listImports");
    expect((await asStaff("downloadImportErrors", { path })).body).toContain('"line":2');
    expect(await asStaff("cancelImport", { path })).toMatchObject({ status: 409, body: { code: "IMPORT_CLOSED" } });
    const other = (await asStaff("startImport", { body: { format: "csv" } })).body.id;
    expect((await asStaff("cancelImport", { path: { id: other } })).body.status).toBe("cancelled");
    for (const format of ["csv", "ndjson"])
      expect((await asStaff("exportProducts", { query: { format } })).body).toContain("ANCHOR");
    for (const operationId of ["getSearchIndex", "checkSearchIndex", "rebuildSearchIndex"]) await asStaff(operationId);
  });

  test("carts of guests and customers", async () => {
    const first = await shop.call("setCartItem", { path: { sku }, body: { quantity: 2 } });
    const cartToken = first.headers.get("x-cart-token") as string;
    const guest = { headers: { "x-cart-token": cartToken } };
    await shop.call("getCart");
    await shop.call("getCart", guest);
    await shop.call("removeCartItem", { path: { sku: "OTHER" }, ...guest });
    await shop.call("addCartItem", { body: { sku, quantity: 1 }, headers: { ...guest.headers, "idempotency-key": newId() } });
    await shop.call("saveCartItem", { path: { sku }, ...guest });
    await shop.call("restoreSavedItem", { path: { sku }, ...guest });
    await shop.call("removeSavedItem", { path: { sku }, ...guest });
    await asCustomer("mergeCart", { body: { cartToken } });
    const quoted = await asCustomer("quoteCart", { body: { country: ADDRESS.country } });
    expect(quoted).toMatchObject({ status: 201, body: { lines: [{ sku, quantity: 3 }] } });
    expect((await asCustomer("clearCart")).status).toBe(204);
    expect(
      await asCustomer("placeOrder", {
        body: { paymentToken: "t", shippingAddress: ADDRESS },
        headers: { "idempotency-key": newId() },
      }),
    ).toMatchObject({
      status: 409,
      body: { code: "CART_EMPTY" },
    });
    const keyless = await asCustomer("placeOrder", { body: { paymentToken: "t", shippingAddress: ADDRESS } });
    expect(keyless).toMatchObject({ status: 400, body: { code: "IDEMPOTENCY_KEY_REQUIRED" } });
  });

  test("an order from its cart to its return", async () => {
    const id = await order(3);
    await status(id, "confirmed");
    await asCustomer("listOrders", { query: { limit: 1 } });
    await asStaff("listAllOrders", { query: { status: "confirmed" } });
    await asCustomer("getPayment", { path: { id } });
    const shipment = await eventually(async () => {
      const answer = await asCustomer("getShipment", { path: { id } });
      expect(answer.status).toBe(200);
      return answer.body.id as string;
    });
    expect(
      await asCustomer("requestReturn", { path: { id }, body: { lines: [{ sku, quantity: 1 }], reason: "no" } }),
    ).toMatchObject({
      status: 409,
      body: { code: "NOT_RETURNABLE" },
    });
    await asStaff("dispatchShipment", { path: { id: shipment }, body: { carrier: "DHL", trackingNumber: "JD1" } });
    await status(id, "shipped");
    expect(await asCustomer("cancelOrder", { path: { id }, body: { reason: "late" } })).toMatchObject({
      status: 409,
      body: { code: "NOT_CANCELLABLE" },
    });
    await asStaff("deliverShipment", { path: { id: shipment } });
    await status(id, "delivered");
    const told: { id: string; event: string }[] = (await asCustomer("followOrder", { path: { id }, events: 100 })).body;
    expect(told.map(({ event }) => event)).toEqual([...Array(6).fill("status"), "end"]);
    const atEnd = { path: { id }, headers: { "last-event-id": told.at(-1)?.id as string } };
    expect((await asCustomer("followOrder", atEnd)).status).toBe(204);
    expect(await asCustomer("followOrder", { path: { id }, headers: { "last-event-id": "99" } })).toMatchObject({
      status: 400,
      body: { code: "INVALID_LAST_EVENT_ID" },
    });
    const ask = async () =>
      (await asCustomer("requestReturn", { path: { id }, body: { lines: [{ sku, quantity: 1 }], reason: "broken" } })).body.return
        .id as string;
    const [kept, sent] = [await ask(), await ask()];
    await asStaff("rejectReturn", { path: { id: kept }, body: { reason: "used" } });
    await asStaff("receiveReturn", { path: { id: sent }, body: { lines: [{ sku, quantity: 1, restock: true }] } });
    expect(await asStaff("rejectReturn", { path: { id: sent }, body: { reason: "late" } })).toMatchObject({
      status: 409,
      body: { code: "RETURN_CLOSED" },
    });
    await asCustomer("listReturns", { path: { id } });
    await asStaff("refundOrder", { path: { id }, body: { amount: { amount: 100, currency: "EUR" }, reason: "sorry" } });
    expect(
      await asStaff("refundOrder", { path: { id }, body: { amount: { amount: 10 ** 7, currency: "EUR" }, reason: "all" } }),
    ).toMatchObject({
      status: 409,
      body: { code: "REFUND_TOO_LARGE" },
    });
    await asStaff("getSaga", { path: { id } });
    await asStaff("listStuckOrders", { query: { stuck: true } });
    await asStaff("listPaymentFindings");
  });

  test("a refund that the payment provider refuses", async () => {
    const id = await order(1, "4000000000005126");
    await status(id, "confirmed");
    const { refund } = (await asStaff("refundOrder", { path: { id }, body: { reason: "broken" } })).body;
    const isRefused = () =>
      eventually(async () => {
        const { items } = (await asStaff("listRefusedRefunds")).body;
        expect(items.map((one: { id: string }) => one.id)).toContain(refund.id);
      });
    await isRefused();
    const path = { id: refund.id };
    expect((await asStaff("retryRefund", { path, body: { reason: "the card is open again" } })).status).toBe(202);
    await isRefused();
    const body = { method: "bank_transfer", reference: "T-1", reason: "agreed by phone" };
    expect((await asStaff("settleRefund", { path, body })).status).toBe(200);
    expect(await asStaff("retryRefund", { path, body: { reason: "again" } })).toMatchObject({
      status: 409,
      body: { code: "REFUND_NOT_REFUSED" },
    });
  });

  test("an order that is cancelled", async () => {
    const id = await order();
    expect((await asCustomer("cancelOrder", { path: { id }, body: { reason: "changed my mind" } })).status).toBe(202);
  });

  test("dead letters", async () => {
    const orderId = newId();
    const data = { ...orderData(orderId, [{ sku, quantity: 1 }]), paymentToken: "tok_unknown" };
    const poisoned = newEnvelope("order.created", orderId, { ...data, lines: "poison" } as never, "2026-01-01T00:00:00.000Z");
    await runtimeOf(broker).bus.publish([poisoned as Envelope]);
    await eventually(async () => {
      const { body } = await asStaff("listDeadLetters");
      expect(body.items.map(({ service }: { service: string }) => service)).toEqual([
        "carts",
        "inventory",
        "notifications",
        "payments",
      ]);
    });
    const { groups } = (await asStaff("listDeadLetterGroups")).body;
    await asStaff("replayDeadLetterGroup", { path: { fingerprint: groups[0].fingerprint } });
    const of = (service: string) => ({ path: { id: `${service}:${poisoned.id}` } });
    await asStaff("getDeadLetter", of("carts"));
    await asStaff("replayDeadLetter", of("carts"));
    await asStaff("editDeadLetter", { ...of("inventory"), body: { data } });
    for (const service of ["carts", "notifications", "payments"])
      expect((await asStaff("discardDeadLetter", { ...of(service), body: { reason: "a test" } })).status).toBe(204);
    await asStaff("getDeadLetter", of("carts"));
  });

  test("health, documents and their page", async () => {
    for (const operationId of [
      "getLiveness",
      "getReadiness",
      "getOpenApiDocument",
      "getAsyncApiDocument",
      "getDocsPage",
      "getDocsStyle",
      "getDocsScript",
    ])
      expect((await shop.call(operationId)).status).toBe(200);
  });

  test("the payments listener", async () => {
    for (const operationId of ["getPaymentsLiveness", "getPaymentsReadiness", "getPaymentsDocument"])
      expect((await payments.call(operationId)).status).toBe(200);
    const card = { number: "4242424242424242", expMonth: 12, expYear: 2030, cvc: "123" };
    expect((await payments.call("createCardToken", { body: { ...card, number: "4242424242424241" } })).body.code).toBe(
      "INVALID_CARD",
    );
    expect((await payments.call("createCardToken", { body: { ...card, cvc: "x" } })).body.code).toBe("VALIDATION_FAILED");
    expect((await payments.call("createCardToken", { raw: "{" })).body.code).toBe("MALFORMED_JSON");
    expect((await payments.call("createCardToken", { raw: "x".repeat(11_000) })).body.code).toBe("BODY_TOO_LARGE");
    expect((await payments.call("createCardToken")).body.code).toBe("UNSUPPORTED_MEDIA_TYPE");
    expect((await payments.call("receiveProviderEvent", { path: { provider: "other" }, body: {} })).body.code).toBe(
      "PROVIDER_NOT_FOUND",
    );
    expect((await payments.call("receiveProviderEvent", { path: { provider: "sandbox" }, body: {} })).body.code).toBe(
      "INVALID_SIGNATURE",
    );
    const raw = JSON.stringify({ id: "evt_of_this_test", type: "something.new", data: {} });
    const at = Math.floor(Date.now() / 1000);
    const signature = createHmac("sha256", WEBHOOK_SECRET).update(`${at}.${raw}`).digest("hex");
    const headers = { "x-sandbox-signature": `t=${at},v1=${signature}` };
    expect((await payments.call("receiveProviderEvent", { path: { provider: "sandbox" }, raw, headers })).status).toBe(200);
  });

  test("a repeated question whose answer has not changed", async () => {
    // What cannot be asked for just so, changes by itself, or is a file.
    const EXCEPT = ["listStuckOrders", "getReadiness", "suggestProducts", "exportProducts"];
    for (const { operationId, method, path } of shop.operations) {
      if (method !== "GET" || path.includes("{") || EXCEPT.includes(operationId)) continue;
      expect([operationId, (await asStaff(operationId, { headers: { "if-none-match": "*" } })).status]).toEqual([
        operationId,
        304,
      ]);
    }
  });

  test("nothing was left out: each has been seen to succeed and to be refused", () => {
    const of = (documented: Documented) => [...documented.seen].map((entry) => entry.split(" "));
    for (const documented of [shop, payments]) {
      const all = documented.operations.map(({ operationId }) => operationId);
      const succeeded = of(documented).filter(([, code]) => code?.startsWith("2"));
      expect(all.filter((id) => !succeeded.some(([seen]) => seen === id))).toEqual([]);
    }
    const refused = of(shop).filter(([, code]) => code?.startsWith("4"));
    expect(shop.operations.filter(({ operationId }) => !refused.some(([seen]) => seen === operationId))).toEqual([]);
  });

  test("a service that is away", async () => {
    await broker.destroyService(broker.getLocalService("v1.inventory") as never);
    const answer = await asStaff("getStock", { path: { sku } });
    expect(answer).toMatchObject({ status: 503, body: { code: "SERVICE_UNAVAILABLE" } });
    expect(answer.headers.get("retry-after")).not.toBeNull();
    const detail = await shop.call("getProductDetail", { path: { id: productId } });
    expect(detail).toMatchObject({ status: 200, body: { stock: null, degraded: ["stock"] } });
  });
});

describe("What the edge says of itself is as documented:", () => {
  let gateway: Gateway;
  let edge: Documented;
  const clock = new ManualClock(Date.UTC(2026, 2, 1));
  beforeAll(async () => {
    gateway = await openGateway({ RATE_LIMIT: "on", API_LIMIT_SEARCH: "2", API_CACHE_SECONDS: "1" }, clock);
    edge = new Documented(await read(`${gateway.address}/openapi.json`), gateway.address);
  });
  afterAll(() => gateway?.broker.stop());

  test("how many requests are left, and how long to wait where none is", async () => {
    gateway.answers.set("v1.products.search", () => ({
      items: [],
      nextCursor: null,
      facets: { category: [], brand: [], attributes: [], price: [], availability: { available: 0, unavailable: 0 } },
      total: 0,
      approximate: false,
    }));
    const asked = [await edge.call("searchProducts"), await edge.call("searchProducts"), await edge.call("searchProducts")];
    expect(asked.map(({ status, headers }) => [status, headers.get("ratelimit-policy"), headers.get("ratelimit")])).toEqual([
      [200, '"search-address";q=2;w=60', '"search-address";r=1;t=60'],
      [200, '"search-address";q=2;w=60', '"search-address";r=0;t=60'],
      [429, '"search-address";q=2;w=60', expect.stringMatching(/^"search-address";r=0;t=\d+$/)],
    ]);
    expect(asked[2]?.body.code).toBe("RATE_LIMITED");
    expect(asked[2]?.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
  });

  test("that an answer is kept and may be old, and that the client has it already", async () => {
    gateway.answers.set("v1.products.categories", () => ({ items: [], version: 1 }));
    const fresh = await edge.call("listCategories");
    expect(fresh.headers.get("cache-control")).toContain("public, max-age=");
    const known = { headers: { "if-none-match": fresh.headers.get("etag") as string } };
    expect((await edge.call("listCategories", known)).status).toBe(304);
    gateway.answers.set("v1.products.categories", () => {
      throw new Unavailable("the catalogue");
    });
    clock.advance(5_000);
    const stale = await edge.call("listCategories");
    expect([stale.status, stale.headers.get("age"), stale.headers.get("x-degraded")]).toEqual([200, "5", "stale"]);
  });

  test("for how long a client waits", async () => {
    gateway.answers.set("v1.products.get", () => new Promise(() => {}));
    const path = { id: "p-1" };
    const waits: Record<string, string>[] = [{ "request-timeout": "0.2" }, { prefer: "wait=1" }];
    for (const headers of waits)
      expect(await edge.call("getProductDetail", { path, headers })).toMatchObject({
        status: 504,
        body: { code: "DEADLINE_EXCEEDED" },
      });
    expect(await edge.call("getProduct", { path, headers: { "request-timeout": "soon" } })).toMatchObject({
      status: 400,
      body: { code: "INVALID_REQUEST_TIMEOUT" },
    });
  });

  test.each(["br", "gzip"])("pages in %s, made once, and not again for who has them", async (coding) => {
    const headers = { "accept-encoding": coding };
    for (const operationId of ["getOpenApiDocument", "getAsyncApiDocument", "getDocsPage", "getDocsStyle", "getDocsScript"]) {
      const page = await edge.call(operationId, { headers });
      expect([page.headers.get("content-encoding"), page.headers.get("vary")]).toEqual([coding, "Accept-Encoding"]);
      expect(page.headers.get("cache-control")).toBe("no-cache");
      const again = await edge.call(operationId, { headers: { "if-none-match": page.headers.get("etag") as string } });
      expect(again.status).toBe(304);
    }
  });
});

describe("The contracts", () => {
  test("name for each action only codes that the service has, and leave no action out", () => {
    for (const { name, actions, errors, refusals } of Object.values(contracts)) {
      const codes = Object.values(refusals as Record<string, Record<string, number>>).flatMap(Object.keys);
      expect([name, codes.filter((code) => !Object.hasOwn(errors, code))]).toEqual([name, []]);
      expect([name, Object.keys(actions).toSorted()]).toEqual([name, Object.keys(refusals).toSorted()]);
    }
  });
});
