import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type BodyOperation, bodyOperations, placesIn, withAt } from "../../support/security/bodies.ts";
import { GuardedShop, type Headers, send } from "../../support/security/guarded-shop.ts";
import { removeDataDirs } from "../../support/worlds.ts";

jest.setTimeout(60_000);

let shop: Awaited<ReturnType<typeof GuardedShop.open>>;
let operations: BodyOperation[];

beforeAll(async () => {
  shop = await GuardedShop.open();
  operations = bodyOperations(await shop.ok({ method: "GET", path: "/openapi.json" }));
}, 60_000);
afterAll(async () => {
  await shop?.stop();
  removeDataDirs();
});

const money = { amount: 1, currency: "EUR" };
/** What a client would like to decide. */
const foreignFields: Readonly<Record<string, unknown>> = {
  id: "chosen",
  _id: "chosen",
  userId: "somebody-else",
  ownerId: "somebody-else",
  customerId: "somebody-else",
  customer: { id: "somebody-else", email: "a@example.com", name: "A" },
  viewer: { userId: "somebody-else", roles: ["admin"] },
  actor: "somebody-else",
  caller: { roles: ["admin"] },
  role: "admin",
  roles: ["admin"],
  isAdmin: true,
  permissions: ["*"],
  status: "delivered",
  state: "delivered",
  price: money,
  unitPrice: money,
  total: money,
  totals: { items: money, shipping: money, tax: money, total: money },
  discount: 100,
  version: 0,
  ver: 0,
  tokenVersion: 99,
  createdAt: "2000-01-01T00:00:00.000Z",
  updatedAt: "2000-01-01T00:00:00.000Z",
  disabledAt: null,
  passwordHash: "$argon2",
  address: "10.0.0.1",
  sessionId: "chosen",
  includeUnpublished: true,
  cartId: "user:somebody-else",
  meta: { user: { roles: ["admin"] } },
  $set: { roles: ["admin"] },
};

const isObject = (value: unknown) => typeof value === "object" && value !== null && !Array.isArray(value);

/** These are free in part: an event's payload, the attributes of a product's variant. */
const isFree = (place: readonly string[]): boolean => place.includes("attributes") || place[0] === "data";

test("Every body of every operation is refused with a field that is not its own, on each of its levels", async () => {
  expect(operations.length).toBeGreaterThan(25);
  for (const operation of operations)
    for (const place of placesIn(operation.example, isObject).filter((one) => !isFree(one)))
      for (const [field, value] of Object.entries(foreignFields)) {
        const before = place.reduce((found, step) => found[step], operation.example);
        if (Object.hasOwn(before, field) || (place.length === 0 && operation.known.includes(field))) continue;
        const body = withAt(operation.example, place, (object) => ({ ...object, [field]: value }));
        const headers = { ...shop.admin.headers, "idempotency-key": newId() };
        const answer = await send(shop.api, { method: operation.method, path: operation.path, headers, body });
        const what = `${operation.operationId} ${[...place, field].join(".")}`;
        expect([what, answer.status]).toEqual([what, 422]);
      }
});

describe("What is kept is what the shop has decided:", () => {
  const me = (headers: Headers) => shop.ok({ method: "GET", path: "/api/v1/me", headers });

  test("nobody registers or renames himself into a role", async () => {
    const account = { email: `eve.${newId().slice(-12)}@example.com`, password: "correct horse battery", name: "Eve" };
    for (const more of [{ roles: ["admin"] }, { role: "admin" }, { user: { roles: ["admin"] } }, { id: shop.staff.id }]) {
      const refused = await send(shop.api, { method: "POST", path: "/api/v1/auth/register", body: { ...account, ...more } });
      expect(refused.status).toBe(422);
    }
    const { user, accessToken } = await shop.ok({ method: "POST", path: "/api/v1/auth/register", body: account });
    expect(user.roles).toEqual(["customer"]);
    const headers = { authorization: `Bearer ${accessToken}` };
    for (const more of [
      { roles: ["admin"] },
      { email: "staff@example.com" },
      { id: shop.staff.id },
      { createdAt: "2000-01-01T00:00:00Z" },
    ]) {
      const refused = await send(shop.api, { method: "PATCH", path: "/api/v1/me", headers, body: { name: "Mallory", ...more } });
      expect(refused.status).toBe(422);
    }
    expect(await me(headers)).toEqual(user);
  });

  test("prices and totals are the shop's, of the basket and of the order", async () => {
    const buyer = await shop.signUp("buyer");
    const item = { method: "PUT", path: `/api/v1/cart/items/${shop.sku}`, headers: buyer.headers };
    for (const more of [{ unitPrice: money }, { price: money }, { total: money }, { productId: "other" }, { name: "cheap" }])
      expect((await send(shop.api, { ...item, body: { quantity: 1, ...more } })).status).toBe(422);
    const cart = await shop.ok({ ...item, body: { quantity: 1 } });
    expect(cart.lines[0].unitPrice.amount).toBe(1_990);

    const body = await shop.orderBody();
    const place = (more: object) =>
      send(shop.api, {
        method: "POST",
        path: "/api/v1/orders",
        headers: { ...buyer.headers, "idempotency-key": newId() },
        body: { ...body, ...more },
      });
    for (const more of [
      { totals: { items: money, shipping: money, tax: money, total: money } },
      { lines: [{ sku: shop.sku, quantity: 1, unitPrice: money }] },
      { status: "paid" },
      { customer: { id: shop.other.id } },
      { userId: shop.other.id },
      { number: "M-1" },
      { currency: "JPY" },
    ])
      expect((await place(more)).status).toBe(422);
    expect((await place({ expectedTotal: money })).status).toBe(409);
    const list = () => shop.ok({ method: "GET", path: "/api/v1/orders", headers: buyer.headers });
    expect((await list()).items).toEqual([]);
    const { order } = (await place({})).body;
    expect(order.totals).toEqual(cart.totals);
    expect(order.status).toBe("pending");
  });

  test("neither a query nor a header says who somebody is or what he may do", async () => {
    const { owner, other } = shop;
    const address = { name: "Ada", line1: "1 Quay", city: "Hamburg", postalCode: "20457", country: "DE" };
    await shop.ok({ method: "POST", path: "/api/v1/me/addresses", headers: owner.headers, body: address });
    for (const query of [
      `userId=${owner.id}`,
      `user=${owner.id}`,
      "roles=admin",
      "includeUnpublished=true",
      `viewer[userId]=${owner.id}`,
    ])
      for (const path of ["/me", "/me/addresses", "/orders", "/me/api-keys"])
        expect(
          (await send(shop.api, { method: "GET", path: `/api/v1${path}?${encodeURI(query)}`, headers: other.headers })).status,
        ).toBe(422);
    const pretending = {
      ...other.headers,
      "x-user-id": owner.id,
      "x-roles": "admin",
      "x-user": owner.id,
      "x-remote-user": owner.email,
    };
    expect((await me(pretending)).id).toBe(other.id);
    expect((await send(shop.api, { method: "GET", path: "/api/v1/admin/orders", headers: pretending })).status).toBe(403);
    const mine = await shop.ok({ method: "GET", path: "/api/v1/me/addresses", headers: pretending });
    expect(mine.items).toEqual([]);
  });

  test("a draft is shown to nobody who asks for it as if he were staff", async () => {
    const product = { ...shop.productBody(), status: "draft" };
    const { id } = await shop.ok({ method: "POST", path: "/api/v1/products", headers: shop.staff.headers, body: product });
    for (const headers of [{}, shop.other.headers])
      for (const [query, status] of [
        ["", 404],
        ["?includeUnpublished=true", 422],
      ] as const)
        expect((await send(shop.api, { method: "GET", path: `/api/v1/products/${id}${query}`, headers })).status).toBe(status);
    expect((await send(shop.api, { method: "GET", path: "/api/v1/products?status=draft" })).status).toBe(422);
    expect(
      (await shop.ok({ method: "GET", path: "/api/v1/products?q=lamp&limit=100" })).items.map((one: { id: string }) => one.id),
    ).not.toContain(id);
  });

  test("staff do not decide what administrators decide", async () => {
    const before = await me(shop.staff.headers);
    const path = `/api/v1/admin/users/${shop.staff.id}/roles`;
    expect((await send(shop.api, { method: "PUT", path, headers: shop.staff.headers, body: { roles: ["admin"] } })).status).toBe(
      403,
    );
    expect(await me(shop.staff.headers)).toEqual(before);
    const actor = { roles: ["customer", "staff"], actor: "somebody-else" };
    expect((await send(shop.api, { method: "PUT", path, headers: shop.admin.headers, body: actor })).status).toBe(422);
  });
});
