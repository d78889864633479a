import type { Address, Customer, Totals } from "@molecart/mixins/contracts/common.ts";
import type { Order, OrderLine, OrderStatus, ReceivedLine, Return, ReturnStatus } from "@molecart/mixins/contracts/orders.ts";
import type { Json } from "@molecart/mixins/database/messaging.table.ts";

export interface OrderTable {
  id: string;
  number: string;
  user_id: string;
  customer: Json<Customer>;
  status: OrderStatus;
  lines: Json<OrderLine[]>;
  totals: Json<Totals>;
  shipping_address: Json<Address>;
  created_at: string;
  updated_at: string;
}

export interface OrderHistoryTable {
  order_id: string;
  /** Counts from 1 within the order. */
  seq: number;
  status: OrderStatus;
  at: string;
  reason: string | null;
}

/** The answer to a request, kept under the customer's key: a repeat gets it again. */
export interface IdempotencyTable {
  user_id: string;
  key: string;
  request_hash: string;
  answer: Json<Order>;
  created_at: string;
}

export interface ReturnRequestTable {
  id: string;
  order_id: string;
  /** With the order's id: a repeated request meets the return that is there. */
  idempotency_key: string;
  request_hash: string;
  status: ReturnStatus;
  lines: Json<Return["lines"]>;
  /** Empty until they have arrived. */
  received: Json<ReceivedLine[]>;
  reason: string;
  rejection: string | null;
  /** Minor units; null until the lines have arrived. */
  refund: number | null;
  currency: string;
  created_at: string;
  updated_at: string;
}

/** What a cart costs, promised until it expires. */
export interface QuoteTable {
  id: string;
  user_id: string;
  country: string;
  lines: Json<OrderLine[]>;
  totals: Json<Totals>;
  created_at: string;
  expires_at: string;
  /** The order that has its prices: one at most. */
  order_id: string | null;
}

/** How far a customer's cart is ordered. Carts hear of an order later. */
export interface OrderedCartTable {
  user_id: string;
  /** Of the cart when the last order took it: what came in with it or before is ordered. */
  revision: number;
  /** The last order. */
  order_id: string;
}

export interface OrdersTables {
  quote: QuoteTable;
  ordered_cart: OrderedCartTable;
  return_request: ReturnRequestTable;
  orders: OrderTable;
  order_history: OrderHistoryTable;
  idempotency: IdempotencyTable;
}
