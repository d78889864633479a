import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Product, Sort } from "@molecart/mixins/contracts/products.ts";
import fc from "fast-check";
import type { IndexQuery, Position } from "../../../../../services/products/search/product-index.ts";
import { SqliteIndex } from "../../../../../services/products/search/sqlite-index.ts";

interface Sketch {
  name?: string;
  brand?: string;
  category?: string;
  description?: string;
  amount?: number;
  attributes?: Record<string, string>;
  skus?: string[];
  version?: number;
  createdAt?: string;
}

const product = (id: string, sketch: Sketch = {}): Product => {
  const { amount = 100, attributes = {}, skus = [`SKU-${id}`], createdAt = "2026-01-01T00:00:00.000Z" } = sketch;
  const price = { amount, currency: "EUR" };
  return {
    id,
    slug: id,
    name: sketch.name ?? "Thing",
    brand: sketch.brand ?? "Maker",
    category: sketch.category ?? "things",
    description: sketch.description ?? "",
    price,
    variants: skus.map((sku) => ({ sku, attributes, price })),
    images: [],
    status: "published",
    version: sketch.version ?? 1,
    createdAt,
    updatedAt: createdAt,
  };
};

let index: SqliteIndex;
const put = (id: string, sketch: Sketch = {}, names: string[] = []) => index.put(product(id, sketch), names);
const search = (query: Partial<IndexQuery> = {}) => index.search({ sort: "relevance", limit: 100, ...query });
const found = (text: string) => search({ text }).productIds;

beforeEach(() => {
  index = new SqliteIndex();
});
afterEach(() => index.close());

describe("A search for text", () => {
  test("finds it in name, brand, category, attributes, SKU and description", () => {
    put("1", { name: "Brass kettle" });
    put("2", { brand: "Kettleworks" });
    put("3", {}, ["Kitchen", "Kettles & Brewers"]);
    put("4", { attributes: { lid: "kettle-shaped" } });
    put("5", { skus: ["KETTLE-01"] });
    put("6", { description: "Goes on any kettle." });
    put("7", { name: "Teapot" });
    expect(found("kettle").toSorted()).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  test("ranks the name above the brand, the attributes and the description", () => {
    put("4", { description: "amber" });
    put("3", { attributes: { colour: "amber" } });
    put("2", { brand: "Amber" });
    put("1", { name: "Amber" });
    expect(found("amber")).toEqual(["1", "2", "3", "4"]);
  });

  test("wants all words, in any order and case, and takes the last for a beginning", () => {
    put("1", { name: "Blue enamel kettle" });
    put("2", { name: "Blue lamp" });
    expect(found("KETTLE blue")).toEqual(["1"]);
    expect(found("blue ket")).toEqual(["1"]);
    expect(found("ket blue")).toEqual([]);
  });

  test("does not mind accents, in the text or in the question", () => {
    put("1", { name: "Café crème" });
    put("2", { name: "Cafe creme" });
    expect(found("cafe creme").toSorted()).toEqual(["1", "2"]);
    expect(found("CAFÉ CRÈME").toSorted()).toEqual(["1", "2"]);
    expect(found("cafe\u0301").toSorted()).toEqual(["1", "2"]);
  });

  test("finds a SKU as it is written", () => {
    put("1", { skus: ["HPH-HUSH-BLK", "HPH-HUSH-SND"] });
    put("2", { skus: ["HPH-HUSHM-BLK"] });
    expect(found("HPH-HUSH-SND")).toEqual(["1"]);
  });

  test("takes no operator, quote or other sign for anything but a gap between words", () => {
    put("1", { name: "Salt and pepper OR mustard" });
    expect(found('"salt" AND (pepper* NOT nothing')).toEqual([]);
    expect(found('salt* - "pepper')).toEqual(["1"]);
    expect(found("name:salt")).toEqual([]);
    expect(found("salt OR must")).toEqual(["1"]);
    expect(found("!!! ***")).toEqual([]);
  });

  test("never fails, whatever is typed", () => {
    put("1", { name: "Thing" });
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.string({ maxLength: 40 }), (text, ascii) => {
        expect(Array.isArray(found(text))).toBe(true);
        expect(Array.isArray(found(`${ascii} NEAR( "${text}`))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("without a word in it but spaces finds everything", () => {
    put("1");
    expect(found("   ")).toEqual(["1"]);
  });
});

describe("Filters", () => {
  beforeEach(() => {
    put("1", { category: "lamps", brand: "Lumière", amount: 100 });
    put("2", { category: "lamps", brand: "Norr", amount: 200 });
    put("3", { category: "desks", brand: "Norr", amount: 300 });
    put("4", { category: "chairs", brand: "Norr", amount: 400 });
  });
  const filtered = (query: Partial<IndexQuery>) => search(query).productIds.toSorted();

  test("keep to the categories, the brand and the prices", () => {
    expect(filtered({ categories: ["lamps", "desks"] })).toEqual(["1", "2", "3"]);
    expect(filtered({ categories: [] })).toEqual([]);
    expect(filtered({ brand: "LUMIERE" })).toEqual(["1"]);
    expect(filtered({ minPrice: 200, maxPrice: 300 })).toEqual(["2", "3"]);
    expect(filtered({ minPrice: 300, maxPrice: 200 })).toEqual([]);
    expect(filtered({ brand: "Norr", categories: ["lamps"], text: "thing" })).toEqual(["2"]);
  });

  test("count each facet under the other filters", () => {
    const { total, categories, brands } = search({ categories: ["lamps"], brand: "Norr", maxPrice: 300 });
    expect(total).toBe(1);
    expect(categories).toEqual([
      { value: "desks", count: 1 },
      { value: "lamps", count: 1 },
    ]);
    expect(brands.toSorted((a, b) => (a.value < b.value ? -1 : 1))).toEqual([
      { value: "Lumière", count: 1 },
      { value: "Norr", count: 1 },
    ]);
  });

  test("count anew when the index changes", () => {
    expect(search().total).toBe(4);
    put("5");
    expect(search().total).toBe(5);
    index.remove("5");
    expect(search().total).toBe(4);
  });
});

describe("Orders and pages", () => {
  const sorts: Sort[] = ["relevance", "price", "-price", "name", "-name", "newest"];

  test("follow price, name without regard to case and accents, and age", () => {
    put("1", { name: "Éclair", amount: 20, createdAt: "2026-01-02T00:00:00.000Z" });
    put("2", { name: "apple", amount: 30, createdAt: "2026-01-03T00:00:00.000Z" });
    put("3", { name: "Zebra", amount: 10, createdAt: "2026-01-01T00:00:00.000Z" });
    const order = (sort: Sort) => search({ sort }).productIds.join("");
    expect(sorts.map(order)).toEqual(["213", "312", "213", "213", "312", "213"]);
  });

  test("page by page give every hit once, in the order of the whole, also among equals", () => {
    for (let i = 0; i < 60; i++) {
      put(`p${i}`, {
        name: `Lamp ${"abc"[i % 3]}${" lamp".repeat(i % 4)}`,
        amount: 100 + (i % 5),
        createdAt: `2026-01-0${1 + (i % 3)}T00:00:00.000Z`,
      });
    }
    const query = fc.record({
      sort: fc.constantFrom(...sorts),
      limit: fc.integer({ min: 1, max: 70 }),
      text: fc.constantFrom(undefined, "lamp", "lamp a"),
      minPrice: fc.constantFrom(undefined, 102),
    });
    fc.assert(
      fc.property(query, ({ limit, ...same }) => {
        const whole = search(same);
        const pages: string[] = [];
        let after: Position | undefined;
        do {
          const page = search({ ...same, limit, after });
          expect(page.total).toBe(whole.total);
          pages.push(...page.productIds);
          after = page.next;
        } while (after !== undefined);
        expect(pages).toEqual(whole.productIds);
        expect(pages).toHaveLength(whole.total);
      }),
      { numRuns: 60 },
    );
  });

  test("neither repeat nor skip a hit when another comes in before it", () => {
    for (const id of ["b", "d", "f"]) put(id, { name: id });
    const first = search({ sort: "name", limit: 2 });
    put("a", { name: "a" });
    index.remove("d");
    expect(search({ sort: "name", limit: 2, after: first.next }).productIds).toEqual(["f"]);
  });
});

describe("A product in the index", () => {
  test("is replaced by its later version, never by an earlier one", () => {
    put("1", { name: "Lamp", version: 2 });
    put("1", { name: "Desk", version: 1 });
    expect([found("lamp"), found("desk"), index.versionOf("1")]).toEqual([["1"], [], 2]);
    put("1", { name: "Chair", version: 3 });
    expect([found("lamp"), found("chair"), index.versionOf("1")]).toEqual([[], ["1"], 3]);
  });

  test("is gone when it is removed", () => {
    put("1", { name: "Lamp" });
    index.remove("1");
    index.remove("1");
    expect([found("lamp"), search().total, index.versionOf("1")]).toEqual([[], 0, undefined]);
  });

  test("is put back as it was when a batch fails", () => {
    put("1", { name: "Lamp" });
    const failing = () =>
      index.batch(() => {
        index.remove("1");
        throw new Error("broken");
      });
    expect(failing).toThrow("broken");
    expect(found("lamp")).toEqual(["1"]);
  });

  test("has the nearest products related to it first", () => {
    put("other", { category: "bikes", brand: "Norr", amount: 100 });
    put("cousin", { category: "desk-lamps", brand: "Norr", amount: 100 });
    put("far", { category: "lamps", brand: "Else", amount: 900 });
    put("near", { category: "lamps", brand: "Else", amount: 110 });
    put("sister", { category: "lamps", brand: "Norr", amount: 500 });
    const me = product("me", { category: "lamps", brand: "Norr", amount: 100 });
    index.put(me, []);
    const family = ["lighting", "lamps", "desk-lamps"];
    expect(index.related(me, family, 5)).toEqual(["sister", "near", "far", "cousin", "other"]);
    expect(index.related(me, family, 2)).toEqual(["sister", "near"]);
  });
});
