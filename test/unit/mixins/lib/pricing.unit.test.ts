import { describe, expect, test } from "@jest/globals";
import { readEnvironment } from "@molecart/mixins/lib/config.ts";
import { allocate, type PricedLine, type PricingRules, price, totalsOf } from "@molecart/mixins/lib/pricing.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";
import fc from "fast-check";

const eur = (amount: number) => ({ amount, currency: "EUR" });
const flat: PricingRules = { currency: "EUR", shippingFee: 490, freeShippingFrom: 5_000, taxBasisPoints: 1_900 };
const german: PricingRules = {
  ...flat,
  taxRates: { DE: { standard: 1_900, reduced: 700 }, AT: { standard: 2_000, reduced: 1_000 }, "*": { standard: 0 } },
  shippingZones: [
    {
      countries: ["DE"],
      fees: [
        { from: 0, fee: 490 },
        { from: 5_000, fee: 0 },
      ],
    },
    { countries: ["*"], fees: [{ from: 0, fee: 1_990 }] },
  ],
};
const line = (sku: string, amount: number, quantity = 1, taxClass?: string): PricedLine => ({
  sku,
  quantity,
  unitPrice: eur(amount),
  taxClass,
});
const amounts = ({ items, shipping, tax, total }: ReturnType<typeof totalsOf>) =>
  [items, shipping, tax, total].map(({ amount }) => amount);
const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

const anyClass = fc.constantFrom(undefined, "standard", "reduced", "zero", "unheard-of");
const anyLines = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 1_000_000 }), fc.integer({ min: 1, max: 99 }), anyClass), { maxLength: 12 })
  .map((lines) => lines.map(([amount, quantity, taxClass], index) => line(`S${index}`, amount, quantity, taxClass)));
const anyRate = fc.integer({ min: 0, max: 10_000 });
const anyRules = fc
  .record({
    standard: anyRate,
    reduced: anyRate,
    flatRate: anyRate,
    fee: fc.integer({ min: 0, max: 5_000 }),
    gross: fc.boolean(),
  })
  .map(
    ({ standard, reduced, flatRate, fee, gross }): PricingRules => ({
      currency: "EUR",
      shippingFee: fee,
      freeShippingFrom: 1_000_000,
      taxBasisPoints: flatRate,
      pricesIncludeTax: gross,
      taxRates: { DE: { standard, reduced } },
    }),
  );
const anyCountry = fc.constantFrom("DE", "FR", undefined);

describe("Totals", () => {
  test("have one tax on items and shipping where there is one rate", () => {
    expect(amounts(totalsOf([line("A", 1_000, 2)], flat))).toEqual([2_000, 490, 473, 2_963]);
    expect(amounts(totalsOf([line("A", 1_000, 5)], flat))).toEqual([5_000, 0, 950, 5_950]);
    expect(totalsOf([], flat)).toEqual({ items: eur(0), shipping: eur(0), tax: eur(0), total: eur(0), taxes: [] });
  });

  test("are taxed by class and country, the shipping with the classes in proportion to their items", () => {
    const lines = [line("BOOK", 1_000, 2, "reduced"), line("LAMP", 1_000), line("GIFT", 1_000, 1, "zero")];
    // 4000 of items; 490 of shipping are 245 + 123 + 122.
    expect(totalsOf(lines, german, "DE").taxes).toEqual([
      { class: "reduced", rate: 700, base: eur(2_245), amount: eur(157) },
      { class: "standard", rate: 1_900, base: eur(1_123), amount: eur(213) },
      { class: "zero", rate: 0, base: eur(1_122), amount: eur(0) },
    ]);
    expect(amounts(totalsOf(lines, german, "DE"))).toEqual([4_000, 490, 370, 4_860]);
    expect(amounts(totalsOf(lines, german, "US"))).toEqual([4_000, 1_990, 0, 5_990]);
    expect(price(lines, german, "AT").lines.map(({ taxRate }) => taxRate)).toEqual([1_000, 2_000, 0]);
  });

  test("of gross prices are what the prices say, with the tax taken out", () => {
    const gross = { ...german, pricesIncludeTax: true };
    const totals = totalsOf([line("LAMP", 1_190, 2), line("BOOK", 1_070, 1, "reduced")], gross, "DE");
    expect(totals.total).toEqual(eur(3_450 + 490));
    expect(totals.items).toEqual(eur(3_000));
    expect(totals.taxIncluded).toBe(true);
  });

  test("add up and are never negative, and so do the taxes of classes and lines, for any basket, rules and country", () => {
    fc.assert(
      fc.property(anyLines, anyRules, anyCountry, (lines, rules, country) => {
        const { totals, lines: taxed } = price(lines, rules, country);
        expect(totals.total.amount).toBe(totals.items.amount + totals.shipping.amount + totals.tax.amount);
        expect(Math.min(...amounts(totals), ...taxed.map(({ tax }) => tax.amount))).toBeGreaterThanOrEqual(0);
        expect(sum(totals.taxes.map(({ amount }) => amount.amount))).toBe(totals.tax.amount);
        expect(sum(totals.taxes.map(({ base }) => base.amount))).toBe(totals.items.amount + totals.shipping.amount);
        const listed = sum(lines.map(({ quantity, unitPrice }) => quantity * unitPrice.amount));
        const ofLines = sum(taxed.map(({ tax }) => tax.amount));
        expect(ofLines).toBeLessThanOrEqual(totals.tax.amount);
        if (totals.shipping.amount === 0) expect(ofLines).toBe(totals.tax.amount);
        expect(totals.items.amount).toBe(rules.pricesIncludeTax ? listed - ofLines : listed);
        for (const { class: name, base, rate, amount } of totals.taxes) {
          expect(["standard", "reduced", "zero", "unheard-of"]).toContain(name);
          // Rounded once: within half a unit of the exact tax, of a net base that is itself rounded where prices are gross.
          expect(Math.abs(amount.amount - (base.amount * rate) / 10_000)).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("do not depend on the order of the lines", () => {
    const shuffled = anyLines.chain((lines) =>
      fc.tuple(fc.constant(lines), fc.shuffledSubarray(lines, { minLength: lines.length, maxLength: lines.length })),
    );
    fc.assert(
      fc.property(shuffled, anyRules, ([lines, other], rules) => {
        const [one, another] = [price(lines, rules, "DE"), price(other, rules, "DE")];
        expect(another.totals).toEqual(one.totals);
        const taxOf = (priced: typeof one, of: readonly PricedLine[]) =>
          Object.fromEntries(of.map(({ sku }, index) => [sku, priced.lines[index]?.tax.amount]));
        expect(taxOf(another, other)).toEqual(taxOf(one, lines));
      }),
    );
  });

  test("never become less when something is added and the shipping stays what it is", () => {
    fc.assert(
      fc.property(anyLines, anyRules, fc.integer({ min: 1, max: 9_999 }), anyClass, (lines, any, amount, taxClass) => {
        const rules = { ...any, shippingFee: 0 };
        const more = [...lines, line("MORE", amount, 1, taxClass)];
        const [before, after] = [totalsOf(lines, rules, "DE"), totalsOf(more, rules, "DE")];
        expect(after.items.amount).toBeGreaterThanOrEqual(before.items.amount);
        expect(after.tax.amount).toBeGreaterThanOrEqual(before.tax.amount);
        expect(after.total.amount).toBeGreaterThan(before.total.amount);
      }),
    );
  });

  test("are in the shop's currency", () => {
    expect(() => totalsOf([{ quantity: 1, unitPrice: { amount: 1, currency: "USD" } }], flat)).toThrow(/EUR and USD/);
  });
});

describe("An allocation", () => {
  test("adds up, gives nobody a unit more or less than his share, and never the lighter one more", () => {
    const weights = fc.array(fc.integer({ min: 0, max: 1_000_000_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000_000_000 }), weights, (amount, parts) => {
        const shares = allocate(amount, parts);
        expect(sum(shares)).toBe(amount);
        const whole = BigInt(sum(parts));
        if (whole === 0n) return;
        for (const [index, share] of shares.entries()) {
          const floor = (BigInt(amount) * BigInt(parts[index] as number)) / whole;
          expect([floor, floor + 1n]).toContain(BigInt(share));
          for (const [other, weight] of parts.entries())
            if (weight < (parts[index] as number)) expect(shares[other]).toBeLessThanOrEqual(share);
        }
      }),
    );
  });

  test("gives a unit that two have the same right to to the first", () => expect(allocate(5, [1, 1, 2])).toEqual([1, 1, 3]));
});

describe("The shop's pricing rules", () => {
  const read = (env: Record<string, string>) => readPricingRules(readEnvironment(env));

  test("are flat, of net prices, unless told otherwise", () => {
    expect(read({})).toEqual({ ...flat, pricesIncludeTax: false });
  });

  test("take rates by country and class, zones, and prices that include tax", () => {
    const rules = read({
      SHOP_TAX_RULES: JSON.stringify(german.taxRates),
      SHOP_SHIPPING_RULES: JSON.stringify(german.shippingZones),
      SHOP_PRICES_INCLUDE_TAX: "true",
      SHOP_COUNTRY: "DE",
    });
    expect(rules).toEqual({ ...german, pricesIncludeTax: true, country: "DE" });
  });

  test.each([
    ["SHOP_TAX_RULES", "{", /is not JSON/],
    ["SHOP_TAX_RULES", "[]", /not an object of countries/],
    ["SHOP_TAX_RULES", '{"Germany":{"standard":1}}', /"Germany" is neither/],
    ["SHOP_TAX_RULES", '{"DE":{"reduced":700}}', /DE has no standard rate/],
    ["SHOP_TAX_RULES", '{"DE":{"standard":19.5}}', /standard of DE is not a number of basis points/],
    ["SHOP_TAX_RULES", '{"DE":{"standard":1900,"zero":1}}', /zero of DE must be 0/],
    ["SHOP_SHIPPING_RULES", '{"DE":1}', /not a list of zones/],
    ["SHOP_SHIPPING_RULES", '[{"countries":["DE"],"fees":[]}]', /first fee of zone 1 is not from 0/],
    ["SHOP_SHIPPING_RULES", '[{"countries":["DE"],"fees":[{"from":0,"fee":-1}]}]', /not \{from, fee\}/],
    ["SHOP_SHIPPING_RULES", '[{"countries":["DE","DE"],"fees":[{"from":0,"fee":1}]}]', /DE is in two zones/],
    ["SHOP_CURRENCY", "XQQ", /"XQQ" is not an ISO 4217 code/],
    ["SHOP_COUNTRY", "deu", /"deu" is not a country/],
    ["SHOP_PRICES_INCLUDE_TAX", "yes", /"yes" is none of/],
  ])("are refused by name where %s is %s", (variable, value, problem) => {
    expect(() => read({ [variable]: value })).toThrow(problem);
    expect(() => read({ [variable]: value })).toThrow(variable);
  });
});
