import { afterAll, describe, jest, test } from "@jest/globals";
import type { Order } from "@molecart/mixins/contracts/orders.ts";
import type { Shipment } from "@molecart/mixins/contracts/shipping.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import fc from "fast-check";
import { customer } from "../support/order-events.ts";
import { type Random, randomOf } from "../support/random.ts";
import { eur, PAYMENT_DUE_SECONDS, SagaShop } from "../support/saga-shop.ts";
import { removeDataDirs } from "../support/worlds.ts";

/** More by environment: RUNS=50 npm test -- test/integration/saga.property */
const RUNS = Number(process.env.RUNS ?? 2);
/** As a failure prints it. */
const SEED = process.env.SEED === undefined ? undefined : Number(process.env.SEED);
const ORDERS = 12;

jest.setTimeout(60_000 + RUNS * 90_000);

const UNRULINESS = { delayed: 0.5, longestDelayMs: 60, putBack: 0.1, repeated: 0.25, ackLost: 0.1 };

const viewer = { userId: customer.id, roles: ["customer" as const] };
const staff = { userId: "boss", roles: ["staff" as const] };

/** What people do to an order while its events are under way: cancel, dispatch, deliver, refund, return. Refusals are answers. */
const meddle = async (shop: SagaShop, order: Order, random: Random): Promise<void> => {
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
  const refundAll = refund(false);
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
    if (random.chance(act === cancel || act === refundAll ? 0.3 : 1)) await attempt(act);
  }
};

describe("The saga of many orders", () => {
  afterAll(() => removeDataDirs());

  test(`ends right, however its events are delivered and whatever fails (${RUNS} runs)`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const random = randomOf(seed);
        const shop = await SagaShop.open(random, UNRULINESS);
        try {
          const putIn = new Map(["A", "B", "C"].map((sku) => [sku, random.below(2 * ORDERS)]));
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
            if (random.chance(0.3)) shop.clock.advance(PAYMENT_DUE_SECONDS * 1_000);
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
