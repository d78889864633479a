import type { Json } from "@molecart/mixins/database/messaging.table.ts";
import type { StoredLine } from "./cart.ts";

export interface CartTable {
  id: string;
  /** In the order of their first addition. */
  lines: Json<StoredLine[]>;
  /** Milliseconds since the epoch, of the injected clock. */
  expires_at: number;
}

export interface CartsTables {
  cart: CartTable;
}
