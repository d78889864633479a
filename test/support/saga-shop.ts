import { expect } from "@jest/globals";
import type { EventName } from "@molecart/mixins/contracts/index.ts";
import type { Order, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import type { Database } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DocumentStoreProps } from "@molecart/mixins/document-store.mixin.ts";
import type { Call } from "@molecart/mixins/implement.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { consumerName } from "@molecart/mixins/messaging/event-bus.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { ServiceBroker } from "moleculer";
import type { InventoryTables } from "../../services/inventory/stock.table.ts";
import type { NotificationDocument } from "../../services/notifications/notification.document.ts";
import { recipientsOf } from "../../services/notifications/notification.ts";
import { templates } from "../../services/notifications/templates.ts";
import type { OrdersTables } from "../../services/orders/order.table.ts";
import type { PaymentsTables } from "../../services/payments/payment.table.ts";
import type { ChargeOutcome, PaymentProvider } from "../../services/payments/provider.ts";
import type { ShippingTables } from "../../services/shipping/shipment.table.ts";
import { eventually } from "./eventually.ts";
import { customer, shippingAddress } from "./order-events.ts";
import type { Random } from "./random.ts";
import { makeUnruly, type Unruliness } from "./unruly-bus.ts";
import { temporaryDataDir } from "./worlds.ts";

export const PAYMENT_DUE_SECONDS = 600;

const SERVICES = ["orders", "inventory", "payments", "shipping", "notifications"] as const;
const STORES = ["orders", "inventory", "payments", "shipping"] as const;

export const eur = (amount: number) => ({ amount, currency: "EUR" });

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
export class Provider {
  readonly charges = new Map<string, ChargeOutcome & { amount: number }>();
  readonly refunds = new Map<string, { refundId: string; chargeId: string; amount: number }>();
  readonly #random: Random;
  faulty = true;
  /** A charge is made only after this. */
  gate: Promise<void> = Promise.resolve();
  chargesMade = 0;

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
      await this.gate;
      const known = this.charges.get(idempotencyKey);
      const outcome = known ?? {
        ...(this.faulty && this.#random.chance(0.15)
          ? { status: "declined" as const, code: "card_declined" }
          : { status: "succeeded" as const, chargeId: `ch_${idempotencyKey}`, card: { brand: "visa", last4: "4242" } }),
        amount: amount.amount,
      };
      if (known === undefined && outcome.status === "succeeded") this.chargesMade += 1;
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

/** The whole saga in one process, with the test in the role of carts, catalogue and payment provider. */
export class SagaShop {
  readonly clock = new MovedClock();
  readonly broker: ServiceBroker;
  readonly provider: Provider;
  readonly #bus: { calm(): void } | undefined;
  /** What the next order is of. */
  cart: { sku: string; quantity: number }[] = [];

  private constructor(broker: ServiceBroker, random: Random, unruliness: Unruliness | undefined) {
    this.broker = broker;
    this.provider = new Provider(random);
    this.#bus = unruliness && makeUnruly(runtimeOf(broker).bus, random, unruliness);
  }

  /** Faults of the provider are on; with `unruliness`, the bus delivers so. */
  static async open(random: Random, unruliness?: Unruliness): Promise<SagaShop> {
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
    const shop = new SagaShop(broker, random, unruliness);
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
    const store = this.broker.getLocalService("v1.notifications") as unknown as DocumentStoreProps<
      NotificationDocument,
      Record<string, never>
    >;
    return store.documents.find({ query: {} });
  }

  async place(lines: { sku: string; quantity: number }[]): Promise<Order> {
    this.cart = lines;
    return this.call("v1.orders.create", { customer, idempotencyKey: newId(), paymentToken: "tok", shippingAddress });
  }

  /** No more faults; deadlines pass; resolves when nothing is left to do anywhere. */
  async settle(): Promise<void> {
    this.#bus?.calm();
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
    await eventually(isIdle, { withinMs: 60_000, everyMs: 40, describe: "the shop to be idle" });
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
