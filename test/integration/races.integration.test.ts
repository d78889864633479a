import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { EventName } from "@molecart/mixins/contracts/index.ts";
import type { Order } from "@molecart/mixins/contracts/orders.ts";
import type { Payment } from "@molecart/mixins/contracts/payments.ts";
import type { Shipment } from "@molecart/mixins/contracts/shipping.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import type { InventoryTables } from "../../services/inventory/stock.table.ts";
import type { PaymentsTables } from "../../services/payments/payment.table.ts";
import { eventually } from "../support/eventually.ts";
import { customer, orderData } from "../support/order-events.ts";
import { randomOf } from "../support/random.ts";
import { PAYMENT_DUE_SECONDS, SagaShop } from "../support/saga-shop.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { openStage, type Stage } from "../support/stage.ts";
import { removeDataDirs, type World, worlds } from "../support/worlds.ts";

jest.setTimeout(120_000);

const at = () => new Date().toISOString();
const created = (orderId: string, sku: string, quantity = 1) =>
  newEnvelope("order.created", orderId, { ...orderData(orderId, [{ sku, quantity }]), paymentToken: "tok_1" }, at()) as Envelope;
const reserved = (orderId: string) =>
  newEnvelope("stock.reserved", orderId, { orderId, lines: [{ sku: "LAMP", quantity: 1 }], expiresAt: at() }, at()) as Envelope;

for (const { world: name, servers, open } of worlds) {
  describeWith([...servers], `Races of one service, ${name}`, () => {
    let world: World;
    let stage: { close(): Promise<void> } | undefined;

    const openOf = async <DB>(service: string, env: Record<string, string> = {}): Promise<Stage<DB>> => {
      const opened = await openStage<DB>({
        service,
        brokers: world.postgres ? 2 : 1,
        env: { ...(await world.environment(service)), ...env },
      });
      stage = opened;
      return opened;
    };

    beforeAll(async () => {
      world = await open();
    });
    afterEach(async () => {
      await stage?.close();
      stage = undefined;
    });
    afterAll(() => world?.close());

    const buyers = 500;
    test(`one unit and ${buyers} buyers: exactly one sale`, async () => {
      const inventory = await openOf<InventoryTables>("inventory");
      await inventory.call("v1.inventory.set", { sku: "LAST", onHand: 1 });
      const orders = Array.from({ length: buyers }, newId);
      const envelopes = orders.map((orderId) => created(orderId, "LAST"));
      await inventory.publishAll(envelopes);
      await eventually(
        async () => {
          const rows = await inventory.database.db.selectFrom("inbox").select("status").execute();
          expect(rows).toHaveLength(buyers);
          expect(rows.filter(({ status }) => status !== "processed")).toEqual([]);
        },
        { withinMs: 100_000, everyMs: 100 },
      );
      const sent = await inventory.database.db.selectFrom("outbox").select("type").execute();
      const count = (type: EventName) => sent.filter((event) => event.type === type).length;
      expect([count("stock.reserved"), count("stock.rejected")]).toEqual([1, buyers - 1]);
      expect(await inventory.call("v1.inventory.get", { sku: "LAST" })).toMatchObject({ onHand: 1, reserved: 1, available: 0 });
    });

    test("counts and orders of one SKU at the same moment lose none of either", async () => {
      const inventory = await openOf<InventoryTables>("inventory");
      await inventory.call("v1.inventory.set", { sku: "BUSY", onHand: 1_000 });
      const envelopes = Array.from({ length: 40 }, () => created(newId(), "BUSY", 2));
      const counts = Array.from({ length: 40 }, (_, n) => inventory.call("v1.inventory.set", { sku: "BUSY", onHand: 500 + n }));
      await Promise.all([inventory.publishAll(envelopes), ...counts]);
      await Promise.all(envelopes.map((envelope) => inventory.outcomeOf(envelope)));
      const { on_hand, reserved: held } = await inventory.database.db.selectFrom("stock").selectAll().executeTakeFirstOrThrow();
      const movements = await inventory.database.db.selectFrom("stock_movement").select("quantity").execute();
      expect(held).toBe(80);
      expect(movements.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(on_hand);
      expect(on_hand).toBeGreaterThanOrEqual(500);
    });

    test("an order that is heard of many times in many ways at the same moment is charged once", async () => {
      const payments = await openOf<PaymentsTables>("payments", {
        PAYMENTS_PORT: "0",
        PAYMENTS_SANDBOX_WEBHOOK_SECRET: "a secret for the tests, of 32 characters or more",
      });
      const { db } = payments.database;
      const token = { brand: "visa", last4: "4242", exp_month: 12, exp_year: 2099, behaviour: "succeeds" as const };
      const times = { used_by: null, created_at: at(), expires_at: "2099-01-01T00:00:00.000Z" };
      await db
        .insertInto("sandbox_token")
        .values({ token: "tok_1", ...token, ...times })
        .execute();
      const orderId = newId();
      // Each with an id of its own: the inbox takes none of them for a copy.
      const envelopes = Array.from({ length: 15 }, () => [created(orderId, "LAMP"), reserved(orderId)]).flat();
      await payments.publishAll(envelopes);
      await Promise.all(envelopes.map((envelope) => payments.outcomeOf(envelope)));
      await eventually(async () => {
        expect(await db.selectFrom("job").select("id").where("aggregate_id", "=", orderId).execute()).toEqual([]);
      });
      expect((await payments.sent(orderId)).map(({ type }) => type)).toEqual(["payment.completed"]);
      expect(await db.selectFrom("sandbox_charge").select("status").execute()).toEqual([{ status: "succeeded" }]);
      expect(await db.selectFrom("ledger_entry").select("kind").execute()).toEqual([{ kind: "capture" }, { kind: "capture" }]);
    });
  });
}

describe("Races between services", () => {
  let shop: SagaShop;
  const staff = { userId: "boss", roles: ["staff" as const] };
  const viewer = { userId: customer.id, roles: ["customer" as const] };

  beforeAll(async () => {
    shop = await SagaShop.open(randomOf(1));
    shop.provider.faulty = false;
    await shop.call("v1.inventory.set", { sku: "LAMP", onHand: 1_000 });
  });
  afterAll(async () => {
    await shop?.broker.stop();
    removeDataDirs();
  });

  const statusOf = async ({ id }: Order) => (await shop.call("v1.orders.get", { orderId: id, viewer: staff })).status;
  const paymentOf = ({ id }: Order): Promise<Payment> => shop.call("v1.payments.getByOrder", { orderId: id, viewer: staff });
  const shipmentOf = ({ id }: Order): Promise<Shipment> => shop.call("v1.shipping.getByOrder", { orderId: id, viewer: staff });
  const reaches = (order: Order, status: Order["status"]) =>
    eventually(async () => expect(await statusOf(order)).toBe(status), { describe: `order to be ${status}` });
  /** Orders' calls to shipping wait until the gate is opened. */
  const holdParcelStops = () => {
    const orders = shop.broker.getLocalService("v1.orders") as unknown as { call: typeof shop.call };
    const { call } = orders;
    let gate = (): void => {};
    const opened = new Promise<void>((resolve) => {
      gate = resolve;
    });
    orders.call = (async (name: "v1.shipping.cancel", params: { orderId: string }) => {
      await opened;
      orders.call = call;
      return call.call(orders, name, params);
    }) as typeof shop.call;
    return { gate };
  };
  const place = () => shop.place([{ sku: "LAMP", quantity: 1 }]);

  test.each([
    [
      "the customer has cancelled",
      (order: Order) => shop.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "late" }),
    ],
    [
      "the order's time is over",
      async () => {
        shop.clock.advance((PAYMENT_DUE_SECONDS + 1) * 1_000);
      },
    ],
  ])("a payment that completes after %s is paid back", async (_, end) => {
    let letThrough = (): void => {};
    shop.provider.gate = new Promise((resolve) => {
      letThrough = resolve;
    });
    const order = await place();
    await eventually(async () => expect((await paymentOf(order)).status).toBe("charging"));
    await end(order);
    await reaches(order, "cancelled");
    letThrough();
    await reaches(order, "refunded");
    expect(await paymentOf(order)).toMatchObject({ status: "refunded", refunded: order.totals.total });
    await shop.settle();
    await shop.audit(new Map([["LAMP", 1_000]]));
  });

  test("a customer who cancels while the parcel leaves has either the parcel or the money back", async () => {
    const ends = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const order = await place();
      await reaches(order, "confirmed");
      const { id: shipmentId } = await eventually(() => shipmentOf(order));
      const cancel = () => shop.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "changed my mind" });
      const dispatch = () => shop.call("v1.shipping.dispatch", { shipmentId, carrier: "DHL", trackingNumber: `T${round}` });
      await Promise.allSettled(round % 2 === 0 ? [cancel(), cancel(), dispatch()] : [dispatch(), cancel(), cancel()]);
      // The wish may have been taken just before; its job asks shipping.
      await eventually(async () => expect(["shipped", "refunded"]).toContain(await statusOf(order)));
      const [status, shipment, payment] = [await statusOf(order), await shipmentOf(order), await paymentOf(order)];
      const parcelAndMoney = [shipment.status, payment.status];
      expect(parcelAndMoney).toEqual(status === "shipped" ? ["dispatched", "completed"] : ["cancelled", "refunded"]);
      ends.add(status);
    }
    await shop.settle();
    await shop.audit(new Map([["LAMP", 1_000]]));
    expect(ends.size).toBeGreaterThan(0);
  });

  test("a parcel that is stopped while staff refunds everything gives its units back", async () => {
    for (let round = 0; round < 6; round++) {
      const order = await place();
      await reaches(order, "confirmed");
      const refund = { orderId: order.id, viewer: staff, idempotencyKey: newId(), reason: "sorry" };
      const { gate } = holdParcelStops();
      await shop.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "changed my mind" });
      await shop.call("v1.payments.refund", refund);
      await reaches(order, "refunded");
      gate();
      await eventually(async () => expect((await shipmentOf(order)).status).toBe("cancelled"));
    }
    await shop.settle();
    await shop.audit(new Map([["LAMP", 1_000]]));
  });

  test("refunds by staff, the customer's cancellation and returns never pay back more than was paid", async () => {
    const order = await place();
    await reaches(order, "confirmed");
    const part = { amount: Math.floor(order.totals.total.amount / 3), currency: "EUR" };
    const refund = () =>
      shop.call("v1.payments.refund", {
        orderId: order.id,
        viewer: staff,
        idempotencyKey: newId(),
        amount: part,
        reason: "sorry",
      });
    const cancel = () => shop.call("v1.orders.cancel", { orderId: order.id, viewer, reason: "changed my mind" });
    await Promise.allSettled([refund(), refund(), cancel(), refund(), refund(), refund()]);
    await reaches(order, "refunded");
    await shop.settle();
    const { refunded, refunds } = await paymentOf(order);
    expect(refunded).toEqual(order.totals.total);
    expect(refunds.reduce((sum, { amount }) => sum + amount.amount, 0)).toBe(order.totals.total.amount);
    await shop.audit(new Map([["LAMP", 1_000]]));
  });
});
