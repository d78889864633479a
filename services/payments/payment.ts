import type { Customer, Viewer } from "@molecart/mixins/contracts/common.ts";
import type { Card, Payment, PaymentStatus } from "@molecart/mixins/contracts/payments.ts";
import type { Money } from "@molecart/mixins/lib/money.ts";

/** What has become of a charge. none: nothing was charged, and nothing will be. */
export type ChargeResult = { is: "succeeded"; chargeId: string; card: Card } | { is: "declined"; code: string } | { is: "none" };

/** What is known of an order's payment. The facts come in any order and stay; the status follows from them. */
export interface StoredPayment {
  id: string;
  orderId: string;
  status: PaymentStatus;
  /** Null until an event of the order has told it; so is the customer. */
  amount: Money | null;
  customer: Customer | null;
  /** There from `order.created` until it has served. */
  paymentToken: string | null;
  reserved: boolean;
  cancelRequested: boolean;
  cancelReason: string | null;
  /** When the provider was last asked to charge. It is asked for the outcome before it is asked to charge again. */
  chargeSentAt: string | null;
  charge: ChargeResult | null;
  /** The provider's, once the money is on its way back. */
  refundId: string | null;
  createdAt: string;
  updatedAt: string;
}

/** What payments can hear: from orders, from inventory and from the provider. */
export type News =
  | { type: "order.created"; amount: Money; customer: Customer; paymentToken: string }
  | { type: "stock.reserved" }
  | { type: "order.cancelled"; amount: Money; customer: Customer; reason: string }
  | { type: "charge.succeeded"; chargeId: string; card: Card }
  | { type: "charge.declined"; code: string }
  | { type: "charge.abandoned" }
  | { type: "refund.succeeded"; refundId: string };

type Facts = Omit<StoredPayment, "status">;

const isReady = ({ paymentToken, reserved }: Facts): boolean => paymentToken !== null && reserved;
const isCancelled = ({ cancelRequested }: Facts): boolean => cancelRequested;
const isCharged = ({ charge }: Facts): boolean => charge?.is === "succeeded";
const isDeclined = ({ charge }: Facts): boolean => charge?.is === "declined";
const isAbandoned = ({ charge }: Facts): boolean => charge?.is === "none";
const isRefunded = ({ refundId }: Facts): boolean => refundId !== null;

/** Where a payment goes from each status, and the fact that moves it; the first that holds. A cancellation that comes while the
 *  card is being charged moves nothing then, and the completed charge at once. */
export const transitions: Record<PaymentStatus, readonly { to: PaymentStatus; when(facts: Facts): boolean }[]> = {
  awaiting: [
    { to: "voided", when: isCancelled },
    { to: "charging", when: isReady },
  ],
  charging: [
    { to: "completed", when: isCharged },
    { to: "failed", when: isDeclined },
    { to: "voided", when: isAbandoned },
  ],
  completed: [{ to: "refunding", when: isCancelled }],
  refunding: [{ to: "refunded", when: isRefunded }],
  // A charge that comes to light after it was given up: it is booked, and refunded at once.
  voided: [{ to: "completed", when: isCharged }],
  failed: [],
  refunded: [],
};

export const newPayment = (id: string, orderId: string, at: string): StoredPayment => ({
  id,
  orderId,
  status: "awaiting",
  amount: null,
  customer: null,
  paymentToken: null,
  reserved: false,
  cancelRequested: false,
  cancelReason: null,
  chargeSentAt: null,
  charge: null,
  refundId: null,
  createdAt: at,
  updatedAt: at,
});

/** The provider's word on a charge is final, except that what was given up may have happened after all. */
const withCharge = (payment: StoredPayment, charge: ChargeResult): StoredPayment =>
  payment.charge === null || payment.charge.is === "none" ? { ...payment, charge } : payment;

const noted = (payment: StoredPayment, news: News): StoredPayment => {
  switch (news.type) {
    case "order.created":
      return { ...payment, amount: news.amount, customer: news.customer, paymentToken: news.paymentToken };
    case "stock.reserved":
      return { ...payment, reserved: true };
    case "order.cancelled":
      return {
        ...payment,
        amount: payment.amount ?? news.amount,
        customer: payment.customer ?? news.customer,
        cancelRequested: true,
        cancelReason: payment.cancelReason ?? news.reason,
      };
    case "charge.succeeded":
      return withCharge(payment, { is: "succeeded", chargeId: news.chargeId, card: news.card });
    case "charge.declined":
      return withCharge(payment, { is: "declined", code: news.code });
    case "charge.abandoned":
      return withCharge(payment, { is: "none" });
    case "refund.succeeded":
      return { ...payment, refundId: payment.refundId ?? news.refundId };
    default:
      return news satisfies never;
  }
};

const needsToken = (status: PaymentStatus): boolean => status === "awaiting" || status === "charging";

/** The payment as it is after the news, and the statuses that it has entered through it, in order. */
export const hear = (payment: StoredPayment, news: News): { payment: StoredPayment; entered: PaymentStatus[] } => {
  const facts = noted(payment, news);
  const entered: PaymentStatus[] = [];
  let { status } = payment;
  for (;;) {
    const transition = transitions[status].find(({ when }) => when(facts));
    if (transition === undefined) break;
    status = transition.to;
    entered.push(status);
  }
  return { payment: { ...facts, status, paymentToken: needsToken(status) ? facts.paymentToken : null }, entered };
};

/** A request that its sender has given up can still be under way; after this time it has arrived or never will. */
const MAX_UNDER_WAY_MS = 60_000;

/** Whether a charge may yet arrive at a provider that has not heard of it. */
export const mayStillArrive = (chargeSentAt: string | null, nowMs: number): boolean =>
  chargeSentAt !== null && nowMs - Date.parse(chargeSentAt) < MAX_UNDER_WAY_MS;

export const chargeKey = (paymentId: string): string => paymentId;

const REFUND = ":refund";
export const refundKey = (paymentId: string): string => `${paymentId}${REFUND}`;

/** The payment that an idempotency key of ours belongs to. */
export const paymentIdOf = (idempotencyKey: string): string =>
  idempotencyKey.endsWith(REFUND) ? idempotencyKey.slice(0, -REFUND.length) : idempotencyKey;

const isStaff = (viewer: Viewer): boolean => viewer.roles.some((role) => role === "staff" || role === "admin");

export const maySee = (viewer: Viewer, { customer }: Pick<StoredPayment, "customer">): boolean =>
  isStaff(viewer) || viewer.userId === customer?.id;

/** A payment as the contract shows it. */
export const toPayment = ({ id, orderId, status, amount, charge, createdAt, updatedAt }: StoredPayment): Payment => ({
  id,
  orderId,
  status,
  amount,
  refunded: status === "refunded" ? amount : null,
  card: charge?.is === "succeeded" ? charge.card : null,
  failureCode: charge?.is === "declined" ? charge.code : null,
  createdAt,
  updatedAt,
});
