import { add, type Money, money, multiply, sum } from "./money.ts";

/** Basis points by tax class: `{"standard":1900,"reduced":700}`; 1900 is 19 %. */
export type TaxRates = Readonly<Record<string, number>>;

/** What an order of these countries pays for its parcel. */
export interface ShippingZone {
  /** ISO 3166-1 alpha-2, or `*` for all that no other zone names. */
  countries: readonly string[];
  /** Minor units: the fee of the last step whose `from` the items reach; ascending, the first from 0. */
  fees: readonly { from: number; fee: number }[];
}

/** The shop's rules for shipping and tax. */
export interface PricingRules {
  currency: string;
  /** Flat fee per order where no zone is for its country, minor units. */
  shippingFee: number;
  /** Orders whose items reach this amount ship free, minor units; for the flat fee. */
  freeShippingFrom: number;
  /** 1900 is 19 %. On items and shipping, where no rates are for the country. */
  taxBasisPoints: number;
  /** Prices in the catalogue, fees and their thresholds are gross: tax is in them. Absent: net. */
  pricesIncludeTax?: boolean;
  /** By country; `*` is for all that are not named. */
  taxRates?: Readonly<Record<string, TaxRates>>;
  shippingZones?: readonly ShippingZone[];
  /** Of whoever has not said where to. */
  country?: string | undefined;
}

export const STANDARD_CLASS = "standard";
/** Never taxed, whatever the country. */
export const ZERO_CLASS = "zero";

export interface PricedLine {
  quantity: number;
  unitPrice: Money;
  /** `standard` where it is absent. */
  taxClass?: string | undefined;
  /** Decides between lines that could have a minor unit with the same right. */
  sku?: string;
}

/** What is taxed at one rate: `base` is net, of items and their part of the shipping. */
export interface TaxShare {
  class: string;
  /** Basis points. */
  rate: number;
  base: Money;
  amount: Money;
}

export interface Totals {
  items: Money;
  shipping: Money;
  tax: Money;
  total: Money;
  taxes: TaxShare[];
  /** The lines' prices hold their tax; `items` and `shipping` are without it all the same. Absent: prices are net. */
  taxIncluded?: true;
}

/** A line's own tax; beside its price, or in it where prices include tax. */
export interface LineTax {
  tax: Money;
  /** Basis points. */
  taxRate: number;
}

export interface Priced {
  totals: Totals;
  /** In the order of the lines. */
  lines: LineTax[];
}

export const lineTotal = (line: PricedLine): Money => multiply(line.unitPrice, line.quantity);

/** The rate of a class in a country, in basis points. A class that the country does not know has its standard rate. */
export const taxRate = (rules: PricingRules, taxClass: string, country: string | undefined): number => {
  if (taxClass === ZERO_CLASS) return 0;
  const rates = (country === undefined ? undefined : rules.taxRates?.[country]) ?? rules.taxRates?.["*"];
  return rates?.[taxClass] ?? rates?.[STANDARD_CLASS] ?? rules.taxBasisPoints;
};

/** Minor units, for items of this amount. */
export const shippingFee = (rules: PricingRules, items: number, country: string | undefined): number => {
  const zones = rules.shippingZones ?? [];
  const zone =
    zones.find(({ countries }) => country !== undefined && countries.includes(country)) ??
    zones.find(({ countries }) => countries.includes("*"));
  if (zone !== undefined) return zone.fees.findLast(({ from }) => items >= from)?.fee ?? 0;
  return items >= rules.freeShippingFrom ? 0 : rules.shippingFee;
};

/** amount × part / whole, half up. The product may be beyond what a number holds exactly. */
const proportion = (amount: number, part: number, whole: number): number =>
  Number((BigInt(amount) * BigInt(part) * 2n + BigInt(whole)) / (BigInt(whole) * 2n));

/** Parts of an amount in proportion to the weights, which are whole numbers and not negative. They add up to the amount exactly: each
 *  is rounded down, and what is left goes, a unit each, to those that have lost most by it (the largest-remainder method);
 *  between equals to the heavier one, then to the first. All weights zero: all is the first's. */
export const allocate = (amount: number, weights: readonly number[]): number[] => {
  const whole = weights.reduce((total, weight) => total + BigInt(weight), 0n);
  if (whole === 0n) return weights.map((_, index) => (index === 0 ? amount : 0));
  const shares = weights.map((weight, index) => {
    const product = BigInt(amount) * BigInt(weight);
    return { index, weight, units: Number(product / whole), rest: product % whole };
  });
  const left = amount - shares.reduce((total, { units }) => total + units, 0);
  const first = shares
    .toSorted((a, b) => (a.rest === b.rest ? b.weight - a.weight || a.index - b.index : a.rest > b.rest ? -1 : 1))
    .slice(0, left);
  for (const share of first) share.units += 1;
  return shares.map(({ units }) => units);
};

interface Line {
  index: number;
  sku: string;
  taxClass: string;
  amount: number;
}

const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** In an order that does not depend on how the lines came. */
const inCanonicalOrder = (lines: readonly PricedLine[]): Line[] =>
  lines
    .map((line, index) => ({
      index,
      sku: line.sku ?? "",
      taxClass: line.taxClass ?? STANDARD_CLASS,
      amount: lineTotal(line).amount,
    }))
    .toSorted((a, b) => byName(a.taxClass, b.taxClass) || byName(a.sku, b.sku) || b.amount - a.amount || a.index - b.index);

const amountOf = (lines: readonly Line[]): number => lines.reduce((total, { amount }) => total + amount, 0);

/** What a basket costs in a country, the same wherever it is asked: in the cart, in a quote, in an order.
 *
 *  Shipping is divided among the tax classes by what their items cost. Tax is rounded once per class, on the sum of its items
 *  and their shipping, half up; then it is allocated to the lines to the minor unit. So items + shipping + tax = total, the taxes
 *  of the classes add up to the tax, and those of a class's lines and shipping to the class's, always. Nothing depends on the
 *  order of the lines. An empty basket costs nothing.
 *
 *  Where prices include tax, it is taken out of the sums in the same way, and what people pay is the sum of the prices. */
export const price = (given: readonly PricedLine[], rules: PricingRules, country = rules.country): Priced => {
  const { currency, pricesIncludeTax = false } = rules;
  const of = (amount: number): Money => money(amount, currency);
  // Also refuses another currency, and sums that no number holds.
  const listed = sum(given.map(lineTotal), currency).amount;
  const fee = given.length === 0 ? 0 : shippingFee(rules, listed, country);
  const byClass = Map.groupBy(inCanonicalOrder(given), ({ taxClass }) => taxClass);
  const groups = [...byClass].map(([taxClass, lines]) => ({ taxClass, lines, amount: amountOf(lines) }));
  const fees = allocate(
    fee,
    groups.map(({ amount }) => amount),
  );

  const taxed: LineTax[] = [];
  const taxes: TaxShare[] = [];
  let shippingTax = 0;
  for (const [index, { taxClass, lines, amount }] of groups.entries()) {
    const rate = taxRate(rules, taxClass, country);
    const shipping = fees[index] as number;
    const tax = proportion(amount + shipping, rate, pricesIncludeTax ? 10_000 + rate : 10_000);
    const shares = allocate(tax, [...lines.map((line) => line.amount), shipping]);
    for (const [at, line] of lines.entries()) taxed[line.index] = { tax: of(shares[at] as number), taxRate: rate };
    shippingTax += shares.at(-1) as number;
    taxes.push({ class: taxClass, rate, base: of(amount + shipping - (pricesIncludeTax ? tax : 0)), amount: of(tax) });
  }

  const tax = sum(
    taxes.map(({ amount }) => amount),
    currency,
  );
  const items = of(listed - (pricesIncludeTax ? tax.amount - shippingTax : 0));
  const shipping = of(fee - (pricesIncludeTax ? shippingTax : 0));
  return {
    totals: {
      items,
      shipping,
      tax,
      total: add(add(items, shipping), tax),
      taxes,
      ...(pricesIncludeTax && { taxIncluded: true as const }),
    },
    lines: taxed,
  };
};

export const totalsOf = (lines: readonly PricedLine[], rules: PricingRules, country?: string): Totals =>
  price(lines, rules, country).totals;
