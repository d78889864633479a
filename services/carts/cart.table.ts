import type { Json } from "@molecart/mixins/database/messaging.table.ts";
import type { StoredLine } from "./cart.ts";

/** A cart, or what is saved for later beside one. */
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

/** An addition that was made under a key: a repeat adds nothing. */
export interface CartAdditionTable {
  cart_id: string;
  key: string;
  /** What was asked for. */
  request: string;
  /** Milliseconds since the epoch, of the injected clock. */
  expires_at: number;
}

export interface CartsTables {
  cart_addition: CartAdditionTable;
  cart_revision: CartRevisionTable;
  cart: CartTable;
}
