import type { Address, Customer, Totals } from "@molecart/mixins/contracts/common.ts";
import type { Order, OrderLine, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
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

export interface OrdersTables {
  orders: OrderTable;
  order_history: OrderHistoryTable;
  idempotency: IdempotencyTable;
}
