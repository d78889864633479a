import type { Cart, CartLine } from "@molecart/mixins/contracts/carts.ts";
import type { Stock } from "@molecart/mixins/contracts/inventory.ts";
import type { Item } from "@molecart/mixins/contracts/products.ts";
import { lineTotal, type PricingRules, totalsOf } from "@molecart/mixins/lib/pricing.ts";
import { CartFull, NotSellable, SkuNotFound } from "./cart.errors.ts";

/** A line as it is kept. Name and price are those of when it was last set: shown while the catalogue does not answer, and for
 *  what is not for sale any more. */
export interface StoredLine {
  sku: string;
  quantity: number;
  item: ItemSnapshot;
}
export type ItemSnapshot = Pick<Item, "productId" | "name" | "unitPrice">;

export interface Quantity {
  sku: string;
  quantity: number;
}

/** The lines of one cart in the order of their first addition. */
export type Lines = readonly StoredLine[];

export const MAX_QUANTITY = 99;
/** A cart that has so many lines takes no new SKU. */
export const MAX_LINES = 100;
/** A guest's full cart fits into a customer's full cart. As many SKUs as catalogue and inventory answer in one call. */
export const MAX_MERGED_LINES = 200;

const DAY_MS = 24 * 3_600_000;
const GUEST_DAYS = 30;
const CUSTOMER_DAYS = 90;

export const cartOf = (userId: string): string => `user:${userId}`;

/** How long a cart is kept after its last write. */
export const lifetimeMs = (cartId: string): number => (cartId.startsWith("guest:") ? GUEST_DAYS : CUSTOMER_DAYS) * DAY_MS;

/** The line for a SKU that the catalogue was asked for. */
export const lineOf = ({ sku, quantity }: Quantity, item: Item | undefined): StoredLine => {
  if (item === undefined) throw new SkuNotFound(sku);
  if (!item.sellable) throw new NotSellable(sku);
  const { productId, name, unitPrice } = item;
  return { sku, quantity, item: { productId, name, unitPrice } };
};

export const setLine = (lines: Lines, line: StoredLine): StoredLine[] => {
  if (lines.some(({ sku }) => sku === line.sku)) return lines.map((known) => (known.sku === line.sku ? line : known));
  if (lines.length >= MAX_LINES) throw new CartFull(MAX_LINES);
  return [...lines, line];
};

export const removeLine = (lines: Lines, removed: string): StoredLine[] => lines.filter(({ sku }) => sku !== removed);

/** Every line of both: quantities add up, what is new comes last. Refused rather than shortened. */
export const mergeLines = (into: Lines, from: Lines): StoredLine[] => {
  const arriving = new Map(from.map((line) => [line.sku, line.quantity]));
  const known = new Set(into.map(({ sku }) => sku));
  const merged = into.map((line) => ({
    ...line,
    quantity: Math.min(line.quantity + (arriving.get(line.sku) ?? 0), MAX_QUANTITY),
  }));
  const added = from.filter(({ sku }) => !known.has(sku));
  if (added.length > 0 && merged.length + added.length > MAX_MERGED_LINES) throw new CartFull(MAX_MERGED_LINES);
  return [...merged, ...added];
};

/** What is left when an order has taken its quantities out: also what was added after it was placed. */
export const subtractLines = (lines: Lines, ordered: readonly Quantity[]): StoredLine[] => {
  const taken = new Map<string, number>();
  for (const { sku, quantity } of ordered) taken.set(sku, (taken.get(sku) ?? 0) + quantity);
  return lines
    .map((line) => ({ ...line, quantity: line.quantity - (taken.get(line.sku) ?? 0) }))
    .filter(({ quantity }) => quantity > 0);
};

/** What other services say of the cart's SKUs now; undefined where one does not answer. */
export interface Present {
  items: readonly Item[] | undefined;
  stock: readonly Stock[] | undefined;
}

/** The cart with current names and prices. What is not for sale any more is shown as it was, not available, and not counted. */
export const viewOf = (lines: Lines, { items, stock }: Present, rules: PricingRules): Cart => {
  const bySku = new Map(items?.map((item) => [item.sku, item]));
  const availableOf = new Map(stock?.map(({ sku, available }) => [sku, available]));

  const view = lines.map(({ sku, quantity, item: snapshot }) => {
    const item = bySku.get(sku);
    const isGone = items !== undefined && item?.sellable !== true;
    const { productId, name, unitPrice } = isGone || item === undefined ? snapshot : item;
    const isInStock = stock === undefined || items === undefined ? null : (availableOf.get(sku) ?? 0) >= quantity;
    const available = isGone ? false : isInStock;
    const line: CartLine = { sku, productId, name, quantity, unitPrice, total: lineTotal({ quantity, unitPrice }), available };
    return { line, isGone };
  });
  return {
    lines: view.map(({ line }) => line),
    totals: totalsOf(
      view.filter(({ isGone }) => !isGone).map(({ line }) => line),
      rules,
    ),
  };
};
