import type { Invariant } from "../invariant.ts";
import { acceptedOrders } from "./accepted-orders.ts";
import { carts } from "./carts.ts";
import { catalogue } from "./catalogue.ts";
import { charges } from "./charges.ts";
import { deadLetters } from "./dead-letters.ts";
import { deadlines } from "./deadlines.ts";
import { deliveries } from "./deliveries.ts";
import { ledger } from "./ledger.ts";
import { notifications } from "./notifications.ts";
import { orderStates } from "./order-states.ts";
import { outboxes } from "./outboxes.ts";
import { refunds } from "./refunds.ts";
import { reservations } from "./reservations.ts";
import { returns } from "./returns.ts";
import { shipments } from "./shipments.ts";
import { stock } from "./stock.ts";

/** The promise, line by line. */
export const invariants: readonly Invariant[] = [
  acceptedOrders,
  orderStates,
  reservations,
  stock,
  charges,
  refunds,
  returns,
  ledger,
  shipments,
  outboxes,
  deliveries,
  deadLetters,
  notifications,
  deadlines,
  catalogue,
  carts,
];
