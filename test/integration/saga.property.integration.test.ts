import { afterAll, describe, expect, jest, test } from "@jest/globals";
import type { EventName } from "@molecart/mixins/contracts/index.ts";
import type { Order, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import type { Shipment } from "@molecart/mixins/contracts/shipping.ts";
import type { Database } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DocumentStoreProps } from "@molecart/mixins/document-store.mixin.ts";
import type { Call } from "@molecart/mixins/implement.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { consumerName } from "@molecart/mixins/messaging/event-bus.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import fc from "fast-check";
import type { ServiceBroker } from "moleculer";
import type { InventoryTables } from "../../services/inventory/stock.table.ts";
import type { NotificationDocument } from "../../services/notifications/notification.document.ts";
import { recipientsOf } from "../../services/notifications/notification.ts";
import { templates } from "../../services/notifications/templates.ts";
import type { OrdersTables } from "../../services/orders/order.table.ts";
import type { PaymentsTables } from "../../services/payments/payment.table.ts";
import type { ChargeOutcome, PaymentProvider } from "../../services/payments/provider.ts";
import type { ShippingTables } from "../../services/shipping/shipment.table.ts";
import { eventually } from "../support/eventually.ts";
import { type Random, randomOf } from "../support/random.ts";
import { makeUnruly } from "../support/unruly-bus.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

/** More by environment: RUNS=50 npm test -- test/integration/saga.property */
const RUNS = Number(process.env.RUNS ?? 3);
/** As a failure prints it. */
const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const ORDERS = 16;
const PAYMENT_DUE_SECONDS = 600;

jest.setTimeout(60_000 + RUNS * 30_000);

const SERVICES = ["orders", "inventory", "payments", "shipping", "notifications"] as const;
const STORES = ["orders", "inventory", "payments", "shipping"] as const;
const UNRULINESS = { delayed: 0.5, longestDelayMs: 60, putBack: 0.1, repeated: 0.25, ackLost: 0.1 };

const eur = (amount: number) => ({ amount, currency: "EUR" });
const address = { name: "Ada", line1: "1 Analytical Way", city: "London", postalCode: "N1", country: "GB" };
const customer = { id: "customer-1", email: "ada@example.com", name: "Ada" };
const viewer = { userId: customer.id, roles: ["customer" as const] };
const staff = { userId: "boss", roles: ["staff" as const] };

/** As far on as the test wants it. */
class MovedClock {
  #ms = 0;
  now = (): number => Date.now() + this.#ms;
  advance(ms: number): void {
    this.#ms += ms;
  }
}

/** A provider that does what it is asked, refuses or fails as chance has it, and whose answers get lost: the books of the other
 *  side. */
class Provider {
  readonly charges = new Map<string, ChargeOutcome & { amount: number }>();
  readonly refunds = new Map<string, { refundId: string; chargeId: string; amount: number }>();
  readonly #random: Random;
  faulty = true;

  constructor(random: Random) {
    this.#random = random;
  }

  #fails(rate: number): void {
    if (this.faulty && this.#random.chance(rate)) throw new Error("connection reset");
  }

  readonly asProvider = (sandbox: PaymentProvider): PaymentProvider => ({
    ...sandbox,
    charge: async ({ idempotencyKey, amount }) => {
      this.#fails(0.1);
      const known = this.charges.get(idempotencyKey);
      const outcome = known ?? {
        ...(this.#random.chance(0.2)
          ? { status: "declined" as const, code: "card_declined" }
          : { status: "succeeded" as const, chargeId: `ch_${idempotencyKey}`, card: { brand: "visa", last4: "4242" } }),
        amount: amount.amount,
      };
      this.charges.set(idempotencyKey, outcome);
      // It is done, and nobody hears of it.
      this.#fails(0.25);
      return outcome;
    },
    find: async (idempotencyKey) => {
      this.#fails(0.2);
      return this.charges.get(idempotencyKey);
    },
    refund: async ({ idempotencyKey, chargeId, amount }) => {
      this.#fails(0.1);
      const refund = this.refunds.get(idempotencyKey) ?? { refundId: `re_${newId()}`, chargeId, amount: amount.amount };
      this.refunds.set(idempotencyKey, refund);
      this.#fails(0.25);
      return refund;
    },
  });
}

interface Stores {
  orders: Database<OrdersTables & MessagingTables>;
  inventory: Database<InventoryTables & MessagingTables>;
  payments: Database<PaymentsTables & MessagingTables>;
  shipping: Database<ShippingTables & MessagingTables>;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** The whole saga in one process, with a bus that delivers as it likes. */
class Shop {
  readonly clock = new MovedClock();
  readonly broker: ServiceBroker;
  readonly provider: Provider;
  readonly #bus: { calm(): void };
  /** What the next order is of. */
  cart: { sku: string; quantity: number }[] = [];

  private constructor(broker: ServiceBroker, random: Random) {
    this.broker = broker;
    this.provider = new Provider(random);
    this.#bus = makeUnruly(runtimeOf(broker).bus, random, UNRULINESS);
  }

  static async open(random: Random): Promise<Shop> {
    const clock: { current: MovedClock | undefined } = { current: undefined };
    const broker = await createBroker(SERVICES, {
      env: {
        DATA_DIR: temporaryDataDir(),
        LOG_LEVEL: "fatal",
        PAYMENTS_PORT: "0",
        ORDERS_PAYMENT_DUE_SECONDS: String(PAYMENT_DUE_SECONDS),
      },
      clock: { now: () => clock.current?.now() ?? Date.now() },
    });
    const shop = new Shop(broker, random);
    clock.current = shop.clock;
    broker.createService({ name: "carts", version: 1, actions: { lines: () => ({ lines: shop.cart }) } });
    broker.createService({
      name: "products",
      version: 1,
      actions: {
        items: ({ params: { skus } }: { params: { skus: string[] } }) => ({
          items: skus.map((sku) => ({ sku, productId: `p-${sku}`, name: sku, unitPrice: eur(1_111), sellable: true })),
        }),
      },
    });
    const payments = broker.getLocalService("v1.payments") as unknown as { provider(): PaymentProvider };
    const sandbox = payments.provider.bind(payments);
    payments.provider = () => shop.provider.asProvider(sandbox());
    await broker.start();
    return shop;
  }

  call: Call = (name, params) => this.broker.call(name, params as object) as never;

  get stores(): Stores {
    const stores = STORES.map((name) => [
      name,
      (this.broker.getLocalService(`v1.${name}`) as unknown as { database: Stores[typeof name] }).database,
    ]);
    return Object.fromEntries(stores) as unknown as Stores;
  }

  notifications(): Promise<NotificationDocument[]> {
    const store = this.broker.getLocalService("v1.notifications") as unknown as DocumentStoreProps<NotificationDocument, Record<string, never>>;
    return store.documents.find({ query: {} });
  }

  async place(lines: { sku: string; quantity: number }[]): Promise<Order> {
    this.cart = lines;
    return this.call("v1.orders.create", { customer, idempotencyKey: newId(), paymentToken: "tok", shippingAddress: address });
  }

  /** No more faults; deadlines pass; resolves when nothing is left to do anywhere. */
  async settle(): Promise<void> {
    this.#bus.calm();
    this.provider.faulty = false;
    const isIdle = async (): Promise<void> => {
      this.clock.advance(2_000);
      const busy: string[] = [];
      const { bus } = runtimeOf(this.broker);
      for (const service of SERVICES) {
        const { schema } = this.broker.getLocalService(`v1.${service}`);
        const events = Object.entries(schema.events ?? {}).filter(([, event]) => (event as { durable?: unknown }).durable);
        for (const [event] of events) {
          const consumer = { service, event: event as EventName };
          if ((await bus.backlog(consumer)) > 0) busy.push(consumerName(consumer));
        }
      }
      for (const [name, { db }] of Object.entries(this.stores) as [string, Database<MessagingTables>][]) {
        const unsent = await db.selectFrom("outbox").select("event_id").where("published_at", "is", null).execute();
        if (unsent.length > 0) busy.push(`outbox of ${name}`);
        const jobs = await db.selectFrom("job").selectAll().where("kind", "<>", "reconcile").execute();
        busy.push(...jobs.map(({ id, last_error }) => `${name}: job ${id} (${last_error ?? "not tried"})`));
        const dead = await db.selectFrom("inbox").selectAll().where("status", "<>", "processed").execute();
        busy.push(...dead.map(({ type, status, error_message }) => `${name}: ${type} is ${status} (${error_message})`));
      }
      expect(busy).toEqual([]);
    };
    await eventually(isIdle, { withinMs: 25_000, everyMs: 40, describe: "the shop to be idle" });
  }

  /** Everything that must be true of a shop at rest. */
  async audit(putIn: ReadonlyMap<string, number>): Promise<void> {
    await this.#auditStock(putIn);
    await this.#auditOrders();
    await this.#auditNotifications();
  }

  async #auditStock(putIn: ReadonlyMap<string, number>): Promise<void> {
    const { db } = this.stores.inventory;
    const reservations = await db.selectFrom("reservation").selectAll().execute();
    const movements = await db.selectFrom("stock_movement").selectAll().execute();
    for (const { sku, on_hand, reserved, sold } of await db.selectFrom("stock").selectAll().execute()) {
      const units = reservations
        .filter(({ status }) => status === "committed")
        .flatMap(({ lines }) => lines)
        .filter((line) => line.sku === sku);
      const returned = movements.filter((movement) => movement.sku === sku && movement.kind === "returned");
      expect({ sku, reserved, sold }).toEqual({ sku, reserved: 0, sold: sum(units.map(({ quantity }) => quantity)) });
      expect(on_hand + sold).toBe((putIn.get(sku) as number) + sum(returned.map(({ quantity }) => quantity)));
    }
  }

  async #auditOrders(): Promise<void> {
    const { orders, inventory, payments, shipping } = this.stores;
    const [allOrders, reservations, allPayments, refunds, entries, shipments, returns] = await Promise.all([
      orders.db.selectFrom("orders").selectAll().execute(),
      inventory.db.selectFrom("reservation").selectAll().execute(),
      payments.db.selectFrom("payment").selectAll().execute(),
      payments.db.selectFrom("refund").selectAll().execute(),
      payments.db.selectFrom("ledger_entry").selectAll().execute(),
      shipping.db.selectFrom("shipment").selectAll().execute(),
      orders.db.selectFrom("return_request").selectAll().execute(),
    ]);
    const sold: readonly OrderStatus[] = ["confirmed", "shipped", "delivered"];
    for (const { id, status, totals } of allOrders) {
      const history = await orders.db.selectFrom("order_history").select("status").where("order_id", "=", id).execute();
      const wasCancelled = history.some((entry) => entry.status === "cancelled");
      const wasConfirmed = history.some((entry) => entry.status === "confirmed");
      const isSold = wasConfirmed && !wasCancelled;
      const payment = allPayments.find(({ order_id }) => order_id === id);
      const reservation = reservations.find(({ order_id }) => order_id === id);
      const shipment = shipments.find(({ order_id }) => order_id === id);
      const own = entries.filter(({ order_id }) => order_id === id);
      const receivable = own.filter(({ account }) => account === "provider_receivable");
      const kept = sum(receivable.map(({ debit, credit }) => debit - credit));
      const agreed = sum(
        refunds.filter(({ order_id, cause }) => order_id === id && cause !== "cancellation").map(({ amount }) => amount),
      );
      const charge = this.provider.charges.get(payment?.id as string);
      const paid = charge?.status === "succeeded" ? charge.amount : 0;
      const paidBack = [...this.provider.refunds].filter(([key]) => key.startsWith(payment?.id as string));
      const returned = returns.filter(({ order_id }) => order_id === id);

      expect({
        id,
        status,
        final: [...sold, "cancelled", "refunded"].includes(status),
        reservation: reservation?.status,
        balanced: sum(own.map(({ debit }) => debit)) - sum(own.map(({ credit }) => credit)),
        captures: own.filter(({ kind }) => kind === "capture").length <= 2,
        kept,
        atProvider: kept,
        completed: await this.#sent(id, "payment.completed"),
        failed: await this.#sent(id, "payment.failed"),
        refundedEvents: await this.#sent(id, "payment.refunded"),
        shipped: shipment === undefined ? "nothing" : shipment.status === "cancelled" ? "stopped" : "parcel",
        returns: returned.filter((one) => one.status === "received").length,
      }).toEqual({
        id,
        status,
        final: true,
        reservation: isSold ? "committed" : "released",
        balanced: 0,
        captures: true,
        kept: isSold ? totals.total.amount - agreed : 0,
        atProvider: paid - sum(paidBack.map(([, { amount }]) => amount)),
        completed: paid > 0 ? 1 : 0,
        failed: charge?.status === "declined" ? 1 : 0,
        refundedEvents: refunds.filter(({ order_id }) => order_id === id).length,
        shipped: isSold ? "parcel" : "stopped",
        returns: 0,
      });
      if (paid > 0 && kept === 0) expect(status).toBe("refunded");
      if (shipment?.status === "dispatched" || shipment?.status === "delivered") {
        const same = shipment.status === "dispatched" ? "shipped" : "delivered";
        expect([same, "refunded"]).toContain(status);
      }
    }
  }

  async #sent(orderId: string, type: EventName): Promise<number> {
    const { db } = this.stores.payments;
    const rows = await db
      .selectFrom("outbox")
      .select("event_id")
      .where("aggregate_id", "=", orderId)
      .where("type", "=", type)
      .execute();
    return rows.length;
  }

  async #auditNotifications(): Promise<void> {
    const owed: string[] = [];
    for (const { db } of Object.values(this.stores) as Database<MessagingTables>[]) {
      const rows = await db.selectFrom("outbox").select(["event_id", "type", "envelope"]).execute();
      for (const { event_id, type, envelope } of rows) {
        if (!Object.hasOwn(templates, type)) continue;
        const { customer: whom } = envelope.data as { customer: typeof customer };
        owed.push(...recipientsOf(whom).map(({ channel, address: to }) => `${event_id} ${channel} ${to}`));
      }
    }
    const told = (await this.notifications()).map(({ eventId, channel, to }) => `${eventId} ${channel} ${to}`);
    expect(told.sort()).toEqual(owed.sort());
  }
}

/** What people do to an order while its events are under way: cancel, dispatch, deliver, refund, return. Refusals are answers. */
const meddle = async (shop: Shop, order: Order, random: Random): Promise<void> => {
  const attempt = async (act: () => Promise<unknown>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (typeof code !== "number" || code >= 500) throw error;
    }
  };
  const cancel = () => shop.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "changed my mind" });
  const shipment = (): Promise<Shipment> => shop.call("v1.shipping.getByOrder", { orderId: order.id, viewer: staff });
  const dispatch = async () =>
    shop.call("v1.shipping.dispatch", { shipmentId: (await shipment()).id, carrier: "DHL", trackingNumber: "T1" });
  const deliver = async () => shop.call("v1.shipping.deliver", { shipmentId: (await shipment()).id });
  const refund = (part: boolean) => () =>
    shop.call("v1.payments.refund", {
      orderId: order.id,
      viewer: staff,
      idempotencyKey: newId(),
      ...(part ? { amount: eur(1 + random.below(order.totals.total.amount)) } : {}),
      reason: "goodwill",
    });
  const sendBack = async () => {
    const { sku, quantity } = random.pick(order.lines);
    const asked = await shop.call("v1.orders.requestReturn", {
      orderId: order.id,
      viewer,
      idempotencyKey: newId(),
      lines: [{ sku, quantity: 1 + random.below(quantity) }],
      reason: "too bright",
    });
    const lines = asked.lines.map((line) => ({ ...line, restock: random.chance(0.5) }));
    if (random.chance(0.2)) await shop.call("v1.orders.rejectReturn", { returnId: asked.id, reason: "worn" });
    else await shop.call("v1.orders.receiveReturn", { returnId: asked.id, lines });
  };
  const steps = [
    cancel,
    dispatch,
    dispatch,
    dispatch,
    deliver,
    deliver,
    refund(true),
    refund(false),
    sendBack,
    sendBack,
    sendBack,
  ];
  for (let step = 0; step < 12; step++) {
    await new Promise((resolve) => setTimeout(resolve, random.below(120)));
    const act = random.pick(steps);
    if (random.chance(act === cancel || step < 6 ? 0.4 : 1)) await attempt(act);
  }
};

describe("The saga of many orders", () => {
  afterAll(() => removeDataDirs());

  test(`ends right, however its events are delivered and whatever fails (${RUNS} runs)`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = randomOf(seed);
        const shop = await Shop.open(random);
        try {
          const putIn = new Map(["A", "B", "C"].map((sku) => [sku, random.below(ORDERS)]));
          for (const [sku, onHand] of putIn) await shop.call("v1.inventory.set", { sku, onHand });
          const stories = Array.from({ length: ORDERS }, async () => {
            await new Promise((resolve) => setTimeout(resolve, random.below(300)));
            const skus = random.shuffled([...putIn.keys()]).slice(0, 1 + random.below(3));
            const order = await shop.place(skus.map((sku) => ({ sku, quantity: 1 + random.below(2) })));
            await meddle(shop, order, random);
          });
          // Deadlines come while some orders are under way: the payment's, the reservation's.
          const deadlines = (async () => {
            await new Promise((resolve) => setTimeout(resolve, random.below(500)));
            if (random.chance(0.5)) shop.clock.advance(PAYMENT_DUE_SECONDS * 1_000);
          })();
          await Promise.all([...stories, deadlines]);
          await shop.settle();
          await shop.audit(putIn);
        } finally {
          await shop.broker.stop();
        }
      }),
      { numRuns: RUNS, endOnFailure: true, ...(SEED === undefined ? {} : { seed: SEED }) },
    );
  });
});
