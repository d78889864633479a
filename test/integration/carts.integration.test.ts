import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { ActionName, ActionParams, ActionResult, EventData } from "@molecart/mixins/contracts/index.ts";
import type { Item } from "@molecart/mixins/contracts/products.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { type DurableService, deliver } from "@molecart/mixins/middlewares/durable-events.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { Context, ServiceBroker } from "moleculer";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { startRedis } from "../support/servers/redis.ts";

const USER = "user:u1";
const GUEST = "guest:g1";
const CUSTOMER = { id: "u1", email: "ada@example.com", name: "Ada" };

const eur = (amount: number) => ({ amount, currency: "EUR" });
const item = (sku: string, amount: number, sellable = true): Item => ({
  sku,
  productId: `p-${sku}`,
  name: `The ${sku}`,
  unitPrice: eur(amount),
  sellable,
});

/** Catalogue and inventory as the carts see them. */
class Neighbours {
  readonly items = new Map<string, Item>([
    ["LAMP", item("LAMP", 2_000)],
    ["CHAIR", item("CHAIR", 9_900)],
    ["RETIRED", item("RETIRED", 500, false)],
  ]);
  readonly stock = new Map<string, number>([
    ["LAMP", 5],
    ["CHAIR", 1],
  ]);
  /** The inventory answers when this resolves. */
  inventoryPause = Promise.withResolvers<void>();

  constructor() {
    this.inventoryPause.resolve();
  }

  join(broker: ServiceBroker): void {
    const { items, stock } = this;
    broker.createService({
      name: "products",
      version: 1,
      actions: {
        items: (ctx: Context<{ skus: string[] }>) => ({ items: ctx.params.skus.flatMap((sku) => items.get(sku) ?? []) }),
      },
    });
    broker.createService({
      name: "inventory",
      version: 1,
      actions: {
        getMany: async (ctx: Context<{ skus: string[] }>) => {
          await this.inventoryPause.promise;
          const known = ctx.params.skus.filter((sku) => stock.has(sku));
          return { items: known.map((sku) => ({ sku, onHand: stock.get(sku), reserved: 0, available: stock.get(sku) })) };
        },
      },
    });
  }
}

const orderCreated = (lines: { sku: string; quantity: number }[], cartRevision?: number) =>
  newEnvelope(
    "order.created",
    "o1",
    {
      orderId: "o1",
      number: "M-1",
      customer: CUSTOMER,
      lines: lines.map((line) => ({ ...line, productId: "p", name: "n", unitPrice: eur(1), total: eur(line.quantity) })),
      totals: { items: eur(1), shipping: eur(0), tax: eur(0), total: eur(1) },
      shippingAddress: { name: "Ada", line1: "1 Road", city: "Berlin", postalCode: "10115", country: "DE" },
      paymentToken: "tok_1",
      ...(cartRevision !== undefined && { cartRevision }),
    },
    new Date().toISOString(),
  );

/** The service's behaviour on one of its stores. */
const behaves = (environment: () => Record<string, string>) => {
  let dataDir: string;
  let env: Record<string, string>;
  let broker: ServiceBroker;
  let neighbours: Neighbours;

  const start = async () => {
    broker = await createBroker(["carts"], { env });
    neighbours.join(broker);
    await broker.start();
  };
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "molecart-carts-"));
    env = { DATA_DIR: dataDir, LOG_LEVEL: "fatal", ...environment() };
    neighbours = new Neighbours();
    await start();
  });
  afterEach(async () => {
    neighbours.inventoryPause.resolve();
    await broker.stop();
    await rm(dataDir, { recursive: true });
  });

  const call = <N extends ActionName>(name: N, params: ActionParams<N>): Promise<ActionResult<N>> => broker.call(name, params);
  const put = (sku: string, quantity: number, cartId = USER) => call("v1.carts.setItem", { cartId, sku, quantity });
  const service = () =>
    broker.getLocalService("v1.carts") as unknown as DurableService & { healthChecks: Record<string, () => Promise<void>> };
  const linesOf = async (cartId = USER) => {
    const { lines } = await call("v1.carts.lines", { cartId });
    return lines.map(({ sku, quantity }) => [sku, quantity]);
  };

  test("shows what is in it with current prices, totals and stock", async () => {
    expect(await call("v1.carts.get", { cartId: USER })).toEqual({
      lines: [],
      saved: [],
      totals: { items: eur(0), shipping: eur(0), tax: eur(0), total: eur(0), taxes: [] },
    });
    await put("LAMP", 2);
    neighbours.items.set("LAMP", item("LAMP", 1_500));
    expect(await put("CHAIR", 2)).toEqual({
      lines: [
        {
          sku: "LAMP",
          productId: "p-LAMP",
          name: "The LAMP",
          quantity: 2,
          unitPrice: eur(1_500),
          total: eur(3_000),
          available: true,
          priceWhenAdded: eur(2_000),
          priceChanged: "lowered",
        },
        {
          sku: "CHAIR",
          productId: "p-CHAIR",
          name: "The CHAIR",
          quantity: 2,
          unitPrice: eur(9_900),
          total: eur(19_800),
          available: false,
          unavailable: "TOO_FEW",
          availableQuantity: 1,
        },
      ],
      saved: [],
      totals: {
        items: eur(22_800),
        shipping: eur(0),
        tax: eur(4_332),
        total: eur(27_132),
        taxes: [{ class: "standard", rate: 1_900, base: eur(22_800), amount: eur(4_332) }],
      },
    });
    expect((await put("LAMP", 1)).lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ["LAMP", 1],
      ["CHAIR", 2],
    ]);
    expect((await call("v1.carts.removeItem", { cartId: USER, sku: "LAMP" })).lines).toHaveLength(1);
    expect(await call("v1.carts.clear", { cartId: USER })).toBeNull();
    expect(await linesOf()).toEqual([]);
  });

  test("takes only what the catalogue sells, and no more than 99 of it", async () => {
    await expect(put("NOTHING", 1)).rejects.toMatchObject({ type: "SKU_NOT_FOUND", code: 404 });
    await expect(put("RETIRED", 1)).rejects.toMatchObject({ type: "NOT_SELLABLE", code: 409 });
    await expect(put("LAMP", 100)).rejects.toMatchObject({ type: "VALIDATION_ERROR" });
    expect(await linesOf()).toEqual([]);
  });

  const add = (sku: string, quantity: number, idempotencyKey: string, cartId = USER) =>
    call("v1.carts.addItem", { cartId, sku, quantity, idempotencyKey });

  test("adds what 50 ask for at the same moment, exactly, and once under one key", async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => add("LAMP", 1, `key-${n}`)));
    await Promise.all(Array.from({ length: 5 }, () => add("LAMP", 1, "key-1")));
    expect(await linesOf()).toEqual([["LAMP", 50]]);
  });

  test("adds nothing that is unknown, archived or sold out, nor beyond the limit, and says so by codes", async () => {
    neighbours.items.set("GONE", item("GONE", 100));
    neighbours.stock.set("GONE", 0);
    await expect(add("NOTHING", 1, "k1")).rejects.toMatchObject({ type: "SKU_NOT_FOUND", code: 404 });
    await expect(add("RETIRED", 1, "k2")).rejects.toMatchObject({ type: "NOT_SELLABLE", code: 409 });
    await expect(add("GONE", 1, "k3")).rejects.toMatchObject({ type: "SOLD_OUT", code: 409, data: { sku: "GONE" } });
    await add("LAMP", 98, "k4");
    await expect(add("LAMP", 2, "k5")).rejects.toMatchObject({ type: "QUANTITY_LIMIT", code: 409 });
    await expect(add("LAMP", 97, "k4")).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED", code: 422 });
    expect(await linesOf()).toEqual([["LAMP", 98]]);
  });

  test("answers an addition that is repeated after the product was sold out as it did before", async () => {
    await add("LAMP", 1, "k1");
    neighbours.stock.set("LAMP", 0);
    expect((await add("LAMP", 1, "k1")).lines).toEqual([
      expect.objectContaining({ sku: "LAMP", quantity: 1, available: false, unavailable: "SOLD_OUT" }),
    ]);
    await expect(add("LAMP", 1, "k2")).rejects.toMatchObject({ type: "SOLD_OUT" });
  });

  test("keeps for later what is saved: out of the totals and out of orders, until it is restored or forgotten", async () => {
    await put("LAMP", 2);
    await put("CHAIR", 1);
    const saved = await call("v1.carts.saveItem", { cartId: USER, sku: "LAMP" });
    expect(saved.saved).toEqual([expect.objectContaining({ sku: "LAMP", quantity: 2, name: "The LAMP", available: true })]);
    expect(saved.totals.items).toEqual(eur(9_900));
    expect(await call("v1.carts.saveItem", { cartId: USER, sku: "LAMP" })).toEqual(saved);
    expect(await linesOf()).toEqual([["CHAIR", 1]]);
    const restored = await call("v1.carts.restoreItem", { cartId: USER, sku: "LAMP" });
    expect(restored.lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ["CHAIR", 1],
      ["LAMP", 2],
    ]);
    expect(restored.saved).toEqual([]);
    await call("v1.carts.saveItem", { cartId: USER, sku: "CHAIR" });
    await call("v1.carts.clear", { cartId: USER });
    expect((await call("v1.carts.get", { cartId: USER })).saved).toHaveLength(1);
    expect((await call("v1.carts.removeSaved", { cartId: USER, sku: "CHAIR" })).saved).toEqual([]);
  });

  test("keeps showing a line whose product has vanished, but does not count it", async () => {
    await put("LAMP", 1);
    await put("CHAIR", 1);
    neighbours.items.delete("LAMP");
    const cart = await call("v1.carts.get", { cartId: USER });
    expect(cart.lines[0]).toMatchObject({ sku: "LAMP", name: "The LAMP", unitPrice: eur(2_000), available: false });
    expect(cart.totals.items).toEqual(eur(9_900));
  });

  test("answers within its deadline while the inventory does not answer", async () => {
    await put("LAMP", 1);
    neighbours.inventoryPause = Promise.withResolvers();
    const startedAt = performance.now();
    const cart = await call("v1.carts.get", { cartId: USER });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(cart.lines).toEqual([expect.objectContaining({ sku: "LAMP", unitPrice: eur(2_000), available: null })]);
  });

  test("shows remembered names and prices while there is no catalogue, and takes nothing new unchecked", async () => {
    await put("LAMP", 2);
    await broker.destroyService(broker.getLocalService("v1.products"));
    const cart = await call("v1.carts.get", { cartId: USER });
    expect(cart.lines).toEqual([expect.objectContaining({ name: "The LAMP", unitPrice: eur(2_000), available: null })]);
    expect(cart.totals.items).toEqual(eur(4_000));
    await expect(put("CHAIR", 1)).rejects.toMatchObject({ type: "UNAVAILABLE", code: 503 });
    expect(await linesOf()).toEqual([["LAMP", 2]]);
  });

  test("moves a guest's cart into the customer's once, and no customer's into another's", async () => {
    await put("LAMP", 2, GUEST);
    await put("LAMP", 1);
    await put("CHAIR", 1, GUEST);
    const merge = () => call("v1.carts.merge", { from: GUEST, into: USER });
    const merged = await merge();
    expect(merged.lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ["LAMP", 3],
      ["CHAIR", 1],
    ]);
    expect(await merge()).toEqual(merged);
    expect(await linesOf(GUEST)).toEqual([]);
    await expect(call("v1.carts.merge", { from: USER, into: "user:u2" })).rejects.toMatchObject({ type: "VALIDATION_ERROR" });
  });

  test("takes a placed order out once, however often its event is delivered, and keeps what was added meanwhile", async () => {
    await put("LAMP", 5);
    await put("CHAIR", 1);
    const event = orderCreated([
      { sku: "LAMP", quantity: 2 },
      { sku: "CHAIR", quantity: 1 },
    ]);
    const { bus } = runtimeOf(broker);
    await bus.publish([event]);
    await eventually(async () => expect(await linesOf()).toEqual([["LAMP", 3]]));
    await put("CHAIR", 4);

    // The embedded bus drops a second publish of an id; this is what the consumer does with a redelivery.
    expect(await deliver(service(), event)).toBe("duplicate");
    await bus.publish([event]);
    await bus.publish([orderCreated([{ sku: "LAMP", quantity: 1 }])]);
    await eventually(async () =>
      expect(await linesOf()).toEqual([
        ["LAMP", 2],
        ["CHAIR", 4],
      ]),
    );
  });

  test("leaves a cart alone that was filled anew before the order of its former content was heard of", async () => {
    await put("LAMP", 2);
    await put("CHAIR", 1);
    const { lines, revision } = await call("v1.carts.lines", { cartId: USER });
    await put("LAMP", 2);
    await call("v1.carts.removeItem", { cartId: USER, sku: "CHAIR" });
    const event = orderCreated(lines, revision);
    await deliver(service(), event);
    await deliver(service(), event);
    expect(await linesOf()).toEqual([["LAMP", 2]]);
    const again = await call("v1.carts.lines", { cartId: USER });
    await deliver(service(), orderCreated(again.lines, again.revision));
    expect(await linesOf()).toEqual([]);
  });

  test("makes an order's event that it cannot read a dead letter, and goes on with the next", async () => {
    await put("LAMP", 5);
    const unreadable = { ...orderCreated([]), data: { orderId: "o1" } as EventData<"order.created"> };
    const { bus } = runtimeOf(broker);
    await bus.publish([unreadable]);
    await bus.publish([orderCreated([{ sku: "LAMP", quantity: 1 }])]);
    await eventually(async () => expect(await linesOf()).toEqual([["LAMP", 4]]));
    const [letter] = await eventually(async () => {
      const letters = await service().inbox.deadLetters({ limit: 10 });
      expect(letters).toHaveLength(1);
      return letters;
    });
    expect(letter).toMatchObject({ eventId: unreadable.id, code: "VALIDATION_ERROR", attempts: 1 });
  });

  test("keeps carts over a restart", async () => {
    await put("LAMP", 2);
    await put("CHAIR", 1, GUEST);
    await broker.stop();
    await start();
    expect(await linesOf()).toEqual([["LAMP", 2]]);
    expect(await linesOf(GUEST)).toEqual([["CHAIR", 1]]);
  });

  test("answers that its dependencies are well", async () => {
    const { healthChecks } = service();
    expect(Object.keys(healthChecks)).toEqual([env.REDIS_URL ? "redis" : "carts database", "events"]);
    for (const check of Object.values(healthChecks)) await check();
  });
};

describe("carts, embedded", () => behaves(() => ({})));

describeWith(["redis"], "carts on Redis", () => {
  let server: RunningServer;
  let shops = 0;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  behaves(() => ({ REDIS_URL: server.url, NAMESPACE: `shop-${++shops}` }));
});
