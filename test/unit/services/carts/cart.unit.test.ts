import { describe, expect, test } from "@jest/globals";
import type { Item } from "@molecart/mixins/contracts/products.ts";
import fc from "fast-check";
import {
  addLine,
  checkInStock,
  type Lines,
  lifetimeMs,
  lineOf,
  MAX_ADDITIONS,
  MAX_LINES,
  MAX_MERGED_LINES,
  MAX_QUANTITY,
  mergeLines,
  moveLine,
  removeLine,
  revisionOf,
  type StoredLine,
  setLine,
  shown,
  subtractLines,
  viewOf,
} from "../../../../services/carts/cart.ts";

const DAY_MS = 86_400_000;
const eur = (amount: number) => ({ amount, currency: "EUR" });
const rules = { currency: "EUR", shippingFee: 490, freeShippingFrom: 5_000, taxBasisPoints: 1_900 };

const line = (sku: string, quantity = 1, amount = 1_000): StoredLine => ({
  sku,
  quantity,
  item: { productId: `p-${sku}`, name: `Old ${sku}`, unitPrice: eur(amount) },
});
const item = (sku: string, amount = 1_000, sellable = true): Item => ({
  sku,
  productId: `p-${sku}`,
  name: `New ${sku}`,
  unitPrice: eur(amount),
  sellable,
});
const stock = (sku: string, available: number) => ({ sku, onHand: available, reserved: 0, available });
const numbered = (count: number, prefix = "S"): StoredLine[] => Array.from({ length: count }, (_, i) => line(`${prefix}${i}`));
const quantities = (lines: Lines) => Object.fromEntries(lines.map(({ sku, quantity }) => [sku, quantity]));

const someLines = fc
  .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: MAX_QUANTITY })), {
    selector: ([sku]) => sku,
    maxLength: MAX_LINES,
  })
  .map((pairs) => pairs.map(([sku, quantity]) => line(`S${sku}`, quantity)));

describe("setting a line", () => {
  test("appends what is new and leaves what is known in its place", () => {
    const lines = setLine(setLine(setLine([], line("A", 1), 1), line("B", 1), 2), line("A", 5), 3);
    expect(lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ["A", 5],
      ["B", 1],
    ]);
  });

  test("refuses the line beyond the limit, but not another quantity in a full cart", () => {
    const full = numbered(MAX_LINES);
    expect(() => setLine(full, line("NEW"), 1)).toThrow(expect.objectContaining({ type: "CART_FULL", code: 409 }));
    expect(quantities(setLine(full, line("S7", 3), 1)).S7).toBe(3);
  });

  test("remembers the name and price of what the catalogue sells, and refuses the rest", () => {
    expect(lineOf({ sku: "A", quantity: 2 }, item("A", 700))).toEqual({
      sku: "A",
      quantity: 2,
      item: { productId: "p-A", name: "New A", unitPrice: eur(700) },
    });
    expect(() => lineOf({ sku: "A", quantity: 2 }, undefined)).toThrow(
      expect.objectContaining({ type: "SKU_NOT_FOUND", code: 404 }),
    );
    expect(() => lineOf({ sku: "A", quantity: 2 }, item("A", 700, false))).toThrow(
      expect.objectContaining({ type: "NOT_SELLABLE", code: 409 }),
    );
  });
});

describe("adding to a line", () => {
  test("adds up, remembers the price of now, and is refused whole beyond 99", () => {
    const lines = addLine(addLine([], line("A", 60), 1), line("A", 39, 1_200), 2);
    expect(lines.map(shown)).toEqual([line("A", 99, 1_200)]);
    expect(() => addLine(lines, line("A", 1), 3)).toThrow(
      expect.objectContaining({ type: "QUANTITY_LIMIT", code: 409, data: { sku: "A", quantity: 99, maxQuantity: 99 } }),
    );
    expect(quantities(subtractLines(lines, [line("A", 60)], 1))).toEqual({ A: 39 });
  });

  test("refuses to begin with what is sold out, but not while nobody knows", () => {
    expect(() => checkInStock("A", [stock("A", 0)])).toThrow(expect.objectContaining({ type: "SOLD_OUT", code: 409 }));
    expect(() => checkInStock("A", [])).toThrow(expect.objectContaining({ type: "SOLD_OUT" }));
    expect(() => checkInStock("A", [stock("A", 1)])).not.toThrow();
    expect(() => checkInStock("A", undefined)).not.toThrow();
  });
});

describe("moving a line", () => {
  test("loses no unit of either list, and changes nothing a second time", () => {
    fc.assert(
      fc.property(someLines, someLines, fc.integer({ min: 0, max: 120 }), (from, into, n) => {
        const sku = `S${n}`;
        const isFull = into.length === MAX_LINES && !into.some((one) => one.sku === sku);
        if (isFull && from.some((one) => one.sku === sku)) {
          expect(() => moveLine(from, into, sku, 1)).toThrow(expect.objectContaining({ type: "CART_FULL" }));
          return;
        }
        const moved = moveLine(from, into, sku, 1);
        const both = (quantities(from)[sku] ?? 0) + (quantities(into)[sku] ?? 0);
        expect(quantities(moved.from)[sku]).toBeUndefined();
        expect(quantities(moved.into)[sku] ?? 0).toBe(Math.min(both, MAX_QUANTITY));
        expect(moveLine(moved.from, moved.into, sku, 2)).toEqual(moved);
      }),
    );
  });
});

describe("merging", () => {
  test("keeps every line of both, adds up and caps, and never makes a quantity smaller", () => {
    fc.assert(
      fc.property(someLines, someLines, (into, from) => {
        const merged = quantities(mergeLines(into, from, 1));
        const [a, b] = [quantities(into), quantities(from)];
        const skus = new Set([...Object.keys(a), ...Object.keys(b)]);
        expect(new Set(Object.keys(merged))).toEqual(skus);
        for (const sku of skus) expect(merged[sku]).toBe(Math.min((a[sku] ?? 0) + (b[sku] ?? 0), MAX_QUANTITY));
      }),
    );
  });

  test("puts the guest's new lines behind the customer's, in the guest's order", () => {
    const merged = mergeLines([line("B"), line("A")], [line("D"), line("A"), line("C")], 1);
    expect(merged.map(({ sku }) => sku)).toEqual(["B", "A", "D", "C"]);
  });

  test("takes two full carts, and refuses whole what would go beyond", () => {
    const both = mergeLines(numbered(MAX_LINES), numbered(MAX_LINES, "T"), 1);
    expect(both).toHaveLength(MAX_MERGED_LINES);
    expect(() => mergeLines(both, [line("NEW")], 2)).toThrow(expect.objectContaining({ type: "CART_FULL" }));
    expect(quantities(mergeLines(both, [line("S1", 2)], 2)).S1).toBe(3);
  });
});

describe("taking an order out", () => {
  test("that says no revision leaves exactly what the cart has more than the order", () => {
    fc.assert(
      fc.property(someLines, someLines, (lines, ordered) => {
        const left = quantities(subtractLines(lines, ordered, undefined));
        const taken = quantities(ordered);
        for (const { sku, quantity } of lines) expect(left[sku] ?? 0).toBe(Math.max(0, quantity - (taken[sku] ?? 0)));
        expect(Object.values(left).every((quantity) => quantity > 0)).toBe(true);
      }),
    );
  });

  test("counts two ordered lines of one SKU together", () => {
    expect(subtractLines([line("A", 5)], [line("A", 2), line("A", 2)], undefined).map(shown)).toEqual([line("A", 1)]);
  });

  test("leaves what was set or merged after the order was placed, however late it is heard of", () => {
    const placed = setLine(setLine(setLine([], line("A", 98), 1), line("B", 2), 2), line("C", 3), 3);
    const ordered = placed.map(shown);
    const later = mergeLines(setLine(removeLine(placed, "C"), line("B", 7), 4), [line("A", 5), line("C", 1)], 5);
    expect(quantities(later)).toEqual({ A: 99, B: 7, C: 1 });
    const left = subtractLines(later, ordered, revisionOf(placed));
    expect(quantities(left)).toEqual({ A: 5, B: 7, C: 1 });
    expect(subtractLines(left, ordered, revisionOf(placed))).toEqual(left);
  });

  test("takes whole what was there before lines had revisions", () => {
    expect(subtractLines([line("A", 5)], [line("A", 5)], revisionOf([line("A", 5)]))).toEqual([]);
  });

  test("remembers at most 20 additions of a line, and rather leaves than takes what it has forgotten to tell apart", () => {
    const merged = Array.from({ length: 30 }, (_, n) => n + 2).reduce(
      (lines, revision) => mergeLines(lines, [line("A")], revision),
      setLine([], line("A"), 1),
    );
    expect(merged[0]?.added).toHaveLength(MAX_ADDITIONS);
    expect(merged[0]?.quantity).toBe(31);
    expect(quantities(subtractLines(merged, [line("A", 1)], 1))).toEqual({ A: 31 });
    expect(quantities(subtractLines(merged, [line("A", 30)], 30))).toEqual({ A: 1 });
  });

  test("leaves the other lines alone when one is removed", () => {
    expect(removeLine([line("A"), line("B")], "A")).toEqual([line("B")]);
  });
});

describe("a cart's lifetime", () => {
  test("is 30 days for a guest and 90 for a customer", () => {
    expect(lifetimeMs("guest:t")).toBe(30 * DAY_MS);
    expect(lifetimeMs("user:u")).toBe(90 * DAY_MS);
  });
});

describe("the view", () => {
  test("shows current names and prices, and whether the stock suffices", () => {
    const view = viewOf(
      [line("A", 2), line("B", 3), line("C", 1)],
      [line("A", 3)],
      { items: [item("A", 1_500), item("B"), item("C")], stock: [stock("A", 2), stock("B", 2)] },
      rules,
    );
    expect(view.lines.map(({ name, unitPrice, total, available }) => [name, unitPrice.amount, total.amount, available])).toEqual([
      ["New A", 1_500, 3_000, true],
      ["New B", 1_000, 3_000, false],
      ["New C", 1_000, 1_000, false],
    ]);
    expect(view.totals).toMatchObject({ items: eur(7_000), shipping: eur(0), tax: eur(1_330), total: eur(8_330) });
    expect(view.saved).toEqual([
      expect.objectContaining({ sku: "A", quantity: 3, unitPrice: eur(1_500), unavailable: "TOO_FEW", availableQuantity: 2 }),
    ]);
  });

  test("says why something cannot be had, and what its price was", () => {
    const view = viewOf(
      [line("UNKNOWN"), line("RETIRED"), line("GONE"), line("FEW", 5), line("DEAR"), line("CHEAP")],
      [],
      {
        items: [item("RETIRED", 1_000, false), item("GONE"), item("FEW"), item("DEAR", 1_001), item("CHEAP", 999)],
        stock: [stock("GONE", 0), stock("FEW", 2), stock("DEAR", 1), stock("CHEAP", 1)],
      },
      rules,
    );
    const said = view.lines.map(({ sku, available, unavailable, availableQuantity, priceChanged, priceWhenAdded }) => [
      sku,
      available,
      unavailable ?? availableQuantity ?? priceChanged,
      priceWhenAdded?.amount,
    ]);
    expect(said).toEqual([
      ["UNKNOWN", false, "UNKNOWN", undefined],
      ["RETIRED", false, "NOT_FOR_SALE", undefined],
      ["GONE", false, "SOLD_OUT", undefined],
      ["FEW", false, "TOO_FEW", undefined],
      ["DEAR", true, "raised", 1_000],
      ["CHEAP", true, "lowered", 1_000],
    ]);
  });

  test("counts nothing that is saved for later", () => {
    const view = viewOf([], [line("A", 2)], { items: [item("A")], stock: [stock("A", 9)] }, rules);
    expect(view.totals.total).toEqual(eur(0));
  });

  test.each([
    ["has vanished", [item("A")]],
    ["is not for sale any more", [item("A"), item("B", 9_999, false)]],
  ])("shows what %s as it was, unavailable, and leaves it out of the totals", (_, items) => {
    const view = viewOf([line("A", 1), line("B", 4, 800)], [], { items, stock: [stock("A", 9), stock("B", 9)] }, rules);
    expect(view.lines[1]).toEqual({
      sku: "B",
      productId: "p-B",
      name: "Old B",
      quantity: 4,
      unitPrice: eur(800),
      total: eur(3_200),
      available: false,
      unavailable: items.length === 1 ? "UNKNOWN" : "NOT_FOR_SALE",
    });
    expect(view.totals.items).toEqual(eur(1_000));
  });

  test("does not charge shipping for a cart in which nothing is for sale", () => {
    expect(viewOf([line("A")], [], { items: [], stock: [] }, rules).totals.total).toEqual(eur(0));
  });

  test("says that it does not know while the inventory does not answer, except of what is gone", () => {
    const view = viewOf([line("A"), line("B")], [], { items: [item("A")], stock: undefined }, rules);
    expect(view.lines.map(({ available }) => available)).toEqual([null, false]);
  });

  test("falls back to remembered names and prices while the catalogue does not answer", () => {
    const view = viewOf([line("A", 2)], [], { items: undefined, stock: [stock("A", 9)] }, rules);
    expect(view.lines).toEqual([expect.objectContaining({ name: "Old A", unitPrice: eur(1_000), available: null })]);
    expect(view.totals.items).toEqual(eur(2_000));
  });
});
