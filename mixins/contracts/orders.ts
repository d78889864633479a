import { type Static, Type } from "typebox";
import {
  Address,
  CartRevision,
  Country,
  Customer,
  Exactly,
  Id,
  IdempotencyKey,
  Money,
  Page,
  Paging,
  Quantity,
  Sku,
  Time,
  Totals,
  Viewer,
} from "./common.ts";
import { contract } from "./contract.ts";

const STATUSES = ["pending", "reserved", "paid", "confirmed", "shipped", "delivered", "cancelled", "refunded"] as const;
export type OrderStatus = (typeof STATUSES)[number];
export const OrderStatus = Type.Enum(STATUSES);

export const OrderLine = Exactly({
  sku: Sku,
  productId: Id,
  name: Type.String(),
  quantity: Quantity,
  unitPrice: Money,
  total: Money,
  /** Beside `total`, or in it where the order's totals say that tax is included; its part of the shipping's tax is not in it.
   *  Orders of before do not say it. */
  tax: Type.Optional(Money),
  /** Basis points: 1900 is 19 %. */
  taxRate: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })),
});
export type OrderLine = Static<typeof OrderLine>;

export const HistoryEntry = Exactly({ status: OrderStatus, at: Time, reason: Type.Optional(Type.String()) });
export type HistoryEntry = Static<typeof HistoryEntry>;

/** An entry of an order's history with its place in it, which counts from 1. */
export const HistoryStep = Exactly({ seq: Type.Integer({ minimum: 1 }), ...HistoryEntry.properties });
export type HistoryStep = Static<typeof HistoryStep>;

export const Order = Exactly({
  id: Id,
  number: Type.String(),
  status: OrderStatus,
  lines: Type.Array(OrderLine),
  totals: Totals,
  shippingAddress: Address,
  history: Type.Array(HistoryEntry),
  createdAt: Time,
});
export type Order = Static<typeof Order>;

/** What the caller's cart costs, promised until it expires. */
export const Quote = Exactly({
  id: Id,
  country: Country,
  lines: Type.Array(OrderLine),
  totals: Totals,
  expiresAt: Time,
});
export type Quote = Static<typeof Quote>;

/** An order whose saga has not come to an end. */
export const StuckOrder = Exactly({
  orderId: Id,
  number: Type.String(),
  status: OrderStatus,
  /** When it has entered this status. */
  since: Time,
});
export type StuckOrder = Static<typeof StuckOrder>;

const Reason = Type.String({ minLength: 1, maxLength: 500 });

const RETURN_STATUSES = ["requested", "received", "refunded", "rejected"] as const;
export type ReturnStatus = (typeof RETURN_STATUSES)[number];

const ReturnedLine = Exactly({ sku: Sku, quantity: Quantity });

/** What has come back of a SKU: put back on the shelf, or written off. A SKU may have one line of each. */
export const ReceivedLine = Exactly({ sku: Sku, quantity: Quantity, restock: Type.Boolean() });
export type ReceivedLine = Static<typeof ReceivedLine>;

export const Return = Exactly({
  id: Id,
  orderId: Id,
  status: Type.Enum(RETURN_STATUSES),
  /** What the customer wants to send back. */
  lines: Type.Array(ReturnedLine),
  /** What has arrived; empty until it has. */
  received: Type.Array(ReceivedLine),
  reason: Type.String(),
  /** Null unless it is rejected. */
  rejection: Type.Union([Type.String(), Type.Null()]),
  /** What the received lines are worth; once refunded, what was paid back for them. Null until they are received. */
  refund: Type.Union([Money, Type.Null()]),
  createdAt: Time,
  updatedAt: Time,
});
export type Return = Static<typeof Return>;

/** What every event of a return says of it. */
const ReturnEvent = { orderId: Id, number: Type.String(), returnId: Id, customer: Customer };

const EventLine = Type.Object({
  sku: Sku,
  productId: Id,
  name: Type.String(),
  quantity: Quantity,
  unitPrice: Money,
  total: Money,
});
/** What every event of an order says of it. */
const OrderEvent = {
  orderId: Id,
  number: Type.String(),
  customer: Customer,
  lines: Type.Array(EventLine),
  totals: Totals,
};

export const orders = contract({
  name: "orders",
  version: 1,
  actions: {
    /** Places the customer's cart as an order. The same key and body answer the same order; the answer's commit is the acceptance. */
    create: {
      params: Exactly({
        customer: Customer,
        idempotencyKey: IdempotencyKey,
        paymentToken: Type.String({ minLength: 1, maxLength: 200 }),
        shippingAddress: Address,
        expectedTotal: Type.Optional(Money),
        /** Of the same cart and country: the order has its prices. */
        quoteId: Type.Optional(Id),
      }),
      result: Order,
      idempotent: true,
    },
    /** What the customer's cart costs when it is sent to a country. The prices are kept for an order that names the quote before
     *  it expires. */
    quote: { params: Exactly({ userId: Id, country: Country }), result: Quote },
    get: { params: Exactly({ orderId: Id, viewer: Viewer }), result: Order, idempotent: true },
    /** What has become of an order after a step of its history; `after: 0` is all of it. */
    progress: {
      params: Exactly({ orderId: Id, viewer: Viewer, after: Type.Integer({ minimum: 0, default: 0 }) }),
      result: Exactly({
        steps: Type.Array(HistoryStep),
        /** The last step of the whole history. */
        last: Type.Integer({ minimum: 1 }),
        status: OrderStatus,
        /** Nothing more is to come by itself: delivered, refunded, or cancelled without having been paid. */
        settled: Type.Boolean(),
      }),
      idempotent: true,
    },
    /** A customer's own orders, newest first. */
    list: { params: Exactly({ userId: Id, ...Paging }), result: Page(Order), idempotent: true },
    /** Every customer's orders, newest first: staff only, checked at the gateway. */
    listAll: { params: Exactly({ status: Type.Optional(OrderStatus), ...Paging }), result: Page(Order), idempotent: true },
    /** Orders that have been on their way to being confirmed or cancelled for longer, oldest first: staff only, checked at the
     *  gateway. */
    listStuck: {
      params: Exactly({ olderThanMinutes: Type.Integer({ minimum: 0, maximum: 525_600, default: 15 }), ...Paging }),
      result: Page(StuckOrder),
      idempotent: true,
    },
    /** Asks for the cancellation. Cancelled at once until confirmed; afterwards as soon as shipping has stopped the parcel. */
    cancel: { params: Exactly({ orderId: Id, viewer: Viewer, reason: Reason }), result: Order, idempotent: true },
    /** Announces that something of a shipped order will be sent back. The same key and request answer the same return. */
    requestReturn: {
      params: Exactly({
        orderId: Id,
        viewer: Viewer,
        idempotencyKey: IdempotencyKey,
        lines: Type.Array(ReturnedLine, { minItems: 1, maxItems: 200 }),
        reason: Reason,
      }),
      result: Return,
      idempotent: true,
    },
    /** The returns of an order, oldest first. */
    listReturns: {
      params: Exactly({ orderId: Id, viewer: Viewer }),
      result: Exactly({ items: Type.Array(Return) }),
      idempotent: true,
    },
    /** Notes what has arrived and what becomes of it; its refund follows. A repeat with the same lines answers the same. */
    receiveReturn: {
      params: Exactly({ returnId: Id, lines: Type.Array(ReceivedLine, { minItems: 1, maxItems: 400 }) }),
      result: Return,
      idempotent: true,
    },
    /** Refuses a return that was requested. A repeat answers the same. */
    rejectReturn: { params: Exactly({ returnId: Id, reason: Reason }), result: Return, idempotent: true },
  },
  events: {
    "order.created": Type.Object({
      ...OrderEvent,
      shippingAddress: Address,
      paymentToken: Type.String(),
      /** What the cart held when the order took it: what came in later is not the order's. Older senders do not say it. */
      cartRevision: Type.Optional(CartRevision),
    }),
    "order.confirmed": Type.Object({ ...OrderEvent, shippingAddress: Address }),
    "order.cancelled": Type.Object({ ...OrderEvent, reason: Type.String() }),
    "return.received": Type.Object({
      ...ReturnEvent,
      lines: Type.Array(Type.Object({ sku: Sku, quantity: Quantity, restock: Type.Boolean() })),
      refundAmount: Money,
    }),
    "return.rejected": Type.Object({ ...ReturnEvent, reason: Type.String() }),
  },
  hints: {
    /** Its history has grown. */
    "order.changed": Type.Object({ orderId: Id }),
  },
  errors: {
    ORDER_NOT_FOUND: "No such order, or it is somebody else's",
    CART_EMPTY: "There is nothing in the cart",
    NOT_SELLABLE: "A product in the cart is not for sale any more",
    TOTAL_CHANGED: "The total is not the expected one: prices have changed",
    CART_ALREADY_ORDERED: "Everything in the cart is in an order that was just placed",
    CART_ORDERED_MEANWHILE: "Other orders of this cart were accepted at the same moment, again and again; a repeat may succeed",
    QUOTE_NOT_FOUND: "No such quote, or it is somebody else's, or long expired",
    QUOTE_EXPIRED: "The quote's time is over",
    QUOTE_CHANGED: "The cart is not the quoted one any more",
    QUOTE_USED: "The quote is in an order already",
    QUOTE_COUNTRY_DIFFERS: "The quote is for another country than the parcel's",
    IDEMPOTENCY_KEY_REUSED: "The Idempotency-Key was used with another request",
    NOT_CANCELLABLE: "The order cannot be cancelled in its state",
    NOT_RETURNABLE: "Nothing can be returned of an order that has not been shipped",
    RETURN_TOO_LARGE: "More than what was bought and not returned yet, or than the return is about",
    RETURN_NOT_FOUND: "No such return",
    RETURN_CLOSED: "The return is received or rejected already",
    INVALID_CURSOR: "The cursor does not belong to this list",
  },
  refusals: {
    create: {
      CART_EMPTY: 409,
      CART_ALREADY_ORDERED: 409,
      CART_ORDERED_MEANWHILE: 409,
      NOT_SELLABLE: 409,
      TOTAL_CHANGED: 409,
      QUOTE_NOT_FOUND: 404,
      QUOTE_EXPIRED: 409,
      QUOTE_CHANGED: 409,
      QUOTE_USED: 409,
      QUOTE_COUNTRY_DIFFERS: 409,
      IDEMPOTENCY_KEY_REUSED: 422,
    },
    quote: { CART_EMPTY: 409, CART_ALREADY_ORDERED: 409, NOT_SELLABLE: 409 },
    get: { ORDER_NOT_FOUND: 404 },
    progress: { ORDER_NOT_FOUND: 404 },
    list: { INVALID_CURSOR: 400 },
    listAll: { INVALID_CURSOR: 400 },
    listStuck: { INVALID_CURSOR: 400 },
    cancel: { ORDER_NOT_FOUND: 404, NOT_CANCELLABLE: 409 },
    requestReturn: { ORDER_NOT_FOUND: 404, NOT_RETURNABLE: 409, RETURN_TOO_LARGE: 409, IDEMPOTENCY_KEY_REUSED: 422 },
    listReturns: { ORDER_NOT_FOUND: 404 },
    receiveReturn: { RETURN_NOT_FOUND: 404, RETURN_CLOSED: 409, RETURN_TOO_LARGE: 409 },
    rejectReturn: { RETURN_NOT_FOUND: 404, RETURN_CLOSED: 409 },
  },
  handles: [
    "stock.reserved",
    "stock.rejected",
    "payment.completed",
    "payment.failed",
    "payment.refunded",
    "return.refunded",
    "reservation.expired",
    "shipment.dispatched",
    "shipment.delivered",
  ],
});
