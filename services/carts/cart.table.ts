import type { Json } from "@molecart/mixins/database/messaging.table.ts";
import type { StoredLine } from "./cart.ts";

export interface CartTable {
  id: string;
  /** In the order of their first addition. */
  lines: Json<StoredLine[]>;
  /** Milliseconds since the epoch, of the injected clock. */
  expires_at: number;
}

/** One row. */
export interface CartRevisionTable {
  id: number;
  /** Of the last write that has brought something into any cart. */
  last: number;
}

export interface CartsTables {
  cart_revision: CartRevisionTable;
  cart: CartTable;
}
