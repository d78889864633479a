import { describe, expect, test } from "@jest/globals";
import type { OrderLine, OrderStatus, Return, ReturnStatus } from "@molecart/mixins/contracts/orders.ts";
import { price, totalsOf } from "@molecart/mixins/lib/pricing.ts";
import fc from "fast-check";
import {
  type Claim,
  planReceipt,
  planRejection,
  planReturn,
  refundFor,
  returnable,
  transitions,
} from "../../../../services/orders/return.ts";

const eur = (amount: number) => ({ amount, currency: "EUR" });
const line = (sku: string, quantity: number, unitPrice: number): OrderLine => ({
  sku,
  productId: `p-${sku}`,
  name: sku,
  quantity,
  unitPrice: eur(unitPrice),
  total: eur(quantity * unitPrice),
});
const rules = { currency: "EUR", shippingFee: 490, freeShippingFrom: 5_000, taxBasisPoints: 1_900 };
const orderOf = (lines: OrderLine[], status: OrderStatus = "delivered") => ({
  number: "M-1",
  status,
  lines,
  totals: totalsOf(lines, rules),
});
/** As orders are today: with the tax of each line, here of two classes. */
const pricedOrder = (lines: OrderLine[], pricesIncludeTax = false) => {
  const taxRates = { "*": { standard: 1_900, reduced: 700 } };
  const classed = lines.map((one, index) => ({ ...one, taxClass: index % 2 === 0 ? "standard" : "reduced" }));
  const { totals, lines: taxes } = price(classed, { ...rules, pricesIncludeTax, taxRates }, "DE");
  return { ...orderOf(lines), lines: lines.map((one, index) => ({ ...one, ...taxes[index] })), totals };
};
const order = orderOf([line("A", 3, 1_000), line("B", 1, 333)]);
const units = (sku: string, quantity: number) => ({ sku, quantity });
const requested = (...lines: Return["lines"]): Claim => ({ status: "requested", lines, received: [] });
const received = (...lines: Return["received"]): Claim => ({ status: "received", lines, received: lines });
const refusal = (type: string, data: unknown) => expect.objectContaining({ type, code: 409, data }) as never;

describe("A return", () => {
  test.each<[OrderStatus]>([["pending"], ["reserved"], ["paid"], ["confirmed"], ["cancelled"], ["refunded"]])(
    "of an order that is %s is refused",
    (status) => {
      expect(() => planReturn({ ...order, status }, [], [units("A", 1)])).toThrow(refusal("NOT_RETURNABLE", { status }));
    },
  );

  test("takes lines of one SKU together", () => {
    expect(planReturn(order, [], [units("A", 1), units("B", 1), units("A", 2)])).toEqual([units("A", 3), units("B", 1)]);
    expect(() => planReturn(order, [], [units("A", 2), units("A", 2)])).toThrow(
      refusal("RETURN_TOO_LARGE", { lines: [{ sku: "A", requested: 4, returnable: 3 }] }),
    );
  });

  test("cannot be of what was not bought", () => {
    expect(() => planReturn(order, [], [units("C", 1)])).toThrow(
      refusal("RETURN_TOO_LARGE", { lines: [{ sku: "C", requested: 1, returnable: 0 }] }),
    );
  });

  test("cannot be of what is in another one, unless that was rejected or less has arrived", () => {
    expect(() => planReturn(order, [requested(units("A", 2))], [units("A", 2)])).toThrow(/at most 1/);
    expect(planReturn(order, [{ ...requested(units("A", 3)), status: "rejected" }], [units("A", 3)])).toEqual([units("A", 3)]);
    const less: Claim = { status: "received", lines: [units("A", 3)], received: [{ ...units("A", 1), restock: true }] };
    expect(returnable(order, [less]).get("A")).toBe(2);
  });

  const id = "r-1";
  const arrived = (quantity: number, restock: boolean) => ({ ...units("A", quantity), restock });

  test("is received in parts that go back on the shelf and parts that are written off", () => {
    expect(planReceipt({ id, ...requested(units("A", 2)) }, [arrived(1, true), arrived(1, false)])).toBe("receive");
    expect(() => planReceipt({ id, ...requested(units("A", 2)) }, [arrived(2, true), arrived(1, false)])).toThrow(
      refusal("RETURN_TOO_LARGE", { lines: [{ sku: "A", requested: 3, returnable: 2 }] }),
    );
  });

  test("is received once: the same again changes nothing, anything else is refused", () => {
    const open = { id, ...received(arrived(1, true), arrived(1, false)) };
    for (const status of ["received", "refunded"] as const) {
      expect(planReceipt({ ...open, status }, [arrived(1, false), arrived(1, true)])).toBe("nothing to do");
      expect(() => planReceipt({ ...open, status }, [arrived(2, true)])).toThrow(refusal("RETURN_CLOSED", { status }));
    }
    expect(() => planReceipt({ ...open, status: "rejected" }, open.received)).toThrow(
      refusal("RETURN_CLOSED", { status: "rejected" }),
    );
  });

  test("is rejected only while nothing has arrived", () => {
    expect(planRejection({ id, status: "requested" })).toBe("reject");
    expect(planRejection({ id, status: "rejected" })).toBe("nothing to do");
    for (const status of ["received", "refunded"] as const) expect(() => planRejection({ id, status })).toThrow(/already/);
  });

  test("ends refunded or rejected", () => {
    const ends = (Object.keys(transitions) as ReturnStatus[]).filter((status) => Object.keys(transitions[status]).length === 0);
    expect(ends).toEqual(["refunded", "rejected"]);
  });
});

describe("The refund of returned goods", () => {
  test("is their price and their part of the tax; shipping stays with the shop", () => {
    // 3333 items + 490 shipping + 726 tax.
    expect(order.totals.total).toEqual(eur(4_549));
    expect(refundFor(order, [], [units("B", 1)])).toEqual(eur(333 + 63));
    expect(refundFor(order, [], [units("A", 3), units("B", 1)])).toEqual(eur(3_333 + 632));
  });

  test("of an order without shipping is all of it when everything comes back", () => {
    const large = orderOf([line("A", 7, 1_111)]);
    expect(refundFor(large, [], [units("A", 7)])).toEqual(large.totals.total);
  });

  test("is the tax of the lines that come back, and none of others'", () => {
    // 3000 at 19 % and 333 at 7 %, with 441 and 49 of the shipping: 654 and 27 of tax.
    const mixed = pricedOrder([line("A", 3, 1_000), line("B", 1, 333)]);
    expect(refundFor(mixed, [], [units("B", 1)])).toEqual(eur(333 + 24));
    expect(refundFor(mixed, [], [units("A", 3)])).toEqual(eur(3_000 + 570));
    expect(refundFor(pricedOrder([line("A", 3, 1_000)], true), [], [units("A", 2)])).toEqual(eur(2_000));
  });

  test("of free goods is nothing", () => {
    expect(refundFor(orderOf([line("A", 2, 0)]), [], [units("A", 1)])).toEqual(eur(0));
  });

  test("knows amounts whose product is beyond what a number holds exactly", () => {
    const dear = orderOf([line("A", 2, 4_000_000_000_001)]);
    const one = refundFor(dear, [], [units("A", 1)]);
    const other = refundFor(dear, [received({ ...units("A", 1), restock: true })], [units("A", 1)]);
    expect(one.amount + other.amount).toBe(dear.totals.total.amount);
  });

  const anyOrder = fc
    .array(fc.record({ quantity: fc.integer({ min: 1, max: 5 }), unitPrice: fc.integer({ min: 0, max: 9_999 }) }), {
      minLength: 1,
      maxLength: 4,
    })
    .chain((lines) =>
      fc.record({
        lines: fc.constant(lines.map(({ quantity, unitPrice }, index) => line(`S${index}`, quantity, unitPrice))),
        kind: fc.constantFrom("of before" as const, "net" as const, "gross" as const),
      }),
    )
    .map(({ lines, kind }) => (kind === "of before" ? orderOf(lines) : pricedOrder(lines, kind === "gross")));

  test("in however many parts and in whatever order is exactly that of everything at once, and never more than was paid", () => {
    const cuts = fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 3 })), { maxLength: 20 });
    fc.assert(
      fc.property(anyOrder, cuts, (any, wishes) => {
        const returns: Claim[] = [];
        let sum = 0;
        const take = (sku: string, quantity: number) => {
          if (quantity === 0) return;
          const refund = refundFor(any, returns, [units(sku, quantity)]);
          expect(refund.amount).toBeGreaterThanOrEqual(0);
          sum += refund.amount;
          expect(sum).toBeLessThanOrEqual(any.totals.total.amount - any.totals.shipping.amount);
          returns.push(received({ sku, quantity, restock: true }));
        };
        for (const [n, wanted] of wishes) {
          const sku = any.lines[n % any.lines.length]?.sku as string;
          take(sku, Math.min(wanted, returnable(any, returns).get(sku) as number));
        }
        for (const { sku } of any.lines) take(sku, returnable(any, returns).get(sku) as number);
        expect(sum).toBe(refundFor(any, [], any.lines).amount);
      }),
      { numRuns: 500 },
    );
  });

  test("of any returns leaves no SKU with less than nothing to return", () => {
    const wishes = fc.array(fc.array(fc.record({ n: fc.nat(3), quantity: fc.integer({ min: 1, max: 6 }) }), { minLength: 1 }), {
      maxLength: 10,
    });
    fc.assert(
      fc.property(anyOrder, wishes, (any, requests) => {
        const returns: Claim[] = [];
        for (const request of requests) {
          const wanted = request.map(({ n, quantity }) => units(any.lines[n % any.lines.length]?.sku as string, quantity));
          try {
            returns.push(requested(...planReturn(any, returns, wanted)));
          } catch (error) {
            expect(error).toMatchObject({ type: "RETURN_TOO_LARGE" });
          }
          for (const left of returnable(any, returns).values()) expect(left).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
