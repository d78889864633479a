import type { Cart, CartLine } from "@molecart/mixins/contracts/carts.ts";
import type { Stock } from "@molecart/mixins/contracts/inventory.ts";
import type { Item } from "@molecart/mixins/contracts/products.ts";
import { lineTotal, type PricingRules, totalsOf } from "@molecart/mixins/lib/pricing.ts";
import { CartFull, NotSellable, QuantityLimit, SkuNotFound, SoldOut } from "./cart.errors.ts";

/** Units that one write has brought into a line. */
export interface Addition {
  quantity: number;
  /** When: no write of the shop's carts has the same, a later one has a greater. */
  revision: number;
}

/** A line as it is kept. Name and price are those of when it was last set or added to: shown while the catalogue does not answer, and for
 *  what is not for sale any more. */
export interface StoredLine {
  sku: string;
  quantity: number;
  item: ItemSnapshot;
  /** Where the quantity comes from, oldest first. Their sum may be more than the line may hold: what is beyond counts as soon as
   *  an order has taken the older ones out. Absent where the line is older than this distinction. */
  added?: readonly Addition[];
}
export type ItemSnapshot = Pick<Item, "productId" | "name" | "unitPrice" | "taxClass">;

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
/** Of one line. Each merge brings one; beyond that the oldest are counted as one. */
export const MAX_ADDITIONS = 20;

const DAY_MS = 24 * 3_600_000;
/** How long the key of an addition is remembered. */
export const ADDITION_KEEP_MS = DAY_MS;
const GUEST_DAYS = 30;
const CUSTOMER_DAYS = 90;

export const cartOf = (userId: string): string => `user:${userId}`;

/** What is saved for later is kept as a cart of its own beside the cart. No cart's id begins so. */
export const savedOf = (cartId: string): string => `saved:${cartId}`;

/** How long a cart is kept after its last write. */
export const lifetimeMs = (cartId: string): number => (/^(saved:)?guest:/.test(cartId) ? GUEST_DAYS : CUSTOMER_DAYS) * DAY_MS;

/** The line for a SKU that the catalogue was asked for. */
export const lineOf = ({ sku, quantity }: Quantity, item: Item | undefined): StoredLine => {
  if (item === undefined) throw new SkuNotFound(sku);
  if (!item.sellable) throw new NotSellable(sku);
  const { productId, name, unitPrice, taxClass } = item;
  return { sku, quantity, item: { productId, name, unitPrice, ...(taxClass !== undefined && { taxClass }) } };
};

/** Refuses to begin with what is known to be sold out. What is in a cart already may stay there: stock comes back. */
export const checkInStock = (sku: string, stock: readonly Stock[] | undefined): void => {
  if (stock !== undefined && (stock.find((one) => one.sku === sku)?.available ?? 0) <= 0) throw new SoldOut(sku);
};

const additionsOf = ({ quantity, added }: StoredLine): readonly Addition[] => added ?? [{ quantity, revision: 0 }];

const sumOf = (added: readonly Addition[]): number => added.reduce((sum, { quantity }) => sum + quantity, 0);

const withAdditions = (line: StoredLine, added: readonly Addition[]): StoredLine => ({
  ...line,
  quantity: Math.min(sumOf(added), MAX_QUANTITY),
  added,
});

/** The two oldest as one, as new as the newer: an order between the two then leaves too much in the cart, never too little. */
const bounded = (added: readonly Addition[]): readonly Addition[] => {
  const [first, second, ...others] = added;
  if (added.length <= MAX_ADDITIONS || first === undefined || second === undefined) return added;
  return bounded([{ quantity: first.quantity + second.quantity, revision: second.revision }, ...others]);
};

/** A line as everybody else sees it. */
export const shown = ({ sku, quantity, item }: StoredLine): StoredLine => ({ sku, quantity, item });

/** The revision that an order is placed from when it takes these lines: of the last write that has brought something in. */
export const revisionOf = (lines: Lines): number =>
  Math.max(0, ...lines.flatMap((line) => additionsOf(line).map(({ revision }) => revision)));

/** Sets the quantity: whatever was there before is replaced. */
export const setLine = (lines: Lines, set: StoredLine, revision: number): StoredLine[] => {
  const line = withAdditions(set, [{ quantity: set.quantity, revision }]);
  if (lines.some(({ sku }) => sku === line.sku)) return lines.map((known) => (known.sku === line.sku ? line : known));
  if (lines.length >= MAX_LINES) throw new CartFull(MAX_LINES);
  return [...lines, line];
};

/** Adds to the quantity, or begins a line. Refused rather than shortened. The line remembers the name and price of now, which are
 *  those that the customer has seen. */
export const addLine = (lines: Lines, added: StoredLine, revision: number): StoredLine[] => {
  const { sku, quantity, item } = added;
  const known = lines.find((line) => line.sku === sku);
  if (known === undefined) return setLine(lines, added, revision);
  if (known.quantity + quantity > MAX_QUANTITY) throw new QuantityLimit(sku, known.quantity, MAX_QUANTITY);
  const line = withAdditions({ ...known, item }, bounded([...additionsOf(known), { quantity, revision }]));
  return lines.map((one) => (one.sku === sku ? line : one));
};

/** Moves a line to where it may be already: quantities add up to 99 at most, and the units are as new as this move. What is not there
 *  changes nothing. */
export const moveLine = (from: Lines, into: Lines, sku: string, revision: number): { from: Lines; into: Lines } => {
  const moving = from.find((line) => line.sku === sku);
  if (moving === undefined) return { from, into };
  if (into.length >= MAX_LINES && !into.some((line) => line.sku === sku)) throw new CartFull(MAX_LINES);
  return { from: removeLine(from, sku), into: mergeLines(into, [moving], revision) };
};

export const removeLine = (lines: Lines, removed: string): StoredLine[] => lines.filter(({ sku }) => sku !== removed);

/** Every line of both: quantities add up, what is new comes last. Refused rather than shortened. */
export const mergeLines = (into: Lines, from: Lines, revision: number): StoredLine[] => {
  const arriving = new Map(from.map(({ sku, quantity }) => [sku, { quantity, revision }]));
  const known = new Set(into.map(({ sku }) => sku));
  const merged = into.map((line) => {
    const addition = arriving.get(line.sku);
    return addition === undefined ? line : withAdditions(line, bounded([...additionsOf(line), addition]));
  });
  const added = from
    .filter(({ sku }) => !known.has(sku))
    .map((line) => withAdditions(line, [{ quantity: line.quantity, revision }]));
  if (added.length > 0 && merged.length + added.length > MAX_MERGED_LINES) throw new CartFull(MAX_MERGED_LINES);
  return [...merged, ...added];
};

/** The newest units of a line, so many. */
const newest = (line: StoredLine, quantity: number): Addition[] => {
  let left = quantity;
  const kept: Addition[] = [];
  for (const addition of additionsOf(line).toReversed()) {
    if (left <= 0) break;
    const taken = Math.min(left, addition.quantity);
    kept.unshift({ ...addition, quantity: taken });
    left -= taken;
  }
  return kept;
};

/** What is left when an order has taken its SKUs out: what was set or merged after `revision`, from which it was placed with all
 *  that was there. So the cart is as if the order had emptied it at once, however late it is heard of, and a repeat finds
 *  nothing. An order of an older sender says no revision: it takes its quantities, the oldest units first. */
export const subtractLines = (lines: Lines, ordered: readonly Quantity[], revision: number | undefined): StoredLine[] => {
  const taken = new Map<string, number>();
  for (const { sku, quantity } of ordered) taken.set(sku, (taken.get(sku) ?? 0) + quantity);
  return lines
    .map((line) => {
      const quantity = taken.get(line.sku);
      if (quantity === undefined) return line;
      const left =
        revision === undefined
          ? newest(line, line.quantity - quantity)
          : additionsOf(line).filter((addition) => addition.revision > revision);
      return withAdditions(line, left);
    })
    .filter(({ quantity }) => quantity > 0);
};

/** What other services say of the cart's SKUs now; undefined where one does not answer. */
export interface Present {
  items: readonly Item[] | undefined;
  stock: readonly Stock[] | undefined;
}

/** The reason why a line is not available; undefined where it is, or where nobody knows. */
const reasonOf = (
  quantity: number,
  item: Item | undefined,
  available: number,
  { items, stock }: Present,
): CartLine["unavailable"] => {
  if (items === undefined) return undefined;
  if (item === undefined) return "UNKNOWN";
  if (!item.sellable) return "NOT_FOR_SALE";
  if (stock === undefined || available >= quantity) return undefined;
  return available > 0 ? "TOO_FEW" : "SOLD_OUT";
};

const viewLine = ({ sku, quantity, item: snapshot }: StoredLine, item: Item | undefined, available: number, present: Present) => {
  const unavailable = reasonOf(quantity, item, available, present);
  const isGone = unavailable === "UNKNOWN" || unavailable === "NOT_FOR_SALE";
  const { productId, name, unitPrice, taxClass } = isGone || item === undefined ? snapshot : item;
  const isKnown = present.items !== undefined && present.stock !== undefined;
  const change = unitPrice.amount - snapshot.unitPrice.amount;
  const line: CartLine = {
    sku,
    productId,
    name,
    quantity,
    unitPrice,
    total: lineTotal({ quantity, unitPrice }),
    available: unavailable !== undefined ? false : isKnown ? true : null,
    ...(unavailable !== undefined && { unavailable }),
    ...(unavailable === "TOO_FEW" && { availableQuantity: available }),
    ...(change !== 0 && { priceWhenAdded: snapshot.unitPrice, priceChanged: change > 0 ? "raised" : "lowered" }),
  };
  return { line, isGone, taxClass };
};

/** The cart with current names and prices. What is not for sale any more is shown as it was, not available, and not counted. */
export const viewOf = (lines: Lines, saved: Lines, present: Present, rules: PricingRules): Cart => {
  const bySku = new Map(present.items?.map((item) => [item.sku, item]));
  const availableOf = new Map(present.stock?.map(({ sku, available }) => [sku, available]));
  const view = (line: StoredLine) => viewLine(line, bySku.get(line.sku), availableOf.get(line.sku) ?? 0, present);

  const viewed = lines.map(view);
  const counted = viewed.filter(({ isGone }) => !isGone).map(({ line, taxClass }) => ({ ...line, taxClass }));
  return {
    lines: viewed.map(({ line }) => line),
    saved: saved.map((one) => view(one).line),
    totals: totalsOf(counted, rules),
  };
};
