import type { Order, OrderLine, OrderStatus, ReceivedLine, Return, ReturnStatus } from "@molecart/mixins/contracts/orders.ts";
import { type Money, money } from "@molecart/mixins/lib/money.ts";
import { type Excess, NotReturnable, ReturnClosed, ReturnTooLarge } from "./order.errors.ts";
import type { Quantity } from "./order.ts";

/** What can happen to a return. */
export type Trigger = "receive" | "reject" | "settle";

/** What is not in the table cannot happen. */
export const transitions: Record<ReturnStatus, Partial<Record<Trigger, ReturnStatus>>> = {
  requested: { receive: "received", reject: "rejected" },
  received: { settle: "refunded" },
  refunded: {},
  rejected: {},
};

/** An order's returns as its lines see them. */
export type Claim = Pick<Return, "status" | "lines" | "received">;

const SHIPPED: readonly OrderStatus[] = ["shipped", "delivered"];

const unitsOf = (lines: readonly Quantity[]): Map<string, number> => {
  const units = new Map<string, number>();
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity);
  return units;
};

/** What a return takes of its order: what was announced, and, once it is here, what has arrived. */
const claimed = ({ status, lines, received }: Claim): readonly Quantity[] => {
  switch (status) {
    case "requested":
      return lines;
    case "received":
    case "refunded":
      return received;
    case "rejected":
      return [];
    default:
      return status satisfies never;
  }
};

/** The units of each SKU that are not in a return yet. */
export const returnable = (order: Pick<Order, "lines">, returns: readonly Claim[]): Map<string, number> => {
  const left = unitsOf(order.lines);
  for (const { sku, quantity } of returns.flatMap(claimed)) left.set(sku, (left.get(sku) ?? 0) - quantity);
  return left;
};

const excessesOf = (wanted: readonly Quantity[], left: ReadonlyMap<string, number>): Excess[] =>
  [...unitsOf(wanted)]
    .map(([sku, requested]) => ({ sku, requested, returnable: left.get(sku) ?? 0 }))
    .filter((line) => line.requested > line.returnable);

/** The lines of a new return, one per SKU. Throws NotReturnable, ReturnTooLarge. */
export const planReturn = (
  order: Pick<Order, "number" | "status" | "lines">,
  returns: readonly Claim[],
  wanted: readonly Quantity[],
): Return["lines"] => {
  if (!SHIPPED.includes(order.status)) throw new NotReturnable(order.number, order.status);
  const excesses = excessesOf(wanted, returnable(order, returns));
  if (excesses.length > 0) throw new ReturnTooLarge(excesses);
  return [...unitsOf(wanted)].map(([sku, quantity]) => ({ sku, quantity }));
};

const sameUnits = (one: readonly ReceivedLine[], other: readonly ReceivedLine[]): boolean => {
  const keyed = (lines: readonly ReceivedLine[]) =>
    unitsOf(lines.map(({ sku, quantity, restock }) => ({ sku: `${sku} ${restock}`, quantity })));
  const [left, right] = [keyed(one), keyed(other)];
  return left.size === right.size && [...left].every(([key, quantity]) => right.get(key) === quantity);
};

/** What becomes of the news that goods have arrived: nothing, when they are the same as before. Less may arrive than was
 *  announced; the rest can be returned another time. Throws ReturnClosed, ReturnTooLarge. */
export const planReceipt = (
  { id, status, lines, received }: Claim & Pick<Return, "id">,
  arrived: readonly ReceivedLine[],
): "receive" | "nothing to do" => {
  if (transitions[status].receive === undefined) {
    if (status !== "rejected" && sameUnits(received, arrived)) return "nothing to do";
    throw new ReturnClosed(id, status);
  }
  const excesses = excessesOf(arrived, unitsOf(lines));
  if (excesses.length > 0) throw new ReturnTooLarge(excesses);
  return "receive";
};

/** Throws ReturnClosed. */
export const planRejection = ({ id, status }: Pick<Return, "id" | "status">): "reject" | "nothing to do" => {
  if (status === "rejected") return "nothing to do";
  if (transitions[status].reject === undefined) throw new ReturnClosed(id, status);
  return "reject";
};

/** Rounded down. The product may be beyond what a number holds exactly. */
const share = (amount: number, part: number, whole: number): number =>
  whole === 0 ? 0 : Number((BigInt(amount) * BigInt(part)) / BigInt(whole));

/** The items' price of these units. An order has one price per SKU. */
const priceOf = (lines: readonly OrderLine[], units: readonly Quantity[]): number => {
  const prices = new Map(lines.map(({ sku, unitPrice }) => [sku, unitPrice.amount]));
  return units.reduce((sum, { sku, quantity }) => sum + (prices.get(sku) ?? 0) * quantity, 0);
};

/** The part of their lines' tax that these units have, where their lines say it. */
const taxOf = (lines: readonly OrderLine[], units: readonly Quantity[]): number => {
  const counts = unitsOf(units);
  return lines.reduce((sum, { sku, quantity, tax }) => sum + share(tax?.amount ?? 0, counts.get(sku) ?? 0, quantity), 0);
};

/** What units of an order are worth with their part of the tax. Shipping and its tax stay with the shop. */
const worth = ({ lines, totals }: Pick<Order, "lines" | "totals">, units: readonly Quantity[]): number => {
  const price = priceOf(lines, units);
  if (totals.taxIncluded === true) return price;
  // Orders of before had one rate for everything.
  return lines.some(({ tax }) => tax !== undefined)
    ? price + taxOf(lines, units)
    : price + share(totals.tax.amount, price, totals.items.amount + totals.shipping.amount);
};

/** The refund for units that have arrived: what all that has ever arrived is worth, less what it was worth before. So the
 *  roundings of many small returns never add up to more, or less, than one return of everything. */
export const refundFor = (
  order: Pick<Order, "lines" | "totals">,
  before: readonly Claim[],
  arrived: readonly Quantity[],
): Money => {
  const earlier = before
    .filter(({ status }) => status === "received" || status === "refunded")
    .flatMap(({ received }) => received);
  return money(worth(order, [...earlier, ...arrived]) - worth(order, earlier), order.totals.total.currency);
};
