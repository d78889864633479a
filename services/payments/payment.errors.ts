import type { PaymentStatus, RefundStatus } from "@molecart/mixins/contracts/payments.ts";
import { NotYet, Refusal } from "@molecart/mixins/lib/errors.ts";
import { format, type Money } from "@molecart/mixins/lib/money.ts";
import type { FieldProblem } from "./card.ts";

export class PaymentNotFound extends Refusal {
  constructor(orderId: string) {
    super("PAYMENT_NOT_FOUND", 404, `There is no payment for order ${orderId}`);
  }
}

/** Nothing was captured, or all of it is paid or promised back. */
export class NotRefundable extends Refusal {
  constructor(orderId: string, status: PaymentStatus) {
    super("NOT_REFUNDABLE", 409, `The payment of order ${orderId} is ${status}: nothing of it can be refunded`, { status });
  }
}

export class RefundTooLarge extends Refusal {
  constructor(requested: Money, refundable: Money) {
    super("REFUND_TOO_LARGE", 409, `${format(requested)} cannot be refunded, but at most ${format(refundable)}`, {
      requested,
      refundable,
    });
  }
}

export class RefundNotFound extends Refusal {
  constructor(refundId: string) {
    super("REFUND_NOT_FOUND", 404, `There is no refund ${refundId}`);
  }
}

/** Nothing is for an operator to decide about it. */
export class RefundNotRefused extends Refusal {
  constructor(refundId: string, status: RefundStatus) {
    super("REFUND_NOT_REFUSED", 409, `Refund ${refundId} is ${status}, not refused`, { status });
  }
}

/** The provider's word, never an answer of ours: it will not take this refund, however often it is asked. */
export class RefundRefused extends Refusal {
  readonly reason: string;
  constructor(reason: string) {
    super("REFUND_REFUSED", 409, `The provider refuses the refund: ${reason}`, { reason });
    this.reason = reason;
  }
}

export class IdempotencyKeyReused extends Refusal {
  constructor(key: string) {
    super("IDEMPOTENCY_KEY_REUSED", 422, `The Idempotency-Key ${key} was used with another request`);
  }
}

/** Goods of an order have come back whose payment has not been captured here: its events have overtaken each other. */
export class NotCapturedYet extends NotYet {
  constructor(orderId: string) {
    super("NOT_CAPTURED_YET", 409, `A return of order ${orderId} is to be refunded, but its payment is not captured here yet`);
  }
}

export class InvalidCard extends Refusal {
  constructor(problems: readonly FieldProblem[]) {
    super("INVALID_CARD", 422, "The card is not valid", problems);
  }
}

export class CardNotSupported extends Refusal {
  constructor() {
    super("CARD_NOT_SUPPORTED", 422, "The sandbox knows only its test cards", [
      { path: "number", message: "is not a test card" },
    ]);
  }
}

export class InvalidSignature extends Refusal {
  constructor() {
    super("INVALID_SIGNATURE", 401, "The signature is missing, wrong or too old");
  }
}

export class ProviderNotFound extends Refusal {
  constructor() {
    super("PROVIDER_NOT_FOUND", 404, "There is no such payment provider");
  }
}

/** The provider knows the charge and has not decided yet. */
export class ChargePending extends NotYet {
  constructor(paymentId: string) {
    super("CHARGE_PENDING", 409, `The provider has not decided on payment ${paymentId} yet`);
  }
}

/** The order is cancelled, and a charge that was sent may still arrive at the provider. */
export class ChargeUnsettled extends NotYet {
  constructor(paymentId: string) {
    super("CHARGE_UNSETTLED", 409, `The provider has not heard of the charge of payment ${paymentId}, but still may`);
  }
}
