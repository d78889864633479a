import { type Static, Type } from "typebox";
import { Customer, Exactly, Id, IdempotencyKey, Money, NoParams, Page, Paging, Time, Viewer } from "./common.ts";
import { contract } from "./contract.ts";
import { Actor } from "./operations.ts";

const STATUSES = ["awaiting", "charging", "completed", "failed", "voided", "refunding", "refunded"] as const;
export type PaymentStatus = (typeof STATUSES)[number];

export const Card = Exactly({ brand: Type.String(), last4: Type.String({ pattern: "^[0-9]{4}$" }) });
export type Card = Static<typeof Card>;

const Reason = Type.String({ minLength: 1, maxLength: 500 });

const REFUND_STATUSES = ["pending", "succeeded", "refused", "settled"] as const;
export type RefundStatus = (typeof REFUND_STATUSES)[number];

/** pending: promised, and on its way to the provider. succeeded: the provider has taken it, and it is booked. refused: the
 *  provider will not take it; an operator tries again or settles it. settled: paid back by other means, and booked. */
export const Refund = Exactly({
  id: Id,
  orderId: Id,
  amount: Money,
  reason: Type.String(),
  status: Type.Enum(REFUND_STATUSES),
  createdAt: Time,
});
export type Refund = Static<typeof Refund>;

/** How money goes back that the provider does not take. */
export const settlementMethods = ["bank_transfer", "cheque", "cash", "other"] as const;
export type SettlementMethod = (typeof settlementMethods)[number];
const SettlementMethod = Type.Enum(settlementMethods);

/** What has been done about a refund that the provider did not take. */
export const RefundStep = Exactly({
  at: Time,
  action: Type.Enum(["refused", "retried", "settled"]),
  /** Who: an operator, or `payments` itself. */
  actor: Type.String(),
  /** Why; of a refusal the provider's code. */
  reason: Type.String(),
});
export type RefundStep = Static<typeof RefundStep>;

/** A refund that the provider has refused, with its story. */
export const RefundCase = Exactly({
  ...Refund.properties,
  paymentId: Id,
  /** The provider's word, or UNANSWERED when it was given up without one. */
  code: Type.String(),
  /** How and with which reference it was paid back by other means; null until then. */
  method: Type.Union([SettlementMethod, Type.Null()]),
  reference: Type.Union([Type.String(), Type.Null()]),
  /** Oldest first. */
  steps: Type.Array(RefundStep),
});
export type RefundCase = Static<typeof RefundCase>;

export const Payment = Exactly({
  id: Id,
  orderId: Id,
  status: Type.Enum(STATUSES),
  amount: Type.Union([Money, Type.Null()]),
  /** What has been paid back so far; null while nothing has. */
  refunded: Type.Union([Money, Type.Null()]),
  /** Oldest first. */
  refunds: Type.Array(Refund),
  card: Type.Union([Card, Type.Null()]),
  failureCode: Type.Union([Type.String(), Type.Null()]),
  createdAt: Time,
  updatedAt: Time,
});
export type Payment = Static<typeof Payment>;

/** What the books here and the provider's do not agree on. */
const FINDINGS = ["charge_unknown", "charge_after_failure", "charge_stuck", "refund_stuck", "refund_refused"] as const;
export type FindingKind = (typeof FINDINGS)[number];
export const Finding = Exactly({
  paymentId: Id,
  orderId: Id,
  kind: Type.Enum(FINDINGS),
  detail: Type.String(),
  foundAt: Time,
  /** When the reconciliation has last seen it. */
  seenAt: Time,
});
export type Finding = Static<typeof Finding>;

/** What every event of a payment says of it. */
const PaymentEvent = { orderId: Id, number: Type.String(), paymentId: Id, customer: Customer };

/** On the payments listener, never on the mesh. */
export const NewToken = Exactly({
  number: Type.String({ pattern: "^[0-9 -]{12,24}$" }),
  expMonth: Type.Integer({ minimum: 1, maximum: 12 }),
  expYear: Type.Integer({ minimum: 2000, maximum: 2100 }),
  cvc: Type.String({ pattern: "^[0-9]{3,4}$" }),
});
export type NewToken = Static<typeof NewToken>;
export const Token = Exactly({ token: Type.String(), card: Card, expiresAt: Time });
export type Token = Static<typeof Token>;

export const payments = contract({
  name: "payments",
  version: 1,
  actions: {
    getByOrder: { params: Exactly({ orderId: Id, viewer: Viewer }), result: Payment, idempotent: true },
    /** Promises to pay back an amount, or all that is left, to staff. The same key and request answer the same refund. */
    refund: {
      params: Exactly({
        orderId: Id,
        viewer: Viewer,
        idempotencyKey: IdempotencyKey,
        amount: Type.Optional(Money),
        reason: Reason,
      }),
      result: Refund,
      idempotent: true,
    },
    /** Refunds that the provider has refused, oldest first: staff only, checked at the gateway. */
    listRefusedRefunds: {
      params: Exactly({
        /** refused: they wait for an operator. settled: he has paid them back by other means. */
        status: Type.Enum(["refused", "settled"], { default: "refused" }),
        ...Paging,
      }),
      result: Page(RefundCase),
      idempotent: true,
    },
    /** Asks the provider once more for a refund that it has refused. A repeat answers the same: staff only. */
    retryRefund: { params: Exactly({ refundId: Id, actor: Actor, reason: Reason }), result: Refund, idempotent: true },
    /** Notes that a refused refund was paid back by other means; books and announces it. A repeat with the same method and
     *  reference answers the same: staff only. */
    settleRefund: {
      params: Exactly({
        refundId: Id,
        actor: Actor,
        method: SettlementMethod,
        /** Of the transfer, for the books. */
        reference: Type.String({ minLength: 1, maxLength: 200 }),
        reason: Reason,
      }),
      result: Refund,
      idempotent: true,
    },
    /** What the reconciliation has found and nothing has settled yet: staff only, checked at the gateway. */
    findings: { params: NoParams, result: Exactly({ items: Type.Array(Finding) }), idempotent: true },
  },
  events: {
    "payment.completed": Type.Object({ ...PaymentEvent, amount: Money, card: Card }),
    "payment.failed": Type.Object({ ...PaymentEvent, code: Type.String() }),
    /** One refund of possibly several. */
    "payment.refunded": Type.Object({
      ...PaymentEvent,
      refundId: Id,
      amount: Money,
      /** With the refunds before it. */
      refundedTotal: Money,
      /** Everything that was captured has been paid back with it. */
      full: Type.Boolean(),
      reason: Type.String(),
      /** Present where it did not go back to the card. */
      method: Type.Optional(SettlementMethod),
    }),
    /** The provider will not take a refund: it will be paid back by other means. Said once for each refund. */
    "refund.refused": Type.Object({ ...PaymentEvent, refundId: Id, amount: Money, reason: Type.String(), code: Type.String() }),
    /** The money of a return is settled. `amount` is less than was asked for, or nothing, where it had been refunded before. */
    "return.refunded": Type.Object({ orderId: Id, returnId: Id, amount: Money }),
  },
  errors: {
    PAYMENT_NOT_FOUND: "No such payment, or it is somebody else's",
    NOT_REFUNDABLE: "Nothing of this payment can be refunded in its state",
    REFUND_TOO_LARGE: "More than what was captured and is not refunded, or being refunded, yet",
    REFUND_NOT_FOUND: "No such refund",
    REFUND_NOT_REFUSED: "The refund is not one that the provider has refused",
    INVALID_CURSOR: "The cursor does not belong to this list",
    IDEMPOTENCY_KEY_REUSED: "The Idempotency-Key was used with another request",
    INVALID_CARD: "The card's number, date or code is not valid",
    CARD_NOT_SUPPORTED: "The sandbox knows only its test cards",
    INVALID_SIGNATURE: "The webhook's signature is missing, wrong or too old",
    PROVIDER_NOT_FOUND: "No such payment provider",
    /** Of events, never of an answer. */
    NOT_CAPTURED_YET: "A return is to be refunded, but the payment is not captured here yet",
  },
  refusals: {
    getByOrder: { PAYMENT_NOT_FOUND: 404 },
    refund: { PAYMENT_NOT_FOUND: 404, NOT_REFUNDABLE: 409, REFUND_TOO_LARGE: 409, IDEMPOTENCY_KEY_REUSED: 422 },
    listRefusedRefunds: { INVALID_CURSOR: 400 },
    retryRefund: { REFUND_NOT_FOUND: 404, REFUND_NOT_REFUSED: 409 },
    settleRefund: { REFUND_NOT_FOUND: 404, REFUND_NOT_REFUSED: 409 },
    findings: {},
  },
  handles: ["order.created", "stock.reserved", "order.cancelled", "return.received"],
});
