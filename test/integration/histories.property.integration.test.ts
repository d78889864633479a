import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import type { EventData, EventName } from "@molecart/mixins/contracts/index.ts";
import type { Order, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import type { Database } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { type DurableService, deliver } from "@molecart/mixins/middlewares/durable-events.ts";
import fc from "fast-check";
import type { ServiceBroker, ServiceSchema } from "moleculer";
import type { InventoryTables } from "../../services/inventory/stock.table.ts";
import type { PaymentsTables } from "../../services/payments/payment.table.ts";
import type { PaymentProvider } from "../../services/payments/provider.ts";
import type { ShippingTables } from "../../services/shipping/shipment.table.ts";
import { eventually } from "../support/eventually.ts";
import { customer, orderData, shippingAddress } from "../support/order-events.ts";
import { type Random, randomOf } from "../support/random.ts";
import { Provider } from "../support/saga-shop.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

/** More by environment: RUNS=100 npm test -- test/integration/histories.property */
const RUNS = Number(process.env.RUNS ?? 4);
/** As a failure prints it. */
const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const ORDERS = 20;
const MOST_ROUNDS = 200;
const IN_HAND = 8;

const eur = (amount: number) => ({ amount, currency: "EUR" });
const at = () => new Date().toISOString();
const LINES = [{ sku: "LAMP", quantity: 2 }];
const event = <N extends EventName>(type: N, orderId: string, data: EventData<N>): Envelope =>
  newEnvelope(type, orderId, data, at()) as Envelope;
const paymentOf = (orderId: string) => ({ orderId, number: "M-1", paymentId: `p-${orderId}`, customer });

const history = {
  created: (id: string) => event("order.created", id, { ...orderData(id, LINES), paymentToken: "tok" }),
  confirmed: (id: string) => event("order.confirmed", id, orderData(id, LINES)),
  cancelled: (id: string) => event("order.cancelled", id, { ...orderData(id, LINES), reason: "changed_mind" }),
  reserved: (id: string) => event("stock.reserved", id, { orderId: id, lines: LINES, expiresAt: at() }),
  rejected: (id: string) => event("stock.rejected", id, { orderId: id, shortages: [] }),
  expired: (id: string) => event("reservation.expired", id, { orderId: id }),
  paid: (id: string) =>
    event("payment.completed", id, { ...paymentOf(id), amount: eur(2_000), card: { brand: "visa", last4: "4242" } }),
  failed: (id: string) => event("payment.failed", id, { ...paymentOf(id), code: "card_declined" }),
  refunded: (id: string, full: boolean) =>
    event("payment.refunded", id, {
      ...paymentOf(id),
      refundId: newId(),
      amount: eur(1),
      refundedTotal: eur(1),
      full,
      reason: "goodwill",
    }),
  dispatched: (id: string) => event("shipment.dispatched", id, parcelOf(id)),
  delivered: (id: string) => event("shipment.delivered", id, parcelOf(id)),
  returned: (id: string, returnId: string, cents: number) =>
    event("return.received", id, {
      orderId: id,
      number: "M-1",
      returnId,
      customer,
      lines: [{ sku: "LAMP", quantity: 1, restock: true }],
      refundAmount: eur(cents),
    }),
};
const parcelOf = (orderId: string): EventData<"shipment.dispatched"> => ({
  orderId,
  number: "M-1",
  shipmentId: `s-${orderId}`,
  carrier: "DHL",
  trackingNumber: "T1",
  customer,
  at: at(),
});

interface Subject<DB> {
  broker: ServiceBroker;
  database: Database<DB & MessagingTables>;
  /** Hands over all events, some of them up to three times, in any order and several at a time; what cannot be handled yet
   *  comes again later. */
  storm(envelopes: readonly Envelope[], random: Random): Promise<void>;
  sent(orderId: string): Promise<EventName[]>;
}

let open: ServiceBroker | undefined;

const openSubject = async <DB>(name: string, fakes: readonly ServiceSchema[] = []): Promise<Subject<DB>> => {
  const broker = await createBroker([name], { env: { DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", PAYMENTS_PORT: "0" } });
  open = broker;
  for (const fake of fakes) broker.createService(fake);
  await broker.start();
  const service = broker.getLocalService(`v1.${name}`) as unknown as DurableService & { database: Subject<DB>["database"] };
  const handOver = async (envelope: Envelope): Promise<boolean> => {
    try {
      await deliver(service, envelope);
      return true;
    } catch (error) {
      if ((error as { retryable?: unknown }).retryable !== true) throw error;
      return false;
    }
  };
  return {
    broker,
    database: service.database,
    async storm(envelopes, random) {
      let left = random.shuffled(envelopes.flatMap((envelope) => Array<Envelope>(1 + random.below(3)).fill(envelope)));
      for (let round = 0; left.length > 0; round++) {
        if (round === MOST_ROUNDS) throw new Error(`Never handled: ${left.map(({ type }) => type).join(", ")}`);
        const batch = left.splice(0, IN_HAND);
        const handled = await Promise.all(batch.map(handOver));
        const again = batch.filter((_, index) => !handled[index]);
        // What was refused for now waits behind a random part of the rest.
        for (const envelope of again) left.splice(random.below(left.length + 1), 0, envelope);
        left = random.chance(0.2) ? random.shuffled(left) : left;
      }
    },
    async sent(orderId) {
      const { db } = service.database as unknown as Database<MessagingTables>;
      const rows = await db.selectFrom("outbox").select("type").where("aggregate_id", "=", orderId).orderBy("seq").execute();
      return rows.map(({ type }) => type as EventName);
    },
  };
};

const forAnySeed = (run: (random: Random) => Promise<void>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(fc.integer(), (seed) => run(randomOf(seed))),
    { numRuns: RUNS, endOnFailure: true, ...(SEED === undefined ? {} : { seed: SEED }) },
  );

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const ordersOf = (random: Random, kinds: readonly string[]) =>
  Array.from({ length: ORDERS }, () => ({ id: newId(), kind: random.pick(kinds) }));

describe("The history of many orders, shuffled and repeated,", () => {
  afterEach(async () => {
    await open?.stop();
    open = undefined;
  });
  afterAll(() => removeDataDirs());

  test("leaves exact stock and one outcome per reservation in inventory", async () => {
    const subject = await openSubject<InventoryTables>("inventory");
    await forAnySeed(async (random) => {
      const sku = `LAMP-${newId()}`;
      const putIn = 2 * ORDERS;
      await subject.broker.call("v1.inventory.set", { sku, onHand: putIn });
      const orders = ordersOf(random, ["confirmed", "cancelled", "failed", "cancelled after all", "returned"]);
      const ofThisSku = (envelope: Envelope): Envelope =>
        JSON.parse(JSON.stringify(envelope).replaceAll('"sku":"LAMP"', `"sku":"${sku}"`)) as Envelope;
      const events = orders.flatMap(({ id, kind }) => {
        const parts: Record<string, Envelope[]> = {
          confirmed: [history.confirmed(id)],
          cancelled: [history.cancelled(id)],
          failed: [history.failed(id), history.cancelled(id)],
          "cancelled after all": [history.confirmed(id), history.cancelled(id)],
          returned: [history.confirmed(id), history.returned(id, newId(), 1), history.returned(id, newId(), 1)],
        };
        return [history.created(id), ...(parts[kind] as Envelope[])];
      });
      await subject.storm(events.map(ofThisSku), random);

      const stock = await subject.database.db.selectFrom("stock").selectAll().where("sku", "=", sku).executeTakeFirstOrThrow();
      const count = (...kinds: string[]) => orders.filter(({ kind }) => kinds.includes(kind)).length;
      const sold = 2 * count("confirmed", "returned");
      expect(stock).toMatchObject({ reserved: 0, sold, on_hand: putIn - sold + 2 * count("returned") });
      for (const { id, kind } of orders) {
        const { status } = await subject.database.db
          .selectFrom("reservation")
          .select("status")
          .where("order_id", "=", id)
          .executeTakeFirstOrThrow();
        expect([kind, status]).toEqual([kind, kind === "confirmed" || kind === "returned" ? "committed" : "released"]);
        const answers = (await subject.sent(id)).filter((type) => type.startsWith("stock."));
        expect(answers.length).toBeLessThanOrEqual(1);
      }
    });
  });

  test("leaves one charge and a ledger that says what is owed in payments", async () => {
    const subject = await openSubject<PaymentsTables>("payments");
    const service = subject.broker.getLocalService("v1.payments") as unknown as { provider(): PaymentProvider };
    const provider = new Provider(randomOf(7));
    provider.faulty = false;
    const sandbox = service.provider.bind(service);
    service.provider = () => provider.asProvider(sandbox());
    await forAnySeed(async (random) => {
      const orders = ordersOf(random, ["paid", "cancelled", "returned"]);
      const events = orders.flatMap(({ id, kind }) => {
        const parts: Record<string, Envelope[]> = {
          paid: [],
          cancelled: [history.cancelled(id)],
          returned: [history.returned(id, newId(), 700), history.returned(id, newId(), 900), history.returned(id, newId(), 600)],
        };
        return [history.created(id), history.reserved(id), ...(parts[kind] as Envelope[])];
      });
      await subject.storm(events, random);
      const { db } = subject.database;
      await eventually(async () => {
        expect(await db.selectFrom("job").select("id").where("kind", "<>", "reconcile").execute()).toEqual([]);
      });
      for (const { id, kind } of orders) {
        const payment = await db.selectFrom("payment").selectAll().where("order_id", "=", id).executeTakeFirstOrThrow();
        const entries = await db.selectFrom("ledger_entry").selectAll().where("order_id", "=", id).execute();
        const kept = sum(
          entries.filter(({ account }) => account === "provider_receivable").map(({ debit, credit }) => debit - credit),
        );
        const paid = provider.charges.get(payment.id)?.amount ?? 0;
        const back = [...provider.refunds].filter(([key]) => key.startsWith(payment.id)).map(([, { amount }]) => amount);
        expect(sum(entries.map(({ debit, credit }) => debit - credit))).toBe(0);
        expect(paid - sum(back)).toBe(kept);
        // Three returns of 2200 in all have only 2000 to share.
        expect([kind, kept]).toEqual([kind, kind === "paid" ? 2_000 : 0]);
        const sent = await subject.sent(id);
        expect(sent.filter((type) => type === "payment.completed")).toHaveLength(paid > 0 ? 1 : 0);
        expect(sent.filter((type) => type === "return.refunded")).toHaveLength(kind === "returned" ? 3 : 0);
        expect(sent.filter((type) => type === "payment.refunded")).toHaveLength(back.length);
      }
    });
  });

  test("leads every order to the one right state in orders", async () => {
    const subject = await openSubject("orders", [
      { name: "carts", version: 1, actions: { lines: () => ({ lines: LINES }) } },
      {
        name: "products",
        version: 1,
        actions: {
          items: () => ({ items: [{ sku: "LAMP", productId: "p-1", name: "Lamp", unitPrice: eur(1_000), sellable: true }] }),
        },
      },
    ]);
    const kinds: Record<string, { events: (id: string) => Envelope[]; ends: OrderStatus; announced: EventName }> = {
      delivered: {
        events: (id) => [history.reserved(id), history.paid(id), history.dispatched(id), history.delivered(id)],
        ends: "delivered",
        announced: "order.confirmed",
      },
      "delivered and refunded in part": {
        events: (id) => [
          history.reserved(id),
          history.paid(id),
          history.refunded(id, false),
          history.dispatched(id),
          history.delivered(id),
        ],
        ends: "delivered",
        announced: "order.confirmed",
      },
      "shipped and refunded": {
        events: (id) => [history.reserved(id), history.paid(id), history.dispatched(id), history.refunded(id, true)],
        ends: "refunded",
        announced: "order.confirmed",
      },
      "out of stock": { events: (id) => [history.rejected(id)], ends: "cancelled", announced: "order.cancelled" },
      declined: {
        events: (id) => [history.reserved(id), history.failed(id)],
        ends: "cancelled",
        announced: "order.cancelled",
      },
      expired: {
        events: (id) => [history.reserved(id), history.expired(id)],
        ends: "cancelled",
        announced: "order.cancelled",
      },
    };
    await forAnySeed(async (random) => {
      const orders = await Promise.all(
        Array.from({ length: ORDERS }, async () => {
          const kind = random.pick(Object.keys(kinds));
          const request = { customer, idempotencyKey: newId(), paymentToken: "tok", shippingAddress };
          const { id } = (await subject.broker.call("v1.orders.create", request)) as Order;
          return { id, kind };
        }),
      );
      const events = orders.flatMap(({ id, kind }) => (kinds[kind] as (typeof kinds)[string]).events(id));
      await subject.storm(events, random);
      for (const { id, kind } of orders) {
        const viewer = { userId: customer.id, roles: ["customer"] };
        const order = (await subject.broker.call("v1.orders.get", { orderId: id, viewer })) as Order;
        const { ends, announced } = kinds[kind] as (typeof kinds)[string];
        expect([kind, order.status, await subject.sent(id)]).toEqual([kind, ends, ["order.created", announced]]);
        // No state is entered twice.
        expect(new Set(order.history.map(({ status }) => status)).size).toBe(order.history.length);
      }
    });
  });

  test("leaves one parcel, or none, in shipping", async () => {
    const subject = await openSubject<ShippingTables>("shipping");
    await forAnySeed(async (random) => {
      const orders = ordersOf(random, ["confirmed", "cancelled", "cancelled after all"]);
      const events = orders.flatMap(({ id, kind }) => [
        ...(kind === "cancelled" ? [] : [history.confirmed(id)]),
        ...(kind === "confirmed" ? [] : [history.cancelled(id)]),
      ]);
      await subject.storm(events, random);
      for (const { id, kind } of orders) {
        const { db } = subject.database;
        const shipments = await db.selectFrom("shipment").select("status").where("order_id", "=", id).execute();
        expect([kind, shipments]).toEqual([kind, [{ status: kind === "confirmed" ? "pending" : "cancelled" }]]);
        expect(await subject.sent(id)).toEqual([]);
      }
    });
  });
});
