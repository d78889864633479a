import { add, type Money, money, multiply, sum, zero } from "./money.ts";

/** The shop's rules for shipping and tax. Prices in the catalogue are net. */
export interface PricingRules {
  currency: string;
  /** Flat fee per order, minor units. */
  shippingFee: number;
  /** Orders whose items reach this amount ship free, minor units. */
  freeShippingFrom: number;
  /** 1900 is 19 %. On items and shipping. */
  taxBasisPoints: number;
}

export interface PricedLine {
  quantity: number;
  unitPrice: Money;
}

export interface Totals {
  items: Money;
  shipping: Money;
  tax: Money;
  total: Money;
}

export const lineTotal = (line: PricedLine): Money => multiply(line.unitPrice, line.quantity);

/** Half away from zero, to the minor unit. Amounts here are never negative. */
const share = (amount: Money, basisPoints: number): Money =>
  money(Math.round((amount.amount * basisPoints) / 10_000), amount.currency);

/** items + shipping + tax = total, always: tax is rounded once, on the sum. An empty basket costs nothing. */
export const totalsOf = (lines: readonly PricedLine[], rules: PricingRules): Totals => {
  const items = sum(lines.map(lineTotal), rules.currency);
  const shipping =
    lines.length === 0 || items.amount >= rules.freeShippingFrom
      ? zero(rules.currency)
      : money(rules.shippingFee, rules.currency);
  const tax = share(add(items, shipping), rules.taxBasisPoints);
  return { items, shipping, tax, total: add(add(items, shipping), tax) };
};
