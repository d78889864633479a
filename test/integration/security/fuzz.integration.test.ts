import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { verifyShop } from "@molecart/mixins/verify/index.ts";
import fc from "fast-check";
import { Documented, type DocumentedOperation, type Sent } from "../../support/documented.ts";
import { eventually } from "../../support/eventually.ts";
import { nastyStrings, SchemaArbitraries } from "../../support/security/arbitraries.ts";
import { ADDRESS, GuardedShop, type Headers, send } from "../../support/security/guarded-shop.ts";
import { removeDataDirs } from "../../support/worlds.ts";

/** Of each operation, in each role: RUNS=500 npm test -- test/integration/security/fuzz looks for hours where this looks for a minute. */
const RUNS = Number(process.env.RUNS ?? 20);
/** A failure names its seed; SEED=… repeats it. */
const SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
jest.setTimeout(60_000 + RUNS * 20_000);

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into by paths
type Any = any;

let shop: Awaited<ReturnType<typeof GuardedShop.launch>>;
let documents: Record<"shop" | "payments", Any>;
let pid: number | undefined;
/** Ids of things that are there, so that requests come further than to the look for them. */
let ids: string[];
let cartToken: string;

beforeAll(async () => {
  shop = await GuardedShop.launch();
  pid = shop.process.pid;
  const read = (address: string) => shop.ok({ method: "GET", path: "/openapi.json" }, address);
  documents = { shop: await read(shop.api), payments: await read(shop.payments) };
  const { owner, other, sku } = shop;
  const guest = await send(shop.api, { method: "PUT", path: `/api/v1/cart/items/${sku}`, body: { quantity: 1 } });
  cartToken = guest.headers.get("x-cart-token") as string;
  const orders = [await shop.order(owner), await shop.order(owner), await shop.order(other)];
  const shipments = await Promise.all(
    orders.map((id) =>
      eventually(() => shop.ok({ method: "GET", path: `/api/v1/orders/${id}/shipment`, headers: shop.staff.headers }), {
        withinMs: 20_000,
      }),
    ),
  );
  const address = await shop.ok({ method: "POST", path: "/api/v1/me/addresses", headers: owner.headers, body: ADDRESS });
  const key = await shop.apiKey(owner, ["orders:read"]);
  const product = await shop.newProduct();
  const somebody = await shop.signUp("somebody");
  ids = [...orders, ...shipments.map(({ id }) => id), address.id, key.id, product.id, product.slug, somebody.id];
}, 90_000);
afterAll(async () => {
  await shop?.stop();
  removeDataDirs();
});

/** Whoever calls these would end the other calls: every session at once. */
const LEFT_OUT = new Set(["rotateSigningKeys"]);

/** What no answer may tell: where the code lies, how it stores, what it is made of. */
const INTERNALS =
  /\bat [\w.<>]+ \(|node_modules|file:\/\/|\.ts:\d+|\/(home|tmp|usr|var|work|root)\/|SQLITE|sqlite_|\bselect "|insert into|ECONN|(Type|Range|Reference|Syntax)Error|Unexpected (token|end|non)|kysely|nedb|moleculer|typebox|\bajv\b/i;

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  schema: unknown;
}

interface Fuzzed extends Sent {
  operation: DocumentedOperation;
}

const pathValue = (sku: string): fc.Arbitrary<string> =>
  fc
    .oneof(
      { weight: 4, arbitrary: fc.constantFrom(...ids, sku) },
      { weight: 1, arbitrary: fc.stringMatching(/^[A-Za-z0-9_:.-]{1,64}$/) },
      { weight: 2, arbitrary: fc.constantFrom(...nastyStrings.filter((text) => text !== "" && text.isWellFormed())) },
    )
    .map(encodeURIComponent)
    // A dot is not escaped, and an address with such steps is another one before it is sent.
    .filter((text) => text !== "." && text !== "..");

/** Of what a header can carry at all. */
const headerText = fc.stringMatching(/^[\x21-\x7e]([\x20-\x7e\x80-\xff]{0,80}[\x21-\x7e])?$/);

const headersFor = (): fc.Arbitrary<Record<string, string>> =>
  fc.record(
    {
      "idempotency-key": fc.oneof({ weight: 3, arbitrary: fc.uuid() }, { weight: 1, arbitrary: headerText }),
      "x-request-id": headerText,
      traceparent: fc.oneof(headerText, fc.constant("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
      "x-cart-token": fc.oneof(headerText, fc.constant(cartToken)),
      "if-none-match": fc.oneof(headerText, fc.constant('"a", W/"b"')),
      "last-event-id": fc.oneof(headerText, fc.constant("1")),
      origin: headerText,
      "x-forwarded-for": headerText,
      "x-http-method-override": fc.constantFrom("DELETE", "PUT"),
    },
    { requiredKeys: ["idempotency-key"] },
  );

const parametersOf = (document: Any, { path, method }: DocumentedOperation, arbitraries: SchemaArbitraries): Parameter[] =>
  ((document.paths[path][method.toLowerCase()].parameters ?? []) as Any[]).map((one) => arbitraries.follow(one) as Parameter);

const textOf = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

/** Requests of an operation: such as the document allows, and such as it does not. */
const requestOf = (document: Any, operation: DocumentedOperation, arbitraries: SchemaArbitraries): fc.Arbitrary<Fuzzed> => {
  const { path, method, hasBody } = operation;
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const queries = parametersOf(document, operation, arbitraries).filter(({ in: where }) => where === "query");
  const queryOf = (of: (schema: unknown) => fc.Arbitrary<unknown>) =>
    fc.record(Object.fromEntries(queries.map(({ name, schema }) => [name, of(schema).map(textOf)])), {
      requiredKeys: queries.filter(({ required }) => required).map(({ name }) => name),
    });
  const query = fc.oneof(
    queryOf((schema) => arbitraries.good(schema)),
    queryOf((schema) => arbitraries.value(schema)),
  );
  const junk = fc.dictionary(fc.constantFrom(...nastyStrings.filter((text) => text.isWellFormed())), fc.constantFrom("1", "[]"), {
    maxKeys: 1,
  });
  const content = hasBody && document.paths[path][method.toLowerCase()].requestBody.content["application/json"]?.schema;
  const body = content
    ? fc.oneof(
        { weight: 8, arbitrary: arbitraries.value(content).map((value): Sent => ({ raw: JSON.stringify(value) ?? "" })) },
        {
          weight: 1,
          arbitrary: fc.constantFrom<Sent>(
            { raw: "" },
            { raw: "{" },
            { raw: "[]" },
            { raw: "null" },
            { raw: "[".repeat(10_000) },
          ),
        },
        { weight: 1, arbitrary: fc.string({ unit: "binary" }).map((raw): Sent => ({ raw })) },
      )
    : fc.constant<Sent>({});
  return fc
    .record({
      values: fc.tuple(
        ...names.map((name) => (name === "provider" ? fc.constantFrom("sandbox", "other", "__proto__") : pathValue(shop.sku))),
      ),
      query: fc.oneof({ weight: 6, arbitrary: query }, { weight: 1, arbitrary: junk }),
      headers: headersFor(),
      body,
    })
    .map(({ values, query, headers, body }) => ({
      operation,
      path: Object.fromEntries(names.map((name, index) => [name, values[index] as string])),
      query: query as Record<string, unknown>,
      headers,
      ...body,
    }));
};

const withHeaders = (sent: Fuzzed, credentials: Headers): Sent => ({ ...sent, headers: { ...sent.headers, ...credentials } });

let requests = 0;
const statuses = new Map<number, number>();

/** Calls every operation over and over, and looks at each answer. */
const fuzz = async (name: "shop" | "payments", credentials: () => Headers): Promise<void> => {
  const documented = new Documented(documents[name], shop[name === "shop" ? "api" : "payments"]);
  const arbitraries = new SchemaArbitraries(documents[name]);
  const faults: string[] = [];
  for (const operation of documented.operations) {
    if (LEFT_OUT.has(operation.operationId)) continue;
    const property = fc.asyncProperty(requestOf(documents[name], operation, arbitraries), async (sent) => {
      const { status, body, headers } = await documented.call(operation.operationId, withHeaders(sent, credentials()));
      requests += 1;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(status).toBeLessThan(500);
      // A refusal may say what was sent; what was sent holds nothing of this.
      if (status >= 400) expect(JSON.stringify(body)).not.toMatch(INTERNALS);
      expect(headers.get("x-powered-by") ?? headers.get("server")).toBeNull();
    });
    const details = await fc.check(property, { numRuns: RUNS, seed: SEED, endOnFailure: true });
    if (details.failed)
      faults.push(`${operation.operationId}: ${details.errorInstance}\n${JSON.stringify(details.counterexample)}`);
  }
  expect({ seed: SEED, faults }).toEqual({ seed: SEED, faults: [] });
};

describe("Thousands of requests, allowed and not, get answers that the document has, no fault and nothing of the inside:", () => {
  test("from nobody", () => fuzz("shop", () => ({})));
  test("from a customer", () => fuzz("shop", () => shop.owner.headers));
  test("from staff", () => fuzz("shop", () => shop.staff.headers));
  test("from an administrator", () => fuzz("shop", () => shop.admin.headers));
  test("to the payments listener", () => fuzz("payments", () => ({})));
});

describe("After all of them", () => {
  test("there were thousands, and many of them were served", () => {
    expect(requests).toBeGreaterThan(RUNS * 250);
    const served = [...statuses].filter(([status]) => status < 300).reduce((sum, [, count]) => sum + count, 0);
    expect(served / requests).toBeGreaterThan(0.1);
  });

  test("the same process lives, and has told of no fault", () => {
    expect(shop.process.isRunning).toBe(true);
    expect(shop.process.pid).toBe(pid);
    const told = shop.process.output.split("\n").filter((line) => /"level":"(error|fatal)"|^\s+at |Error:/.test(line));
    expect(told).toEqual([]);
  });

  test("the shop still sells", async () => {
    const buyer = await shop.signUp("buyer");
    const { id } = await shop.newProduct();
    const [{ sku }] = (await shop.ok({ method: "GET", path: `/api/v1/products/${id}` })).variants;
    await shop.ok({ method: "PUT", path: `/api/v1/inventory/${sku}`, headers: shop.staff.headers, body: { onHand: 5 } });
    await shop.ok({ method: "PUT", path: `/api/v1/cart/items/${sku}`, headers: buyer.headers, body: { quantity: 1 } });
    const headers = { ...buyer.headers, "idempotency-key": newId() };
    const { order } = await shop.ok({ method: "POST", path: "/api/v1/orders", headers, body: await shop.orderBody() });
    await eventually(
      async () => {
        const { status } = await shop.ok({ method: "GET", path: `/api/v1/orders/${order.id}`, headers: buyer.headers });
        expect(status).toBe("confirmed");
      },
      { withinMs: 20_000 },
    );
  });

  test("the books balance", async () => {
    await eventually(
      async () => {
        const { checks } = await verifyShop(shop.env);
        expect(checks.flatMap(({ offences }) => offences)).toEqual([]);
      },
      { withinMs: 40_000, everyMs: 500 },
    );
  });
});
