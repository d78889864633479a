import { type Static, Type } from "typebox";
import { Customer, Exactly, Id, Money, Time, Viewer } from "./common.ts";
import { contract } from "./contract.ts";

const STATUSES = ["awaiting", "charging", "completed", "failed", "voided", "refunding", "refunded"] as const;
export type PaymentStatus = (typeof STATUSES)[number];

export const Card = Exactly({ brand: Type.String(), last4: Type.String({ pattern: "^[0-9]{4}$" }) });
export type Card = Static<typeof Card>;

export const Payment = Exactly({
  id: Id,
  orderId: Id,
  status: Type.Enum(STATUSES),
  amount: Type.Union([Money, Type.Null()]),
  refunded: Type.Union([Money, Type.Null()]),
  card: Type.Union([Card, Type.Null()]),
  failureCode: Type.Union([Type.String(), Type.Null()]),
  createdAt: Time,
  updatedAt: Time,
});
export type Payment = Static<typeof Payment>;

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
  },
  events: {
    "payment.completed": Type.Object({ orderId: Id, paymentId: Id, amount: Money, card: Card, customer: Customer }),
    "payment.failed": Type.Object({ orderId: Id, paymentId: Id, code: Type.String(), customer: Customer }),
    "payment.refunded": Type.Object({
      orderId: Id,
      paymentId: Id,
      refundId: Id,
      amount: Money,
      customer: Customer,
      reason: Type.String(),
    }),
  },
  errors: {
    PAYMENT_NOT_FOUND: "No such payment, or it is somebody else's",
    INVALID_CARD: "The card's number, date or code is not valid",
    CARD_NOT_SUPPORTED: "The sandbox knows only its test cards",
    INVALID_SIGNATURE: "The webhook's signature is missing, wrong or too old",
    PROVIDER_NOT_FOUND: "No such payment provider",
  },
});
