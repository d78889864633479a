import type { Customer } from "@molecart/mixins/contracts/common.ts";
import type {
  Card,
  Payment,
  PaymentStatus,
  Refund,
  RefundStatus,
  SettlementMethod,
} from "@molecart/mixins/contracts/payments.ts";
import type { Money } from "@molecart/mixins/lib/money.ts";
import { NotRefundable, RefundNotRefused, RefundTooLarge } from "./payment.errors.ts";

/** What has become of a charge. none: nothing was charged, and nothing will be. */
export type ChargeResult = { is: "succeeded"; chargeId: string; card: Card } | { is: "declined"; code: string } | { is: "none" };

/** Of what was captured, a part is promised back (`refunding`) and a part has been paid back. Minor units. */
export interface Balance {
  captured: number;
  refunding: number;
  refunded: number;
}

/** What is known of an order's payment. The facts come in any order and stay; the status follows from them. */
export interface StoredPayment {
  id: string;
  orderId: string;
  status: PaymentStatus;
  /** Null until an event of the order has told it; so is the customer. */
  amount: Money | null;
  customer: Customer | null;
  /** The order's, as its customer knows it. */
  number: string | null;
  /** There from `order.created` until it has served. */
  paymentToken: string | null;
  reserved: boolean;
  cancelRequested: boolean;
  cancelReason: string | null;
  /** When the provider was last asked to charge. It is asked for the outcome before it is asked to charge again. */
  chargeSentAt: string | null;
  charge: ChargeResult | null;
  balance: Balance;
  createdAt: string;
  updatedAt: string;
}

/** Why money goes back: the order is cancelled, staff wishes it, or goods have come back. */
export type RefundCause = "cancellation" | "staff" | "return";

/** A part of the money that is promised back. */
export interface NewRefund {
  cause: RefundCause;
  /** The return's id; empty where the cause needs none. */
  causeId: string;
  amount: Money;
  reason: string;
}

export interface StoredRefund extends NewRefund {
  id: string;
  paymentId: string;
  orderId: string;
  status: RefundStatus;
  /** How often an operator has had it tried again: a job of an earlier round says nothing any more. */
  round: number;
  /** The round whose idempotency key is in use. */
  keyRound: number;
  /** When this round has begun. */
  triedSince: string;
  refusalCode: string | null;
  method: SettlementMethod | null;
  reference: string | null;
  createdAt: string;
}

/** Why a refund was given up that the provider has neither taken nor refused: it may have been taken. */
export const UNANSWERED = "UNANSWERED";

/** As many tries as a short outage brings. */
const FEWEST_TRIES = 10;

/** Whether a refund is given up that was tried so often, for so long. */
export const isGivenUp = (tries: number, triedForMs: number, giveUpMs: number): boolean =>
  tries >= FEWEST_TRIES && triedForMs >= giveUpMs;

/** The refund as it is tried again. What the provider has refused it would refuse again under the same key; what it may have
 *  taken must keep its key. */
export const nextRound = (refund: StoredRefund, at: string): StoredRefund => {
  const round = refund.round + 1;
  const keyRound = refund.refusalCode === UNANSWERED ? refund.keyRound : round;
  return { ...refund, status: "pending", round, keyRound, triedSince: at };
};

/** What becomes of an operator's wish. Throws RefundNotRefused. */
export const planRetry = ({ id, status }: Pick<StoredRefund, "id" | "status">): "retry" | "nothing to do" => {
  if (status === "refused") return "retry";
  if (status === "pending") return "nothing to do";
  throw new RefundNotRefused(id, status);
};

export interface Settlement {
  method: SettlementMethod;
  reference: string;
}

/** Throws RefundNotRefused. */
export const planSettlement = ({ id, status, method, reference }: StoredRefund, wish: Settlement): "settle" | "nothing to do" => {
  if (status === "refused") return "settle";
  if (status === "settled" && method === wish.method && reference === wish.reference) return "nothing to do";
  throw new RefundNotRefused(id, status);
};

/** What payments can hear: from orders, from inventory and from the provider. */
export type News =
  | { type: "order.created"; amount: Money; customer: Customer; number: string; paymentToken: string }
  | { type: "stock.reserved" }
  | { type: "order.cancelled"; amount: Money; customer: Customer; number: string; reason: string }
  | { type: "charge.succeeded"; chargeId: string; card: Card }
  | { type: "charge.declined"; code: string }
  | { type: "charge.abandoned" }
  /** Minor units, both. */
  | { type: "refund.promised"; amount: number }
  | { type: "refund.succeeded"; amount: number };

type Facts = Omit<StoredPayment, "status">;

const isReady = ({ paymentToken, reserved }: Facts): boolean => paymentToken !== null && reserved;
const isCancelled = ({ cancelRequested }: Facts): boolean => cancelRequested;
const isCharged = ({ charge }: Facts): boolean => charge?.is === "succeeded";
const isDeclined = ({ charge }: Facts): boolean => charge?.is === "declined";
const isAbandoned = ({ charge }: Facts): boolean => charge?.is === "none";
const isPromisedBack = ({ balance }: Facts): boolean => balance.captured > 0 && refundableOf(balance) === 0;
const isPaidBack = ({ balance }: Facts): boolean => balance.captured > 0 && balance.refunded === balance.captured;

/** What can still be promised back; minor units. */
export const refundableOf = ({ captured, refunding, refunded }: Balance): number => captured - refunding - refunded;

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
  // Refunds of parts move nothing until all of it is promised back.
  completed: [{ to: "refunding", when: isPromisedBack }],
  refunding: [{ to: "refunded", when: isPaidBack }],
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
  number: null,
  paymentToken: null,
  reserved: false,
  cancelRequested: false,
  cancelReason: null,
  chargeSentAt: null,
  charge: null,
  balance: { captured: 0, refunding: 0, refunded: 0 },
  createdAt: at,
  updatedAt: at,
});

/** The provider's word on a charge is final, except that what was given up may have happened after all. */
const withCharge = (payment: StoredPayment, charge: ChargeResult): StoredPayment =>
  payment.charge === null || payment.charge.is === "none" ? { ...payment, charge } : payment;

const noted = (payment: StoredPayment, news: News): StoredPayment => {
  switch (news.type) {
    case "order.created":
      return {
        ...payment,
        amount: news.amount,
        customer: news.customer,
        number: news.number,
        paymentToken: news.paymentToken,
      };
    case "stock.reserved":
      return { ...payment, reserved: true };
    case "order.cancelled":
      return {
        ...payment,
        amount: payment.amount ?? news.amount,
        customer: payment.customer ?? news.customer,
        number: payment.number ?? news.number,
        cancelRequested: true,
        cancelReason: payment.cancelReason ?? news.reason,
      };
    case "charge.succeeded":
      return withCharge(payment, { is: "succeeded", chargeId: news.chargeId, card: news.card });
    case "charge.declined":
      return withCharge(payment, { is: "declined", code: news.code });
    case "charge.abandoned":
      return withCharge(payment, { is: "none" });
    case "refund.promised":
      return { ...payment, balance: { ...payment.balance, refunding: payment.balance.refunding + news.amount } };
    case "refund.succeeded":
      return {
        ...payment,
        balance: {
          ...payment.balance,
          refunding: payment.balance.refunding - news.amount,
          refunded: payment.balance.refunded + news.amount,
        },
      };
    default:
      return news satisfies never;
  }
};

const needsToken = (status: PaymentStatus): boolean => status === "awaiting" || status === "charging";

/** Everything that has been captured and is not on its way back yet belongs to the customer of a cancelled order. */
const restOwed = ({ status, cancelRequested, cancelReason, amount, balance }: StoredPayment): NewRefund | undefined => {
  const rest = refundableOf(balance);
  if (status !== "completed" || !cancelRequested || rest === 0 || amount === null) return undefined;
  return {
    cause: "cancellation",
    causeId: "",
    amount: { amount: rest, currency: amount.currency },
    reason: cancelReason ?? "cancelled",
  };
};

const enter = (payment: StoredPayment, status: PaymentStatus): StoredPayment => ({
  ...payment,
  status,
  ...(status === "completed" && { balance: { ...payment.balance, captured: payment.amount?.amount ?? 0 } }),
});

export interface Hearing {
  payment: StoredPayment;
  /** The statuses that it has entered through the news, in order. */
  entered: PaymentStatus[];
  /** What is to be paid back because of it. The payment's balance knows of it already. */
  refund: NewRefund | undefined;
}

/** The payment as it is after the news, and what follows from them. */
export const hear = (before: StoredPayment, news: News): Hearing => {
  const entered: PaymentStatus[] = [];
  let payment = noted(before, news);
  let refund: NewRefund | undefined;
  for (;;) {
    const facts = payment;
    const to = transitions[facts.status].find(({ when }) => when(facts))?.to;
    const owed = to === undefined ? restOwed(facts) : undefined;
    if (to !== undefined) {
      payment = enter(payment, to);
      entered.push(to);
    } else if (owed !== undefined) {
      refund = owed;
      payment = noted(payment, { type: "refund.promised", amount: owed.amount.amount });
    } else break;
  }
  return { payment: { ...payment, paymentToken: needsToken(payment.status) ? payment.paymentToken : null }, entered, refund };
};

/** The amount that staff's wish means: all that is left, if it names none. Throws NotRefundable, RefundTooLarge. */
export const planRefund = ({ orderId, status, amount, balance }: StoredPayment, wish: Money | undefined): Money => {
  const left = refundableOf(balance);
  if (amount === null || left === 0) throw new NotRefundable(orderId, status);
  const refundable = { amount: left, currency: amount.currency };
  const wanted = wish ?? refundable;
  if (wanted.currency !== refundable.currency || wanted.amount > left || wanted.amount <= 0)
    throw new RefundTooLarge(wanted, refundable);
  return wanted;
};

/** The money of a return: what its goods were worth, or what is left where money was paid back before. */
export const capRefund = ({ balance }: StoredPayment, { amount, currency }: Money): Money => ({
  amount: Math.max(0, Math.min(amount, refundableOf(balance))),
  currency,
});

/** A request that its sender has given up can still be under way; after this time it has arrived or never will. */
const MAX_UNDER_WAY_MS = 60_000;

/** Whether a charge may yet arrive at a provider that has not heard of it. */
export const mayStillArrive = (chargeSentAt: string | null, nowMs: number): boolean =>
  chargeSentAt !== null && nowMs - Date.parse(chargeSentAt) < MAX_UNDER_WAY_MS;

export const chargeKey = (paymentId: string): string => paymentId;

const REFUND = ":refund:";
export const refundKey = ({ id, paymentId, keyRound }: Pick<StoredRefund, "id" | "paymentId" | "keyRound">): string =>
  `${paymentId}${REFUND}${id}${keyRound === 0 ? "" : `:${keyRound}`}`;

/** What an idempotency key of ours belongs to: a charge has no refund's id. */
export const ownerOf = (idempotencyKey: string): { paymentId: string; refundId: string | undefined } => {
  const [paymentId, refund] = idempotencyKey.split(REFUND) as [string, string?];
  return { paymentId, refundId: refund?.split(":", 1)[0] };
};

export const toRefund = ({ id, orderId, amount, reason, status, createdAt }: StoredRefund): Refund => ({
  id,
  orderId,
  amount,
  reason,
  status,
  createdAt,
});

/** A payment as the contract shows it. */
export const toPayment = (
  { id, orderId, status, amount, balance, charge, createdAt, updatedAt }: StoredPayment,
  refunds: readonly StoredRefund[],
): Payment => ({
  id,
  orderId,
  status,
  amount,
  refunded: amount === null || balance.refunded === 0 ? null : { amount: balance.refunded, currency: amount.currency },
  refunds: refunds.map(toRefund),
  card: charge?.is === "succeeded" ? charge.card : null,
  failureCode: charge?.is === "declined" ? charge.code : null,
  createdAt,
  updatedAt,
});

/** Money moves only for an order that has been heard of. */
export const ordered = ({ id, orderId, amount, customer, number, charge }: StoredPayment) => {
  if (amount === null || customer === null || number === null) throw new Error(`Payment ${id} has moved money without an order`);
  return { about: { orderId, number, paymentId: id, customer }, amount, charge };
};
