import type { Json } from "@molecart/mixins/database/messaging.table.ts";
import type { Generated } from "kysely";
import type { ReleaseCause, ReservationStatus } from "./reservation.ts";
import type { Line, MovementKind } from "./stock.ts";

export interface StockTable {
  sku: string;
  on_hand: number;
  /** Of those on hand, kept for orders that are not confirmed yet. */
  reserved: number;
  /** Has left, or is to leave, with confirmed orders. */
  sold: number;
  /** Turns between sold out and in stock. */
  availability_version: Generated<number>;
}

/** Every change of `on_hand`, so that the figures can be proved. */
export interface StockMovementTable {
  id: string;
  sku: string;
  kind: MovementKind;
  /** The change of `on_hand`. */
  quantity: number;
  order_id: string | null;
  at: string;
}

export interface ReservationTable {
  order_id: string;
  status: ReservationStatus;
  released_by: ReleaseCause | null;
  expires_at: string | null;
  lines: Json<Line[]>;
  created_at: string;
  updated_at: string;
}

export interface InventoryTables {
  stock: StockTable;
  stock_movement: StockMovementTable;
  reservation: ReservationTable;
}
