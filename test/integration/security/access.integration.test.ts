import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Scope, STAFF_SCOPES } from "@molecart/mixins/contracts/users.ts";
import { routes } from "../../../services/api/routes.ts";
import { paymentRoutes } from "../../../services/payments/routes.http.ts";
import { accessTable, type Role, roles } from "../../support/security/access-table.ts";
import { type Answer, GuardedShop, send } from "../../support/security/guarded-shop.ts";
import { type Call, type Caller, type OperationCall, operationCalls } from "../../support/security/operation-calls.ts";
import { removeDataDirs } from "../../support/worlds.ts";

jest.setTimeout(180_000);

let shop: Awaited<ReturnType<typeof GuardedShop.open>>;
let callers: Record<Role, Caller>;
let calls: Record<string, OperationCall>;
/** Who was not let in, by operation: what they sent, and what they were told. */
const foreign: { operation: string; role: Role; call: Call; answer: Answer }[] = [];

/** Good for something, and not for this route. */
const weakKeys = new Map<string, Caller>();

const scopeOf = (operation: string): string | undefined =>
  routes.find(({ method, path }) => `${method} ${path}` === operation)?.scope;

const weakKeyFor = (operation: string): Caller =>
  weakKeys.get(scopeOf(operation) === "cart:read" ? "orders:read" : "cart:read") as Caller;

beforeAll(async () => {
  shop = await GuardedShop.open();
  const { owner, other, staff, admin, sku } = shop;
  const all = Scope.enum as readonly string[];
  const forCustomers = all.filter((scope) => !(STAFF_SCOPES as readonly string[]).includes(scope));
  const guest = await send(shop.api, { method: "PUT", path: `/api/v1/cart/items/${sku}`, body: { quantity: 1 } });
  const key = async (person: typeof owner, scopes: readonly string[]): Promise<Caller> => ({
    headers: (await shop.apiKey(person, scopes)).headers,
    person,
  });
  for (const scope of ["cart:read", "orders:read"]) weakKeys.set(scope, await key(staff, [scope]));
  callers = {
    anonymous: { headers: {} },
    guest: { headers: { "x-cart-token": guest.headers.get("x-cart-token") as string } },
    other: { headers: other.headers, person: other },
    owner: { headers: owner.headers, person: owner },
    ownerKey: await key(owner, forCustomers),
    otherKey: await key(other, forCustomers),
    weakKey: { headers: {} },
    staff: { headers: staff.headers, person: staff },
    staffKey: await key(staff, all),
    admin: { headers: admin.headers, person: admin },
    adminKey: await key(admin, all),
  };
  calls = await operationCalls(shop);
}, 120_000);
afterAll(async () => {
  await shop?.stop();
  removeDataDirs();
});

const addressOf = (path: string): [address: string, path: string] => {
  if (path.startsWith("payments/")) return [shop.payments, path.slice("payments".length)];
  if (path.startsWith("node/")) return [shop.health, path.slice("node".length)];
  return [shop.api, path];
};

const sendAs = (operation: string, { headers }: Caller, { path = {}, query = "", headers: own, body }: Call): Promise<Answer> => {
  const [method, template] = operation.split(" ") as [string, string];
  const [address, local] = addressOf(template);
  const filled = local.replace(/\{(\w+)\}/g, (_, name: string) => path[name] as string);
  return send(address, { method, path: filled + query, headers: { ...own, ...headers }, body });
};

/** `404 ORDER_NOT_FOUND`, `200` */
const told = ({ status, body }: Answer): string => (status < 400 ? `${status}` : `${status} ${body?.code}`);

describe("Every operation admits whom the table says, and nobody else:", () => {
  for (const [operation, row] of Object.entries(accessTable)) {
    test(operation, async () => {
      const { make, served } = calls[operation] as OperationCall;
      const outcomes: Partial<Record<Role, string>> = {};
      for (const role of roles) {
        const caller = role === "weakKey" ? weakKeyFor(operation) : callers[role];
        const call = await make(caller);
        const answer = await sendAs(operation, caller, call);
        outcomes[role] = told(answer);
        if (answer.status < 300) served();
        if (answer.status === 404) foreign.push({ operation, role, call, answer });
      }
      expect(outcomes).toEqual(row);
    });
  }
});

describe("The table", () => {
  test("decides about every route of the gateway and about no other", () => {
    const decided = Object.keys(accessTable).filter((operation) => operation.includes(" /"));
    expect(decided.toSorted()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).toSorted());
  });

  test("decides about every route of the payments listener and about no other", () => {
    const served = paymentRoutes({ provider: { name: "sandbox" } } as never);
    const decided = Object.keys(accessTable)
      .filter((operation) => operation.includes(" payments/"))
      .map((operation) => operation.replace(" payments", " ").replace(/ +/, " ").replace("{provider}", "sandbox").split(" "));
    const matching = decided.map(([method, path]) =>
      served.filter((one) => one.method === method && one.path.test(path as string)),
    );
    expect(matching.map(({ length }) => length)).toEqual(decided.map(() => 1));
    expect(new Set(matching.flat()).size).toBe(served.length);
  });

  test("is all that a node's health port has", async () => {
    for (const path of ["/", "/metrics", "/health", "/health/live/", "/api/v1/me", "/health/../api/v1/me"])
      expect([path, (await send(shop.health, { method: "GET", path })).status]).toEqual([path, 404]);
    expect((await send(shop.health, { method: "POST", path: "/health/live" })).status).toBe(405);
  });
});

/** What is said, without what was asked for. */
const withoutIds = ({ status, text, body }: Answer, path: Record<string, string> = {}): string =>
  [body.requestId, ...Object.values(path)].reduce((left, id) => left.replaceAll(id, "…"), `${status} ${text}`);

test("Somebody else's thing answers as one that does not exist: the same to the letter", async () => {
  expect(foreign.length).toBeGreaterThan(10);
  for (const { operation, role, call, answer } of foreign) {
    const missing = Object.fromEntries(Object.keys(call.path ?? {}).map((name) => [name, crypto.randomUUID()]));
    const nobody = await sendAs(operation, callers[role], { ...call, path: missing });
    expect([operation, role, withoutIds(nobody, missing)]).toEqual([operation, role, withoutIds(answer, call.path)]);
    const names = (one: Answer) => [...one.headers.keys()].toSorted();
    expect(names(nobody)).toEqual(names(answer));
  }
});

test("Another customer's attempts have left no trace in the owner's things", async () => {
  const { owner, other } = shop;
  const mine = async (path: string, headers: Record<string, string>) =>
    (await shop.ok({ method: "GET", path: `/api/v1${path}`, headers })).items as { id: string }[];
  const ids = (items: { id: string }[]) => items.map(({ id }) => id);
  for (const path of ["/orders?limit=100", "/me/addresses", "/me/api-keys", "/me/notifications?limit=100"]) {
    const [owners, others] = [ids(await mine(path, owner.headers)), ids(await mine(path, other.headers))];
    expect(owners.length).toBeGreaterThan(0);
    expect(owners.filter((id) => others.includes(id))).toEqual([]);
  }
});
