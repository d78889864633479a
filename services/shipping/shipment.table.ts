import type { Address, Customer } from "@molecart/mixins/contracts/common.ts";
import type { Shipment, ShipmentStatus } from "@molecart/mixins/contracts/shipping.ts";
import type { Json } from "@molecart/mixins/database/messaging.table.ts";

export interface ShipmentTable {
  id: string;
  order_id: string;
  status: ShipmentStatus;
  /** Null, like customer, lines and address, in the tombstone of an order that was cancelled before it was confirmed. */
  number: string | null;
  customer: Json<Customer> | null;
  lines: Json<Shipment["lines"]> | null;
  address: Json<Address> | null;
  carrier: string | null;
  tracking_number: string | null;
  created_at: string;
  updated_at: string;
}

export interface ShipmentHistoryTable {
  shipment_id: string;
  /** Counts from 1 within the shipment. */
  seq: number;
  status: ShipmentStatus;
  at: string;
}

export interface ShippingTables {
  shipment: ShipmentTable;
  shipment_history: ShipmentHistoryTable;
}
