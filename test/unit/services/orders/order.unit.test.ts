import { describe, expect, test } from "@jest/globals";
import type { Order, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import type { Item } from "@molecart/mixins/contracts/products.ts";
import { requestHash } from "@molecart/mixins/lib/request-hash.ts";
import fc from "fast-check";
import {
  isSettled,
  next,
  notYetOrdered,
  placeOrder,
  planCancellation,
  priceLines,
  type Trigger,
  transitions,
} from "../../../../services/orders/order.ts";

const statuses = Object.keys(transitions) as OrderStatus[];
const triggers = [...new Set(statuses.flatMap((status) => Object.keys(transitions[status]) as Trigger[]))];
const eur = (amount: number) => ({ amount, currency: "EUR" });
const rules = { currency: "EUR", shippingFee: 490, freeShippingFrom: 5_000, taxBasisPoints: 1_900 };
const item = (sku: string, amount: number, sellable = true): Item => ({
  sku,
  productId: "p",
  name: `Thing ${sku}`,
  unitPrice: eur(amount),
  sellable,
});
const address = { name: "A", line1: "1 Street", city: "Hamburg", postalCode: "20457", country: "DE" };
const placement = { id: "o1", number: "M-1", at: "2026-01-01T00:00:00.000Z" };
const run = (events: readonly Trigger[], from: OrderStatus = "pending"): OrderStatus =>
  events.reduce((status, trigger) => next(status, trigger).at(-1) ?? status, from);

describe("The order's states", () => {
  test("lead from the basket to the doorstep", () => {
    expect(run(["stock.reserved"])).toBe("reserved");
    expect(run(["stock.reserved", "payment.completed"])).toBe("confirmed");
    expect(run(["stock.reserved", "payment.completed", "shipment.dispatched"])).toBe("shipped");
    expect(run(["stock.reserved", "payment.completed", "shipment.dispatched", "shipment.delivered"])).toBe("delivered");
  });

  test.each<Trigger>(["stock.rejected", "payment.failed", "payment.overdue", "reservation.expired", "cancellation.requested"])(
    "end in cancelled when %s comes before the payment",
    (trigger) => {
      expect(run([trigger])).toBe("cancelled");
    },
  );

  test("are run through one by one when a payment overtakes its reservation", () => {
    expect(next("pending", "payment.completed")).toEqual(["reserved", "paid", "confirmed"]);
    expect(run(["payment.completed", "stock.reserved"])).toBe("confirmed");
  });

  test("are run through one by one when a delivery overtakes its dispatch", () => {
    expect(next("confirmed", "shipment.delivered")).toEqual(["shipped", "delivered"]);
    expect(run(["shipment.delivered", "shipment.dispatched"], "confirmed")).toBe("delivered");
  });

  test.each<Trigger>(["payment.failed", "payment.overdue", "reservation.expired", "stock.rejected", "cancellation.requested"])(
    "ignore %s once the order is confirmed",
    (trigger) => {
      expect(next("confirmed", trigger)).toEqual([]);
    },
  );

  test("do not revive a cancelled order when its payment completes late", () => {
    expect(run(["reservation.expired", "payment.completed", "stock.reserved"])).toBe("cancelled");
  });

  test("cancel a refunded order whose parcel was stopped, so that its goods are given back", () => {
    expect(next("refunded", "parcel.stopped")).toEqual(["cancelled", "refunded"]);
    for (const trigger of triggers) if (trigger !== "parcel.stopped") expect(next("refunded", trigger)).toEqual([]);
  });

  test("are the same after any event that is repeated at once", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...triggers), { maxLength: 30 }), (events) => {
        expect(run(events.flatMap((event) => [event, event]))).toBe(run(events));
      }),
    );
  });

  test("never leave a final state for one before it", () => {
    const rank: Record<OrderStatus, number> = {
      pending: 0,
      reserved: 1,
      paid: 2,
      confirmed: 3,
      shipped: 4,
      delivered: 5,
      cancelled: 6,
      refunded: 7,
    };
    for (const status of statuses)
      for (const reached of Object.values(transitions[status]))
        expect(rank[reached.at(-1) as OrderStatus]).toBeGreaterThanOrEqual(rank[status]);
  });
});

describe("A wish to cancel", () => {
  const plan = (status: OrderStatus) => planCancellation({ number: "M-1", status });
  test("is met at once while nothing is packed", () => expect([plan("pending"), plan("reserved")]).toEqual(["cancel", "cancel"]));
  test("is put to shipping once the order is confirmed", () => expect(plan("confirmed")).toBe("stop parcel"));
  test("is nothing new for a cancelled order", () => expect(plan("cancelled")).toBe("nothing to do"));
  test("is refused for a parcel on its way", () => expect(() => plan("shipped")).toThrow(/M-1 is shipped/));
});

describe("Placing an order", () => {
  test("prices every line by the catalogue", () => {
    const { lines } = priceLines([{ sku: "A", quantity: 3 }], [item("A", 250)], rules, "DE");
    const taxed = { tax: eur(143), taxRate: 1_900 };
    expect(lines).toEqual([
      { sku: "A", productId: "p", name: "Thing A", quantity: 3, unitPrice: eur(250), total: eur(750), ...taxed },
    ]);
  });

  test("refuses an empty cart", () =>
    expect(() => priceLines([], [], rules, "DE")).toThrow(expect.objectContaining({ type: "CART_EMPTY" })));

  test("names every line that is not for sale", () => {
    const lines = ["A", "B", "C"].map((sku) => ({ sku, quantity: 1 }));
    expect(() => priceLines(lines, [item("A", 1), item("B", 1, false)], rules, "DE")).toThrow("Not for sale: B, C");
  });

  test("refuses a total that the customer has not seen, and says both", () => {
    const priced = priceLines([{ sku: "A", quantity: 1 }], [item("A", 1_000)], rules, "DE");
    const request = { paymentToken: "t", shippingAddress: address, expectedTotal: eur(1) };
    expect(() => placeOrder(priced, request, placement)).toThrow("The total is 17.73 EUR, not 0.01 EUR");
  });

  test("gives totals that add up, for any basket", () => {
    const line = fc.record({ sku: fc.constantFrom("A", "B", "C"), quantity: fc.integer({ min: 1, max: 99 }) });
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 20 }),
        fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 3, maxLength: 3 }),
        (cart, prices) => {
          const items = ["A", "B", "C"].map((sku, i) => item(sku, prices[i] as number));
          const { totals, lines } = placeOrder(
            priceLines(cart, items, rules, "DE"),
            { paymentToken: "t", shippingAddress: address },
            placement,
          );
          expect(totals.items.amount).toBe(lines.reduce((sum, l) => sum + l.total.amount, 0));
          expect(totals.total.amount).toBe(totals.items.amount + totals.shipping.amount + totals.tax.amount);
          const { items: net, shipping, tax, total } = totals;
          expect(Math.min(...[net, shipping, tax, total].map(({ amount }) => amount))).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });

  test("takes of the cart what came in after the last order, however old its lines are", () => {
    const added = (...units: [quantity: number, revision: number][]) =>
      units.map(([quantity, revision]) => ({ quantity, revision }));
    const cart = [
      { sku: "OLD", quantity: 3, added: added([3, 5]) },
      { sku: "BOTH", quantity: 4, added: added([3, 5], [1, 8]) },
      { sku: "NEW", quantity: 2, added: added([2, 8]) },
      { sku: "MUCH", quantity: 99, added: added([90, 6], [90, 7]) },
      { sku: "NOBODY-KNOWS", quantity: 1 },
    ];
    expect(notYetOrdered(cart, undefined).map(({ quantity }) => quantity)).toEqual([3, 4, 2, 99, 1]);
    expect(notYetOrdered(cart, 5)).toEqual([
      { sku: "BOTH", quantity: 1 },
      { sku: "NEW", quantity: 2 },
      { sku: "MUCH", quantity: 99 },
      { sku: "NOBODY-KNOWS", quantity: 1 },
    ]);
    expect(notYetOrdered(cart.slice(0, 4), 8)).toEqual([]);
  });

  test("knows a repeated request by its content, whatever the order of its properties", () => {
    const request = { paymentToken: "t", shippingAddress: address };
    const reordered = {
      shippingAddress: Object.fromEntries(Object.entries(address).reverse()) as typeof address,
      paymentToken: "t",
    };
    expect(requestHash(reordered)).toBe(requestHash(request));
    expect(requestHash({ ...request, expectedTotal: undefined })).toBe(requestHash(request));
    expect(requestHash({ ...request, paymentToken: "u" })).not.toBe(requestHash(request));
  });
});

describe("An order", () => {
  test.each<[string[], boolean]>([
    [["pending"], false],
    [["pending", "reserved", "paid", "confirmed"], false],
    [["pending", "reserved", "paid", "confirmed", "shipped"], false],
    [["pending", "reserved", "paid", "confirmed", "shipped", "delivered"], true],
    [["pending", "cancelled"], true],
    [["pending", "reserved", "cancelled"], true],
    // The money is still to be paid back.
    [["pending", "reserved", "paid", "confirmed", "cancelled"], false],
    [["pending", "reserved", "paid", "confirmed", "cancelled", "refunded"], true],
    [["pending", "reserved", "paid", "confirmed", "shipped", "delivered", "refunded"], true],
  ])("that went through %j is settled: %s", (statuses, settled) => {
    expect(isSettled(statuses.map((status) => ({ status: status as Order["status"] })))).toBe(settled);
  });
});
