import type { Customer } from "@molecart/mixins/contracts/common.ts";
import type {
  Card,
  FindingKind,
  PaymentStatus,
  Refund,
  RefundStatus,
  RefundStep,
  SettlementMethod,
} from "@molecart/mixins/contracts/payments.ts";
import type { Json } from "@molecart/mixins/database/messaging.table.ts";
import type { Generated } from "kysely";
import type { Account, Booking } from "./ledger.ts";
import type { ChargeResult, RefundCause } from "./payment.ts";
import type { SandboxTables } from "./sandbox.table.ts";

export interface PaymentTable {
  id: string;
  order_id: string;
  status: PaymentStatus;
  /** Minor units. */
  amount: number | null;
  currency: string | null;
  customer: Json<Customer> | null;
  number: string | null;
  payment_token: string | null;
  reserved: boolean;
  cancel_requested: boolean;
  cancel_reason: string | null;
  charge_sent_at: string | null;
  charge_result: ChargeResult["is"] | null;
  charge_id: string | null;
  card: Json<Card> | null;
  failure_code: string | null;
  /** Minor units; so are refunding and refunded. The table's checks keep their sum within it. */
  captured: number;
  refunding: number;
  refunded: number;
  /** When our word and the provider's were found to agree; null until then. */
  reconciled_at: string | null;
  created_at: string;
  updated_at: string;
}

export interface RefundTable {
  id: string;
  payment_id: string;
  order_id: string;
  cause: RefundCause;
  cause_id: string;
  amount: number;
  currency: string;
  reason: string;
  status: RefundStatus;
  /** The provider's, once it has taken the refund. */
  provider_refund_id: string | null;
  /** How often an operator has had it tried again. */
  round: Generated<number>;
  /** Of the round that has brought the idempotency key in use. */
  key_round: Generated<number>;
  /** When this round has begun; null from a broker of before, and then it is when the refund was promised. */
  tried_since: string | null;
  /** Of the last refusal. */
  refusal_code: string | null;
  /** How it was paid back by other means; so is the reference. */
  method: SettlementMethod | null;
  reference: string | null;
  created_at: string;
  updated_at: string;
}

/** What has been done about a refused refund: written once, never changed. */
export interface RefundStepTable {
  id: string;
  refund_id: string;
  action: RefundStep["action"];
  actor: string;
  reason: string;
  at: string;
}

/** The answer to a request for a refund, kept under the key of whoever asked. */
export interface RefundAnswerTable {
  user_id: string;
  key: string;
  request_hash: string;
  answer: Json<Refund>;
  created_at: string;
}

export interface ReconciliationFindingTable {
  payment_id: string;
  kind: FindingKind;
  detail: string;
  found_at: string;
  seen_at: string;
}

/** Double-entry: written once, never changed. */
export interface LedgerEntryTable {
  id: string;
  payment_id: string;
  order_id: string;
  kind: Booking;
  /** Ours; empty for a capture, because a unique key takes two nulls for different. */
  refund_id: string;
  account: Account;
  debit: number;
  credit: number;
  currency: string;
  at: string;
}

/** What providers have told us: the guard against doing it twice. */
export interface ProviderEventTable {
  provider: string;
  event_id: string;
  type: string;
  /** Null when the event is about nothing of ours. */
  payment_id: string | null;
  received_at: string;
}

export interface PaymentsTables extends SandboxTables {
  payment: PaymentTable;
  refund: RefundTable;
  refund_step: RefundStepTable;
  refund_answer: RefundAnswerTable;
  reconciliation_finding: ReconciliationFindingTable;
  ledger_entry: LedgerEntryTable;
  provider_event: ProviderEventTable;
}
