import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { ServiceBroker } from "moleculer";
import { eventually } from "../eventually.ts";
import { orderData } from "../order-events.ts";
import { ADDRESS, type GuardedShop, type Headers, PASSWORD, type Person, send, UNREFUNDABLE_CARD } from "./guarded-shop.ts";

/** Somebody at the door: what they show, and who they are, if anybody. */
export interface Caller {
  headers: Headers;
  person?: Person | undefined;
}

/** The parts of a request that its operation decides. */
export interface Call {
  /** What stands in the path. */
  path?: Record<string, string>;
  query?: string;
  headers?: Headers;
  body?: unknown;
}
export type MakeCall = (caller: Caller) => Call | Promise<Call>;

export interface OperationCall {
  make: MakeCall;
  /** The call was served: what it has used up must not be offered again. */
  served(): void;
}

const fixed = (call: Call | MakeCall): OperationCall => ({
  make: typeof call === "function" ? call : () => call,
  served: () => {},
});

/** Made once and offered to all, until somebody is served. */
const spent = (make: () => Promise<Call>): OperationCall => {
  let spare: Promise<Call> | undefined;
  return {
    make: () => {
      spare ??= make();
      return spare;
    },
    served: () => {
      spare = undefined;
    },
  };
};

const STEP = { withinMs: 30_000, everyMs: 30 };

/** For each operation a call that succeeds for whoever may make it. Things are the owner's, and they are really there. */
export const operationCalls = async (shop: GuardedShop & { broker: ServiceBroker }): Promise<Record<string, OperationCall>> => {
  const { owner, other, staff, sku, productId } = shop;
  const at = (id: string) => ({ path: { id } });
  const get = (path: string, headers = staff.headers) => shop.ok({ method: "GET", path: `/api/v1${path}`, headers });
  const post = (path: string, body?: unknown, headers = staff.headers) =>
    shop.ok({ method: "POST", path: `/api/v1${path}`, headers, ...(body !== undefined && { body }) });

  const status = (id: string, wanted: string) =>
    eventually(async () => {
      const now = (await get(`/orders/${id}`)).status;
      if (now !== wanted) throw new Error(`${id} is ${now}`);
    }, STEP);
  const shipmentOf = async (orderId: string): Promise<string> =>
    (await eventually(() => get(`/orders/${orderId}/shipment`), STEP)).id;
  const confirmed = async (options = {}): Promise<string> => {
    const id = await shop.order(owner, options);
    await status(id, "confirmed");
    return id;
  };
  const dispatched = async (id: string): Promise<string> => {
    const shipment = await shipmentOf(id);
    await post(`/admin/shipments/${shipment}/dispatch`, { carrier: "DHL", trackingNumber: "JD1" });
    await status(id, "shipped");
    return shipment;
  };

  const order = await confirmed();
  const delivered = await confirmed({ quantity: 90 });
  await post(`/admin/shipments/${await dispatched(delivered)}/deliver`);
  await status(delivered, "delivered");
  const returnBody = { lines: [{ sku, quantity: 1 }], reason: "broken" };
  const newReturn = async () => at((await post(`/orders/${delivered}/returns`, returnBody, owner.headers)).return.id);
  await newReturn();

  const refusedRefund = async () => {
    const id = await confirmed({ card: UNREFUNDABLE_CARD });
    await post(`/orders/${id}/cancel`, { reason: "changed my mind" }, owner.headers);
    const refused = await eventually(async () => {
      const { items } = await get("/admin/refunds?limit=100");
      const found = items.find((one: { orderId: string }) => one.orderId === id);
      if (found === undefined) throw new Error("not refused yet");
      return found.id as string;
    }, STEP);
    return at(refused);
  };

  const goodData = () => ({ ...orderData(newId(), [{ sku, quantity: 1 }]), paymentToken: "tok_unknown" });
  const deadLetter = async (): Promise<Call & { fingerprint: string }> => {
    const orderId = newId();
    const data = { ...goodData(), orderId, lines: "poison" };
    const poisoned = newEnvelope("order.created", orderId, data as never, "2026-01-01T00:00:00.000Z");
    await runtimeOf(shop.broker).bus.publish([poisoned as Envelope]);
    const id = `carts:${poisoned.id}`;
    const found = await eventually(() => get(`/admin/dead-letters/${id}`), STEP);
    return { ...at(id), fingerprint: found.fingerprint };
  };
  const letter = await deadLetter();
  const withBody = (body: unknown, call: Call) => ({ path: call.path as Record<string, string>, body });

  const newAddress = async () => at((await post("/me/addresses", ADDRESS, owner.headers)).id);
  const address = await newAddress();
  const newGuest = async (): Promise<string> => {
    const request = { method: "PUT", path: `/api/v1/cart/items/${sku}`, body: { quantity: 1 } };
    return (await send(shop.api, request)).headers.get("x-cart-token") as string;
  };
  const newImport = async () => at((await post("/products/imports", { format: "ndjson" })).id);
  const newCategory = async () => ({ path: { slug: (await post("/categories", { name: `Lamps ${newId()}` })).slug as string } });
  const category = await newCategory();
  const { slug } = await get(`/products/${productId}`);
  const somebody = await shop.signUp("somebody");
  const somebodyNew = async () => at((await shop.signUp("somebody")).id);
  const reason = { reason: "a test" };
  const newSession = async () => ({ body: { refreshToken: (await shop.signIn(other)).refreshToken } });
  const card = { number: "4242424242424242", expMonth: 12, expYear: 2030, cvc: "123" };
  const plain = fixed({});

  return {
    "POST /api/v1/auth/register": spent(async () => ({
      body: { email: `new.${newId().slice(-12)}@example.com`, password: PASSWORD, name: "New" },
    })),
    "POST /api/v1/auth/login": fixed({ body: { email: owner.email, password: owner.password } }),
    "POST /api/v1/auth/refresh": spent(newSession),
    "POST /api/v1/auth/logout": spent(newSession),
    "POST /api/v1/auth/password/forgot": fixed({ body: { email: "nobody@example.com" } }),
    "POST /api/v1/auth/password/reset": fixed({ body: { token: "not one that was mailed", password: PASSWORD } }),
    "GET /.well-known/jwks.json": plain,
    "GET /api/v1/me": plain,
    "PATCH /api/v1/me": fixed({ body: { name: "Another Name" } }),
    "GET /api/v1/me/overview": plain,
    "GET /api/v1/me/addresses": plain,
    "POST /api/v1/me/addresses": fixed({ body: ADDRESS }),
    "PUT /api/v1/me/addresses/{id}": fixed({ ...address, body: { ...ADDRESS, line2: "c/o Eve" } }),
    "DELETE /api/v1/me/addresses/{id}": spent(newAddress),
    "GET /api/v1/me/notifications": plain,
    "GET /api/v1/me/notification-preferences": plain,
    "PUT /api/v1/me/notification-preferences": fixed({ body: { email: { shipping: true, account: true } } }),
    "PUT /api/v1/me/password": fixed(({ person }) => ({
      body: { currentPassword: person?.password ?? PASSWORD, newPassword: person?.password ?? PASSWORD },
    })),
    "GET /api/v1/me/api-keys": plain,
    "POST /api/v1/me/api-keys": fixed({ body: { name: "a partner", scopes: ["orders:read"] } }),
    "DELETE /api/v1/me/api-keys/{id}": spent(async () => at((await shop.apiKey(owner, ["orders:read"])).id)),
    "GET /api/v1/products": fixed({ query: "?q=lamp" }),
    "GET /api/v1/products/{id}": fixed(at(productId)),
    "GET /api/v1/products/{id}/detail": fixed(at(productId)),
    "GET /api/v1/categories": plain,
    "GET /api/v1/products/suggest": fixed({ query: "?q=la" }),
    "GET /api/v1/products/by-slug/{slug}": fixed({ path: { slug } }),
    "GET /api/v1/brands": plain,
    "POST /api/v1/products": spent(async () => ({ body: shop.productBody() })),
    "PATCH /api/v1/products/{id}": fixed({ ...at(productId), body: { description: "A better lamp." } }),
    "DELETE /api/v1/products/{id}": spent(async () => at((await shop.newProduct()).id)),
    "GET /api/v1/products/{id}/history": fixed(at(productId)),
    "GET /api/v1/admin/products": plain,
    "GET /api/v1/products/export": fixed({ query: "?format=ndjson" }),
    "POST /api/v1/products/imports": fixed({ body: { format: "ndjson" } }),
    "GET /api/v1/products/imports": plain,
    "GET /api/v1/products/imports/{id}": spent(newImport),
    "PATCH /api/v1/products/imports/{id}/content": spent(async () => withBody({}, await newImport())),
    "GET /api/v1/products/imports/{id}/errors": spent(newImport),
    "POST /api/v1/products/imports/{id}/cancel": spent(newImport),
    "POST /api/v1/categories": spent(async () => ({ body: { name: `Lamps ${newId()}` } })),
    "PATCH /api/v1/categories/{slug}": fixed({ ...category, body: { name: "Ship's lamps" } }),
    "DELETE /api/v1/categories/{slug}": spent(newCategory),
    "GET /api/v1/admin/search-index": plain,
    "POST /api/v1/admin/search-index/check": plain,
    "POST /api/v1/admin/search-index/rebuild": plain,
    "GET /api/v1/inventory/{sku}": fixed({ path: { sku } }),
    "PUT /api/v1/inventory/{sku}": fixed({ path: { sku }, body: { onHand: 100_000 } }),
    "GET /api/v1/cart": plain,
    "DELETE /api/v1/cart": plain,
    "POST /api/v1/cart/items": fixed({ body: { sku, quantity: 1 } }),
    "PUT /api/v1/cart/items/{sku}": fixed({ path: { sku }, body: { quantity: 1 } }),
    "DELETE /api/v1/cart/items/{sku}": fixed({ path: { sku } }),
    "POST /api/v1/cart/items/{sku}/save": fixed({ path: { sku } }),
    "POST /api/v1/cart/saved/{sku}/restore": fixed({ path: { sku } }),
    "DELETE /api/v1/cart/saved/{sku}": fixed({ path: { sku } }),
    "POST /api/v1/cart/quote": fixed(async ({ person }) => {
      if (person !== undefined) await shop.fillCart(person.headers);
      return { body: { country: "DE" } };
    }),
    "POST /api/v1/cart/merge": spent(async () => ({ body: { cartToken: await newGuest() } })),
    "POST /api/v1/orders": fixed(async ({ person }) => {
      if (person !== undefined) await shop.fillCart(person.headers);
      return { headers: { "idempotency-key": newId() }, body: await shop.orderBody() };
    }),
    "GET /api/v1/orders": plain,
    "GET /api/v1/orders/{id}": fixed(at(order)),
    "GET /api/v1/orders/{id}/events": fixed(at(order)),
    "POST /api/v1/orders/{id}/cancel": spent(async () => ({ ...at(await confirmed()), body: reason })),
    "GET /api/v1/orders/{id}/shipment": spent(async () => {
      await shipmentOf(order);
      return at(order);
    }),
    "GET /api/v1/orders/{id}/payment": fixed(at(order)),
    "POST /api/v1/orders/{id}/returns": fixed({ ...at(delivered), body: returnBody }),
    "GET /api/v1/orders/{id}/returns": fixed(at(delivered)),
    "GET /api/v1/admin/orders": plain,
    "POST /api/v1/admin/orders/{id}/refunds": fixed({
      ...at(delivered),
      body: { amount: { amount: 1, currency: "EUR" }, ...reason },
    }),
    "POST /api/v1/admin/shipments/{id}/dispatch": spent(async () => ({
      ...at(await shipmentOf(await confirmed())),
      body: { carrier: "DHL", trackingNumber: "JD2" },
    })),
    "POST /api/v1/admin/shipments/{id}/deliver": spent(async () => at(await dispatched(await confirmed()))),
    "POST /api/v1/admin/returns/{id}/receive": spent(async () =>
      withBody({ lines: [{ sku, quantity: 1, restock: true }] }, await newReturn()),
    ),
    "POST /api/v1/admin/returns/{id}/reject": spent(async () => withBody(reason, await newReturn())),
    "GET /api/v1/admin/payments/findings": plain,
    "GET /api/v1/admin/refunds": plain,
    "POST /api/v1/admin/refunds/{id}/retry": spent(async () => withBody(reason, await refusedRefund())),
    "POST /api/v1/admin/refunds/{id}/settle": spent(async () =>
      withBody({ method: "cash", reference: "1", ...reason }, await refusedRefund()),
    ),
    "GET /api/v1/admin/sagas": fixed({ query: "?stuck=true" }),
    "GET /api/v1/admin/sagas/{id}": fixed(at(order)),
    "GET /api/v1/admin/dead-letters": plain,
    "GET /api/v1/admin/dead-letters/groups": plain,
    "POST /api/v1/admin/dead-letters/groups/{fingerprint}/replay": fixed({ path: { fingerprint: letter.fingerprint } }),
    "GET /api/v1/admin/dead-letters/{id}": fixed(letter),
    "POST /api/v1/admin/dead-letters/{id}/replay": spent(deadLetter),
    "PUT /api/v1/admin/dead-letters/{id}": spent(async () => withBody({ data: goodData() }, await deadLetter())),
    "DELETE /api/v1/admin/dead-letters/{id}": spent(async () => withBody(reason, await deadLetter())),
    "GET /api/v1/admin/users": plain,
    "GET /api/v1/admin/users/{id}": fixed(at(somebody.id)),
    "PUT /api/v1/admin/users/{id}/roles": spent(async () => withBody({ roles: ["customer", "staff"] }, await somebodyNew())),
    "POST /api/v1/admin/users/{id}/disable": spent(async () => withBody(reason, await somebodyNew())),
    "POST /api/v1/admin/users/{id}/enable": fixed({ ...at(somebody.id), body: reason }),
    "GET /api/v1/admin/users/{id}/audit": fixed(at(somebody.id)),
    "POST /api/v1/admin/signing-keys/rotate": fixed({ body: {} }),
    "GET /health/live": plain,
    "GET /health/ready": plain,
    "GET /openapi.json": plain,
    "GET /asyncapi.json": plain,
    "GET /docs": plain,
    "GET /docs/docs.css": plain,
    "GET /docs/docs.js": plain,
    "POST payments/tokens": fixed({ body: card }),
    "POST payments/webhooks/{provider}": fixed({
      path: { provider: "sandbox" },
      body: { id: "evt_1", type: "forged", data: {} },
    }),
    "GET payments/openapi.json": plain,
    "GET payments/health/live": plain,
    "GET payments/health/ready": plain,
    "GET node/health/live": plain,
    "GET node/health/ready": plain,
  };
};
