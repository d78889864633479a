import { describe, expect, test } from "@jest/globals";
import type { Stock } from "@molecart/mixins/contracts/inventory.ts";
import fc from "fast-check";
import { countedDifference, demandOf, inLockOrder, shortagesOf } from "../../../../services/inventory/stock.ts";

const stock = (sku: string, onHand: number, reserved = 0): Stock => ({ sku, onHand, reserved, available: onHand - reserved });

describe("the demand of an order", () => {
  test("is one line per SKU, in the order in which SKUs are locked", () => {
    const lines = [
      { sku: "B", quantity: 1 },
      { sku: "A", quantity: 2 },
      { sku: "B", quantity: 3 },
    ];
    expect(demandOf(lines)).toEqual([
      { sku: "A", quantity: 2 },
      { sku: "B", quantity: 4 },
    ]);
  });

  test("is locked in the order of bytes, as both databases sort", () => {
    expect(inLockOrder(["b", "B", "a", "A-1", "A.1", "B"])).toEqual(["A-1", "A.1", "B", "a", "b"]);
  });
});

describe("shortages", () => {
  test("there are none when the last unit is asked for", () => {
    expect(shortagesOf([{ sku: "A", quantity: 3 }], [stock("A", 5, 2)])).toEqual([]);
  });

  test("say what is asked for and what there is, for the short SKUs only", () => {
    const demand = [
      { sku: "A", quantity: 3 },
      { sku: "B", quantity: 4 },
    ];
    expect(shortagesOf(demand, [stock("A", 3), stock("B", 9, 6)])).toEqual([{ sku: "B", requested: 4, available: 3 }]);
  });

  test("of an unknown SKU there is nothing", () => {
    expect(shortagesOf([{ sku: "A", quantity: 1 }], [])).toEqual([{ sku: "A", requested: 1, available: 0 }]);
  });

  test("two lines that fit one by one are short when they do not fit together", () => {
    const sku = fc.constantFrom("A", "B");
    const lines = fc.array(fc.record({ sku, quantity: fc.integer({ min: 1, max: 5 }) }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(lines, fc.nat(12), fc.nat(12), (ordered, onHandA, onHandB) => {
        const asked = (of: string) => ordered.reduce((sum, line) => sum + (line.sku === of ? line.quantity : 0), 0);
        const fits = asked("A") <= onHandA && asked("B") <= onHandB;
        expect(shortagesOf(demandOf(ordered), [stock("A", onHandA), stock("B", onHandB)]).length === 0).toBe(fits);
      }),
    );
  });
});

describe("a stock-take", () => {
  test("finds the difference to what the books say", () => {
    expect(countedDifference(stock("A", 10, 4), 7)).toBe(-3);
    expect(countedDifference(stock("A", 10, 4), 4)).toBe(-6);
    expect(countedDifference(stock("A", 0), 12)).toBe(12);
  });

  test("cannot count away what is reserved for orders", () => {
    expect(() => countedDifference(stock("A", 10, 4), 3)).toThrow(
      expect.objectContaining({ type: "STOCK_BELOW_RESERVED", code: 409, data: { sku: "A", onHand: 3, reserved: 4 } }),
    );
  });
});
