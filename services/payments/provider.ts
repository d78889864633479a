import type { Card } from "@molecart/mixins/contracts/payments.ts";
import type { Money } from "@molecart/mixins/lib/money.ts";

/** The one answer that a charge ends with, and `pending` until then. */
export type ChargeOutcome =
  | { status: "succeeded"; chargeId: string; card: Card }
  | { status: "declined"; code: string }
  | { status: "pending" };

export interface ChargeRequest {
  idempotencyKey: string;
  amount: Money;
  token: string;
}

export interface RefundRequest {
  idempotencyKey: string;
  chargeId: string;
  amount: Money;
}

export type RefundOutcome = { status: "succeeded"; refundId: string } | { status: "refused"; code: string };

/** What a provider tells us unasked. `nothing` is what we have no use for; it is noted and answered all the same. */
export type ProviderEvent = { id: string; type: string } & (
  | { about: "charge"; idempotencyKey: string; outcome: ChargeOutcome }
  | { about: "refund"; idempotencyKey: string; outcome: RefundOutcome }
  | { about: "nothing" }
);

export type WebhookHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A payment provider as payments needs it. Every call may reject when the provider is out of reach or `signal` ends it, and a
 *  call that was rejected may have happened nevertheless.
 *
 *  idempotency key   made by us; the provider does a thing once per key and answers a repeat with what it did. */
export interface PaymentProvider {
  /** As in `/webhooks/{name}`. */
  readonly name: string;
  /** A token that is unknown, expired or spent for another key is declined with `invalid_token`. */
  charge(request: ChargeRequest, signal: AbortSignal): Promise<ChargeOutcome>;
  /** What has become of a charge; undefined when the provider has not heard of it. */
  find(idempotencyKey: string, signal: AbortSignal): Promise<ChargeOutcome | undefined>;
  /** Rejects with `RefundRefused`, or any other refusal, when it will not take the refund however often it is asked. */
  refund(request: RefundRequest, signal: AbortSignal): Promise<{ refundId: string }>;
  /** Throws `InvalidSignature` unless the provider has sent this just now. */
  verifyWebhook(body: Buffer, headers: WebhookHeaders): ProviderEvent;
}
