import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { Sort } from "@molecart/mixins/contracts/products.ts";
import fc from "fast-check";
import { attributeName, type PublishedEntry } from "../../services/products/search/index-entry.ts";
import type { Counted, SearchQuery } from "../../services/products/search/search-engine.ts";
import { type EngineStage, entry, fill, type Sketch, searchEngines } from "../support/search-engines.ts";
import * as model from "../support/search-model.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { removeDataDirs } from "../support/worlds.ts";

jest.setTimeout(120_000);
afterAll(() => removeDataDirs());

const sorted = (counted: readonly Counted[]): Counted[] => counted.toSorted((a, b) => (a.value < b.value ? -1 : 1));
const counts = (counted: readonly Counted[]) => Object.fromEntries(counted.map(({ value, count }) => [value, count]));

for (const { name, servers, open } of searchEngines) {
  describeWith(servers, `The search on ${name}`, () => {
    let stage: EngineStage;
    const have = (sketches: Record<string, Sketch>) =>
      fill(
        stage,
        Object.entries(sketches).map(([id, sketch]) => entry(id, sketch)),
      );
    const search = (query: Partial<SearchQuery> = {}) => stage.engine.search({ sort: "relevance", limit: 100, ...query });
    const found = async (text: string, query: Partial<SearchQuery> = {}) => (await search({ text, ...query })).productIds;
    const filtered = async (query: Partial<SearchQuery>) => (await search({ sort: "price", ...query })).productIds;

    beforeEach(async () => {
      stage = await open();
    });
    afterEach(() => stage.close());

    describe("for words", () => {
      test("finds them in name, brand, category, attributes, SKU and description, in this order of worth", async () => {
        await have({
          6: { description: "Goes on any kettle." },
          5: { attributes: ["lid:kettle shaped"] },
          4: { categoryNames: ["Kitchen", "Kettle & Brewer"] },
          3: { brand: "Kettle Works" },
          2: { skus: ["AA-KETTLE"] },
          1: { name: "Brass kettle" },
          7: { name: "Teapot" },
        });
        // A brand and a SKU are worth the same.
        expect(await found("kettle")).toEqual(["1", "2", "3", "4", "5", "6"]);
      });

      test("wants all of them, in any order, case and accents", async () => {
        await have({ 1: { name: "Blue enamel kettle" }, 2: { name: "Blue lamp" }, 3: { name: "Café Crème" } });
        expect(await found("KETTLE blue")).toEqual(["1"]);
        expect(await found("kettle lamp")).toEqual([]);
        for (const typed of ["cafe creme", "CAFÉ CRÈME", "cafe\u0301"]) expect(await found(typed)).toEqual(["3"]);
      });

      test("takes the last for a beginning, and a whole word for better", async () => {
        await have({ 1: { name: "Lampshade" }, 2: { name: "Lamp" }, 3: { name: "Lamp of brass" } });
        expect(await found("lamp")).toEqual(["2", "3", "1"]);
        expect(await found("brass lam")).toEqual(["3"]);
        expect(await found("la brass")).toEqual([]);
      });

      test("finds letters that have no accent to take off as people type them", async () => {
        await have({ 1: { name: "Straße" }, 2: { name: "Smørrebrød" }, 3: { name: "Łódź" } });
        expect([await found("strasse"), await found("smorrebrod"), await found("lodz")]).toEqual([["1"], ["2"], ["3"]]);
      });

      test("puts the product whose SKU or whole name it is before all others", async () => {
        await have({
          1: { name: "Hush hush hush", skus: ["HPH-HUSH-BLK"] },
          2: { name: "Sand", skus: ["HPH-HUSH-SND"] },
          3: { name: "HPH HUSH SND, a guide to" },
        });
        expect(await found("hph-hush-snd")).toEqual(["2", "3"]);
        expect(await found("HPHHUSHSND")).toEqual(["2"]);
        expect(await found("sand")).toEqual(["2"]);
      });

      test("forgives slips of the hand where nothing has the words as typed, and says so", async () => {
        await have({ 1: { name: "Brass kettle" }, 2: { name: "Wireless headphones" }, 3: { name: "Kettles of 2024" } });
        for (const typed of ["ketle", "kettel", "kettlr", "xkettle".slice(1), "brass ketlte"])
          expect(await found(typed)).toContain("1");
        expect(await search({ text: "hedphones" })).toMatchObject({ productIds: ["2"], total: 1, alike: true });
        expect(await search({ text: "kettle" })).toMatchObject({ alike: false, total: 2 });
        // Figures and two letters are not guessed at, nor is what is too far away.
        for (const typed of ["2025", "ke2tle", "zz", "kitchen"])
          expect(await search({ text: typed })).toMatchObject({ total: 0, alike: false });
      });

      test("says that a filter leaves nothing, and does not guess at words then", async () => {
        await have({ 1: { name: "Kettle", brand: "A" }, 2: { name: "Kettel", brand: "B" } });
        expect(await search({ text: "kettle", brands: ["B"] })).toMatchObject({ productIds: [], total: 0, alike: false });
      });

      test("takes no operator, quote or other sign for anything but a gap between words", async () => {
        await have({ 1: { name: "Salt and pepper OR mustard" } });
        expect(await found('"salt" AND (pepper* NOT nothing')).toEqual([]);
        expect(await found('salt* - "pepper')).toEqual(["1"]);
        expect(await found("name:salt")).toEqual([]);
        expect(await found("salt OR must")).toEqual(["1"]);
        expect(await found("!!! ***")).toEqual([]);
        expect(await found("   ")).toEqual(["1"]);
      });

      test("never fails, whatever is typed and whatever is in the catalogue", async () => {
        await fc.assert(
          fc.asyncProperty(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 40 }), async (text, ascii) => {
            await stage.engine
              .put([entry("x", { name: text.slice(0, 50) || "x", description: ascii, version: 1 })])
              .catch(() => fill(stage, [entry("x")]));
            for (const typed of [text, `${ascii} NEAR( "${text}`]) expect(Array.isArray(await found(typed))).toBe(true);
            expect(await stage.engine.suggest(text, 5)).toMatchObject({ brands: expect.any(Array) });
          }),
          { numRuns: 60 },
        );
      });
    });

    describe("under filters", () => {
      beforeEach(() =>
        have({
          1: {
            category: "lamps",
            brand: "Lumière",
            price: 1_000,
            variants: [{ attributes: ["colour:red", "size:S"] }, { attributes: ["colour:blue", "size:L"], available: false }],
          },
          2: {
            category: "lamps",
            brand: "Norr",
            price: 2_000,
            variants: [{ attributes: ["colour:red", "size:L"], available: false }],
          },
          3: { category: "desk-lamps", brand: "lumiere", price: 2_500, variants: [{ attributes: ["colour:blue", "size:S"] }] },
          4: { category: "chairs", brand: "Norr", price: 60_000, variants: [{ attributes: ["a:b:c"] }] },
        }),
      );

      test("keeps what has the category, the brand in any spelling, the price", async () => {
        expect(await filtered({ categories: ["lamps", "desk-lamps"] })).toEqual(["1", "2", "3"]);
        expect(await filtered({ brands: ["LUMIERE"] })).toEqual(["1", "3"]);
        expect(await filtered({ brands: ["norr", "Lumière"] })).toEqual(["1", "2", "3", "4"]);
        expect(await filtered({ minPrice: 2_000, maxPrice: 2_500 })).toEqual(["2", "3"]);
        expect(await filtered({ categories: ["none"] })).toEqual([]);
      });

      test("wants attributes of several names in one variant, and takes values of one name for alternatives", async () => {
        expect(await filtered({ attributes: ["colour:red"] })).toEqual(["1", "2"]);
        expect(await filtered({ attributes: ["colour:red", "size:L"] })).toEqual(["2"]);
        expect(await filtered({ attributes: ["colour:red", "colour:blue", "size:S"] })).toEqual(["1", "3"]);
        expect(await filtered({ attributes: ["a:b:c"] })).toEqual(["4"]);
        expect(await filtered({ attributes: ["colour:none"] })).toEqual([]);
      });

      test("knows what can be had, and of which variant", async () => {
        expect(await filtered({ available: true })).toEqual(["1", "3", "4"]);
        expect(await filtered({ available: false })).toEqual(["2"]);
        expect(await filtered({ available: true, attributes: ["colour:blue"] })).toEqual(["3"]);
        expect(await filtered({ available: true, attributes: ["size:L"] })).toEqual([]);
      });

      test("counts each facet under the others", async () => {
        const { facets, total } = await search({ categories: ["lamps"], brands: ["norr"], attributes: ["colour:red"] });
        expect(total).toBe(1);
        expect(counts(facets.categories)).toEqual({ lamps: 1 });
        expect(counts(facets.brands)).toEqual({ Lumière: 1, Norr: 1 });
        expect(counts(facets.attributes)).toEqual({ "colour:red": 1, "size:L": 1 });
        expect([facets.available, facets.unavailable]).toEqual([0, 1]);
      });

      test("names a brand of several spellings once, as most have it", async () => {
        await have({
          1: { brand: "NORR" },
          2: { brand: "Norr" },
          3: { brand: "Norr" },
          4: { brand: "Öre" },
          5: { brand: "Ore" },
        });
        expect(counts((await search()).facets.brands)).toEqual({ Norr: 3, Ore: 2 });
      });
    });

    test("pages through every order without gap or repeat", async () => {
      await fill(
        stage,
        Array.from({ length: 23 }, (_, i) =>
          entry(`p${i % 7}-${i}`, { name: `Lamp ${"abc"[i % 3]}`, price: i % 4, createdAt: 1_000 + (i % 5) }),
        ),
      );
      for (const sort of ["relevance", "price", "-price", "name", "-name", "newest"] as Sort[]) {
        for (const text of [undefined, "lamp"]) {
          const whole = (await search({ sort, text })).productIds;
          const paged: string[] = [];
          for (let after: SearchQuery["after"], more = true; more; ) {
            const page = await search({ sort, text, limit: 4, after });
            expect(page.total).toBe(23);
            paged.push(...page.productIds);
            after = page.next;
            more = after !== undefined;
          }
          expect(paged).toEqual(whole);
          expect(new Set(paged).size).toBe(23);
        }
      }
    });

    test("goes on where a page ended, whatever comes and goes before", async () => {
      await have({ a: { price: 1 }, b: { price: 2 }, c: { price: 3 }, d: { price: 4 } });
      const first = await search({ sort: "price", limit: 2 });
      await stage.engine.put([
        { id: "a", version: 2, published: false },
        { id: "b", version: 2, published: false },
        entry("e", { price: 2 }),
      ]);
      await stage.settle();
      expect((await search({ sort: "price", after: first.next })).productIds).toEqual(["e", "c", "d"]);
    });

    test("stays with words like those typed on later pages, also when an exact hit comes", async () => {
      await have({ a: { name: "Kettle" }, b: { name: "Kettle" }, c: { name: "Kettle" } });
      const first = await search({ text: "ketle", limit: 2 });
      await stage.engine.put([entry("d", { name: "Ketle" })]);
      await stage.settle();
      expect((await search({ text: "ketle", after: first.next })).productIds).toEqual(["c"]);
    });

    test("suggests products by name, brand and SKU, and brands", async () => {
      await have({
        1: { name: "Brass kettle", brand: "Norr" },
        2: { name: "Kettle", brand: "Brass & Sons" },
        3: { name: "Lamp", brand: "Brass & Sons", description: "kettle" },
        4: { name: "Lamp", brand: "NORRLAND" },
      });
      expect(await stage.engine.suggest("bra", 5)).toEqual({ productIds: ["1", "2", "3"], brands: ["Brass & Sons"] });
      expect(await stage.engine.suggest("nor", 5)).toEqual({ productIds: ["4", "1"], brands: ["Norr", "NORRLAND"] });
      expect(await stage.engine.suggest("kettle", 1)).toEqual({ productIds: ["2"], brands: [] });
      expect((await stage.engine.suggest("kettel", 5)).productIds).toEqual(["2", "1"]);
      expect(await stage.engine.suggest("", 5)).toEqual({ productIds: [], brands: [] });
    });

    test("counts every brand, however many there are, and none of what is not published", async () => {
      const brands = Array.from({ length: 130 }, (_, n) => `Maker ${n}`);
      await fill(stage, [
        ...brands.map((brand, n) => entry(`a-${n}`, { brand })),
        entry("b-1", { brand: "Maker 7" }),
        entry("b-2", { brand: "MAKER 7" }),
        { id: "c-1", version: 1, published: false },
      ]);
      const told = await stage.engine.brands();
      expect(told).toHaveLength(130);
      expect(counts(told)).toMatchObject({ "Maker 0": 1, "Maker 7": 3, "Maker 129": 1 });
    });

    test("has the nearest products related to one", async () => {
      await have({
        self: { category: "desk-lamps", brand: "Norr", price: 1_000 },
        brand: { category: "chairs", brand: "norr", price: 1_000 },
        family: { category: "lamps", price: 1_000 },
        far: { category: "desk-lamps", price: 90_000 },
        near: { category: "desk-lamps", price: 1_100 },
        same: { category: "desk-lamps", brand: "Norr", price: 50 },
        other: { category: "chairs", price: 1_000 },
      });
      const related = await stage.engine.related({
        productId: "self",
        category: "desk-lamps",
        family: ["lamps", "desk-lamps"],
        brand: "Norr",
        price: 1_000,
        limit: 5,
      });
      expect(related).toEqual(["same", "near", "far", "family", "brand"]);
    });

    describe("follows the catalogue:", () => {
      const versions = async () => {
        const all = await stage.engine.versionsAfter("", 100);
        return Object.fromEntries(all.map(({ id, version }) => [id, version]));
      };

      test("a later version replaces, an earlier one never does, a repeat changes nothing", async () => {
        await have({ 1: { name: "Lamp", version: 2 } });
        for (const [text, version] of [
          ["Old", 1],
          ["Torch", 3],
          ["Late", 2],
          ["Torch", 3],
        ] as const)
          await stage.engine.put([entry("1", { name: text, version })]);
        await stage.settle();
        expect([await found("torch"), await found("lamp"), await found("late"), await versions()]).toEqual([
          ["1"],
          [],
          [],
          { 1: 3 },
        ]);
        expect((await search()).total).toBe(1);
      });

      test("a product that is withdrawn is not found, and a late message does not bring it back", async () => {
        await have({ 1: { name: "Lamp", version: 1 }, 2: {} });
        await stage.engine.put([{ id: "1", version: 3, published: false }]);
        await stage.engine.put([entry("1", { name: "Lamp", version: 2 })]);
        await stage.settle();
        expect([await found("lamp"), (await search()).productIds, await versions()]).toEqual([[], ["2"], { 1: 3, 2: 1 }]);
        await stage.engine.put([entry("1", { name: "Lamp", version: 4 })]);
        await stage.settle();
        expect(await found("lamp")).toEqual(["1"]);
      });

      test("the same version with another stock or another category's name is taken over", async () => {
        await have({ 1: { name: "Lamp", categoryNames: ["Lights"], available: true } });
        await stage.engine.put([entry("1", { name: "Lamp", categoryNames: ["Lanterns"], available: false })]);
        await stage.settle();
        expect([await found("lanterns"), await found("lights"), await filtered({ available: false })]).toEqual([
          ["1"],
          [],
          ["1"],
        ]);
      });

      test("entries are told in pages and can be removed", async () => {
        await have({ a: {}, b: {}, c: {} });
        await stage.engine.put([{ id: "d", version: 7, published: false }]);
        expect((await stage.engine.versionsAfter("a", 2)).map(({ id }) => id)).toEqual(["b", "c"]);
        await stage.engine.remove(["b", "none"]);
        expect(await versions()).toEqual({ a: 1, c: 1, d: 7 });
      });
    });

    describe("is made anew:", () => {
      test("it says when it must be", async () => {
        expect(await stage.engine.needsRebuild()).toBe(true);
        await have({ 1: {} });
        expect(await stage.engine.needsRebuild()).toBe(false);
      });

      test("the present index answers until the new one takes its place, and changes come to both", async () => {
        await have({ 1: { name: "Lamp" }, 2: { name: "Gone" } });
        const rebuild = await stage.engine.beginRebuild();
        await rebuild.put([entry("1", { name: "Lamp" })]);
        await stage.engine.put([entry("3", { name: "Torch" })]);
        await rebuild.put([entry("3", { name: "Torch" })]);
        await stage.settle();
        expect([await found("gone"), await found("torch")]).toEqual([["2"], ["3"]]);
        await rebuild.finish();
        expect([await found("gone"), await found("lamp"), await found("torch")]).toEqual([[], ["1"], ["3"]]);
        await stage.engine.put([entry("4", { name: "Torch" })]);
        await stage.settle();
        expect(await found("torch")).toEqual(["3", "4"]);
      });

      test("one that was given up, or that nobody has finished, leaves the present one as it was", async () => {
        await have({ 1: {} });
        await (await stage.engine.beginRebuild()).abandon();
        const left = await stage.engine.beginRebuild();
        await left.put([entry("9")]);
        expect((await search()).productIds).toEqual(["1"]);
        await have({ 1: {}, 2: {} });
        expect((await search()).productIds).toEqual(["1", "2"]);
      });
    });

    test("finds, counts, sorts and pages as the plain definition says", async () => {
      const WORDS = ["lamp", "lamps", "red", "brass", "lantern", "la", "kettle"];
      const text = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 3 }).map((words) => words.join(" "));
      const attribute = fc.constantFrom("colour:red", "colour:blue", "colour:brass", "size:S", "size:L", 'x.(y) "-z:*');
      const variant = fc.record({ available: fc.boolean(), attributes: fc.uniqueArray(attribute, { maxLength: 4 }) });
      const category = fc.constantFrom("lamps", "desk-lamps", "chairs");
      const brand = fc.constantFrom("Lamp Co", "Norr", "Öre");
      const sketch: fc.Arbitrary<Sketch> = fc.record({
        name: text,
        brand,
        category,
        description: fc.oneof(fc.constant(""), text),
        price: fc.constantFrom(0, 500, 999, 1_000, 4_999, 70_000),
        createdAt: fc.integer({ min: 1_000, max: 1_003 }),
        variants: fc.array(variant, { minLength: 1, maxLength: 3 }),
      });
      const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined });
      const query = fc.record({
        text: maybe(text),
        categories: maybe(fc.uniqueArray(category, { minLength: 1 })),
        brands: maybe(fc.uniqueArray(brand, { minLength: 1 })),
        attributes: maybe(fc.uniqueArray(attribute, { minLength: 1, maxLength: 3 })),
        minPrice: maybe(fc.constantFrom(0, 999, 1_000)),
        maxPrice: maybe(fc.constantFrom(999, 5_000)),
        available: maybe(fc.boolean()),
        sort: fc.constantFrom<Sort>("relevance", "price", "-price", "name", "-name", "newest"),
        limit: fc.integer({ min: 1, max: 5 }),
      });
      await fc.assert(
        fc.asyncProperty(
          fc.array(sketch, { maxLength: 14 }),
          fc.array(query, { minLength: 1, maxLength: 6 }),
          async (sketches, queries) => {
            const entries: PublishedEntry[] = sketches.map((one, index) => entry(`p${index}`, one));
            await fill(stage, entries);
            for (const asked of queries) {
              const expected = model.found(entries, asked);
              // What is alike has no plain definition: it is asked for by tests of its own.
              if (asked.text !== undefined && model.found(entries, { text: asked.text, sort: "price", limit: 1 }).length === 0)
                continue;
              const ids: string[] = [];
              let after: SearchQuery["after"];
              do {
                const page = await stage.engine.search({ ...asked, after });
                ids.push(...page.productIds);
                expect(page.total).toBe(expected.length);
                after = page.next;
                if (ids.length > page.productIds.length) continue;
                const { brands, categories, attributes, ...others } = page.facets;
                const {
                  brands: wantedBrands,
                  categories: wantedCategories,
                  attributes: wantedAttributes,
                  ...wanted
                } = model.facets(entries, asked);
                expect(others).toEqual(wanted);
                expect(sorted(categories)).toEqual(sorted(wantedCategories));
                expect(sorted(brands)).toEqual(sorted(wantedBrands));
                expect(sorted(attributes)).toEqual(sorted(wantedAttributes));
                expect(attributes.every(({ value }) => attributeName(value) !== "")).toBe(true);
              } while (after !== undefined);
              expect(ids).toEqual(expected.map(({ id }) => id));
            }
          },
        ),
        { numRuns: Number(process.env.RUNS ?? 60) },
      );
    });
  });
}
