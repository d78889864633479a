import type { HistoryEntry, Order, OrderLine, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import type { Item } from "@molecart/mixins/contracts/products.ts";
import { equals, type Money } from "@molecart/mixins/lib/money.ts";
import { type LineTax, lineTotal, type PricingRules, price } from "@molecart/mixins/lib/pricing.ts";
import { CartEmpty, NotCancellable, NotSellable, TotalChanged } from "./order.errors.ts";

/** What can happen to an order. Most are events of other services; the rest are deadlines and wishes. */
export type Trigger =
  | "stock.reserved"
  | "stock.rejected"
  | "payment.completed"
  | "payment.failed"
  | "payment.refunded"
  | "payment.overdue"
  | "reservation.expired"
  | "cancellation.requested"
  | "parcel.stopped"
  | "shipment.dispatched"
  | "shipment.delivered";

/** The states that an order runs through when something happens to it in a state. What is not in the table has no effect: it
 *  is a repeat, or it comes too late, and then its sender undoes it when it hears of the cancellation.
 *
 *  Events of different services overtake each other: a payment implies the reservation that it was made for, a refund
 *  and a dispatch the payment, a delivery the dispatch. `payment.refunded` is a trigger only when all of the money is back. */
export const transitions: Record<OrderStatus, Partial<Record<Trigger, readonly OrderStatus[]>>> = {
  pending: {
    "stock.reserved": ["reserved"],
    "stock.rejected": ["cancelled"],
    "payment.completed": ["reserved", "paid", "confirmed"],
    "payment.refunded": ["reserved", "paid", "confirmed", "refunded"],
    "shipment.dispatched": ["reserved", "paid", "confirmed", "shipped"],
    "shipment.delivered": ["reserved", "paid", "confirmed", "shipped", "delivered"],
    "payment.failed": ["cancelled"],
    "payment.overdue": ["cancelled"],
    "reservation.expired": ["cancelled"],
    "cancellation.requested": ["cancelled"],
  },
  reserved: {
    "payment.completed": ["paid", "confirmed"],
    "payment.refunded": ["paid", "confirmed", "refunded"],
    "shipment.dispatched": ["paid", "confirmed", "shipped"],
    "shipment.delivered": ["paid", "confirmed", "shipped", "delivered"],
    "payment.failed": ["cancelled"],
    "payment.overdue": ["cancelled"],
    "reservation.expired": ["cancelled"],
    "cancellation.requested": ["cancelled"],
  },
  // Passed through within one transaction: a paid order is a confirmed one.
  paid: {},
  confirmed: {
    "parcel.stopped": ["cancelled"],
    "payment.refunded": ["refunded"],
    "shipment.dispatched": ["shipped"],
    "shipment.delivered": ["shipped", "delivered"],
  },
  shipped: { "shipment.delivered": ["delivered"], "payment.refunded": ["refunded"] },
  delivered: { "payment.refunded": ["refunded"] },
  cancelled: { "payment.refunded": ["refunded"] },
  // All the money went back while shipping was asked to stop the parcel: it has stopped, and the goods must hear of it.
  refunded: { "parcel.stopped": ["cancelled", "refunded"] },
};

/** The states to run through, in order; empty when there is nothing to do. */
export const next = (status: OrderStatus, trigger: Trigger): readonly OrderStatus[] => transitions[status][trigger] ?? [];

/** The states that an order passes through by itself. In all others it is at its end, or waits for people: a confirmed order for
 *  the warehouse, a shipped one for the carrier. */
export const unsettled: readonly OrderStatus[] = ["pending", "reserved", "paid"];

/** Whether nothing more is to come by itself. What was paid for a cancelled order is still to be paid back; a return, or a payment
 *  that completes after the cancellation, may add to an order that was settled. */
export const isSettled = (history: readonly Pick<HistoryEntry, "status">[]): boolean => {
  const status = history.at(-1)?.status;
  if (status === "cancelled") return !history.some((entry) => entry.status === "paid");
  return status === "delivered" || status === "refunded";
};

/** What the world is told when an order enters a state. */
export const announcements = { confirmed: "order.confirmed", cancelled: "order.cancelled" } as const satisfies Partial<
  Record<OrderStatus, string>
>;

/** How a wish to cancel is met: at once while nothing is packed; by asking shipping first while the parcel may be stopped. */
export type CancellationPlan = "cancel" | "stop parcel" | "nothing to do";

export const planCancellation = (order: Pick<Order, "number" | "status">): CancellationPlan => {
  switch (order.status) {
    case "pending":
    case "reserved":
      return "cancel";
    case "paid":
    case "confirmed":
      return "stop parcel";
    case "cancelled":
    case "refunded":
      return "nothing to do";
    case "shipped":
    case "delivered":
      throw new NotCancellable(order.number, order.status);
    default:
      return order.status satisfies never;
  }
};

export interface Quantity {
  sku: string;
  quantity: number;
}

/** A line of a cart as carts tell it. */
export interface CartedLine extends Quantity {
  /** Which units came in with which write. Absent where nobody knows. */
  added?: readonly { quantity: number; revision: number }[] | undefined;
}

/** What of a cart is in no order yet. Everything that was there when the last order took the cart is in that order, also while carts
 *  have not heard of it. Lines whose age nobody knows count as new. */
export const notYetOrdered = (lines: readonly CartedLine[], ordered: number | undefined): Quantity[] =>
  lines.flatMap(({ sku, quantity, added }) => {
    if (ordered === undefined || added === undefined) return [{ sku, quantity }];
    const units = added.filter(({ revision }) => revision > ordered).reduce((sum, addition) => sum + addition.quantity, 0);
    return units > 0 ? [{ sku, quantity: Math.min(units, quantity) }] : [];
  });

/** An order's lines and what they cost. */
export interface PricedOrder {
  lines: OrderLine[];
  totals: Order["totals"];
}

/** Prices the cart's lines by the catalogue, for a country; refuses an empty cart and what is not for sale. */
export const priceLines = (
  cart: readonly Quantity[],
  items: readonly Item[],
  rules: PricingRules,
  country: string,
): PricedOrder => {
  if (cart.length === 0) throw new CartEmpty();
  const bySku = new Map(items.map((item) => [item.sku, item]));
  const refused = cart.filter(({ sku }) => bySku.get(sku)?.sellable !== true).map(({ sku }) => sku);
  if (refused.length > 0) throw new NotSellable(refused);
  const lines = cart.map(({ sku, quantity }) => ({ quantity, item: bySku.get(sku) as Item }));
  const { totals, lines: taxes } = price(
    lines.map(({ quantity, item: { sku, unitPrice, taxClass } }) => ({ sku, quantity, unitPrice, taxClass })),
    rules,
    country,
  );
  return {
    totals,
    lines: lines.map(({ quantity, item: { sku, productId, name, unitPrice } }, index) => ({
      sku,
      productId,
      name,
      quantity,
      unitPrice,
      total: lineTotal({ quantity, unitPrice }),
      ...(taxes[index] as LineTax),
    })),
  };
};

export interface OrderRequest {
  paymentToken: string;
  shippingAddress: Order["shippingAddress"];
  expectedTotal?: Money | undefined;
  quoteId?: string | undefined;
}

export interface Placement {
  id: string;
  number: string;
  at: string;
}

/** A new order as it is accepted. The prices are the shop's; a total that the customer has not seen is refused. */
export const placeOrder = ({ lines, totals }: PricedOrder, request: OrderRequest, { id, number, at }: Placement): Order => {
  if (request.expectedTotal !== undefined && !equals(request.expectedTotal, totals.total)) {
    throw new TotalChanged(request.expectedTotal, totals.total);
  }
  return {
    id,
    number,
    status: "pending",
    lines,
    totals,
    shippingAddress: request.shippingAddress,
    history: [{ status: "pending", at }],
    createdAt: at,
  };
};
