import type { Line, StockChange } from "./stock.ts";

/** held: the units are kept for the order. expiring: its time is over, the units stay kept until orders decides.
 *  committed: they are sold. released: they are free again, or were never held. */
export type ReservationStatus = "held" | "expiring" | "committed" | "released";

export type ReleaseCause = "stock.rejected" | "payment.failed" | "order.cancelled";

export interface Reservation {
  orderId: string;
  status: ReservationStatus;
  /** Null unless it is released. */
  releasedBy: ReleaseCause | null;
  /** Null when nothing was ever held. */
  expiresAt: string | null;
  /** One per SKU. */
  lines: Line[];
}

/** What can happen to a reservation: events of other services, and its own deadline. */
export type Trigger = "order.confirmed" | "order.cancelled" | "payment.failed" | "reservation.overdue";

/** What is done to the units that an order holds. On hand and sold together never change: no unit appears or vanishes. */
export const settlements = {
  commit: { status: "committed", perUnit: { onHand: -1, reserved: -1, sold: 1 } },
  release: { status: "released", perUnit: { onHand: 0, reserved: -1, sold: 0 } },
  "give back": { status: "released", perUnit: { onHand: 1, reserved: 0, sold: -1 } },
} as const satisfies Record<string, { status: ReservationStatus; perUnit: StockChange }>;
export type Settlement = keyof typeof settlements;

/** remember: a tombstone, so that an `order.created` that comes later reserves nothing. close: it is released already; now it
 *  is also final. wait: what must come before has not come yet. refuse: must not happen, and is shown to an operator. */
export type Step = Settlement | "expire" | "remember" | "close" | "wait" | "refuse" | "nothing";

type State = ReservationStatus | "unknown" | "cancelled";

/** A cancelled order is never confirmed afterwards, so a confirmation that comes after the cancellation was overtaken by it and
 *  is history. After another release it is a contradiction. */
export const steps: Record<State, Record<Trigger, Step>> = {
  unknown: {
    "order.confirmed": "wait",
    "order.cancelled": "remember",
    "payment.failed": "remember",
    "reservation.overdue": "nothing",
  },
  held: {
    "order.confirmed": "commit",
    "order.cancelled": "release",
    "payment.failed": "release",
    "reservation.overdue": "expire",
  },
  expiring: {
    "order.confirmed": "commit",
    "order.cancelled": "release",
    "payment.failed": "release",
    "reservation.overdue": "nothing",
  },
  committed: {
    "order.confirmed": "nothing",
    "order.cancelled": "give back",
    "payment.failed": "nothing",
    "reservation.overdue": "nothing",
  },
  released: {
    "order.confirmed": "refuse",
    "order.cancelled": "close",
    "payment.failed": "nothing",
    "reservation.overdue": "nothing",
  },
  cancelled: {
    "order.confirmed": "nothing",
    "order.cancelled": "nothing",
    "payment.failed": "nothing",
    "reservation.overdue": "nothing",
  },
};

const stateOf = (reservation: Reservation | undefined): State => {
  if (reservation === undefined) return "unknown";
  return reservation.releasedBy === "order.cancelled" ? "cancelled" : reservation.status;
};

export const nextStep = (reservation: Reservation | undefined, trigger: Trigger): Step => steps[stateOf(reservation)][trigger];

/** Why a reservation is released when this happens; null when that releases nothing. */
export const causeOf = (trigger: Trigger): ReleaseCause | null =>
  trigger === "order.cancelled" || trigger === "payment.failed" ? trigger : null;

/** The memory of an order whose end was heard of before its beginning. */
export const tombstone = (orderId: string, releasedBy: ReleaseCause | null): Reservation => ({
  orderId,
  status: "released",
  releasedBy,
  expiresAt: null,
  lines: [],
});
