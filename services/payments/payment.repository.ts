import type { Refund, RefundCase, RefundStep } from "@molecart/mixins/contracts/payments.ts";
import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Insertable, type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { Booking, LedgerEntry } from "./ledger.ts";
import type { PaymentsTables, PaymentTable, RefundTable } from "./payment.table.ts";
import { type ChargeResult, type Settlement, type StoredPayment, type StoredRefund, toRefund } from "./payment.ts";

export type Tables = PaymentsTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

const toCharge = ({ charge_result, charge_id, card, failure_code }: Selectable<PaymentTable>): ChargeResult | null => {
  switch (charge_result) {
    case "succeeded":
      return { is: "succeeded", chargeId: charge_id as string, card: card as NonNullable<typeof card> };
    case "declined":
      return { is: "declined", code: failure_code as string };
    case "none":
      return { is: "none" };
    case null:
      return null;
    default:
      return charge_result satisfies never;
  }
};

const toStored = (row: Selectable<PaymentTable>): StoredPayment => ({
  id: row.id,
  orderId: row.order_id,
  status: row.status,
  amount: row.amount === null ? null : { amount: row.amount, currency: row.currency as string },
  customer: row.customer,
  number: row.number,
  paymentToken: row.payment_token,
  reserved: row.reserved,
  cancelRequested: row.cancel_requested,
  cancelReason: row.cancel_reason,
  chargeSentAt: row.charge_sent_at,
  charge: toCharge(row),
  balance: { captured: row.captured, refunding: row.refunding, refunded: row.refunded },
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toRow = ({ charge, ...payment }: StoredPayment): Insertable<PaymentTable> => ({
  id: payment.id,
  order_id: payment.orderId,
  status: payment.status,
  amount: payment.amount?.amount ?? null,
  currency: payment.amount?.currency ?? null,
  customer: payment.customer && JSON.stringify(payment.customer),
  number: payment.number,
  payment_token: payment.paymentToken,
  reserved: payment.reserved,
  cancel_requested: payment.cancelRequested,
  cancel_reason: payment.cancelReason,
  charge_sent_at: payment.chargeSentAt,
  charge_result: charge?.is ?? null,
  charge_id: charge?.is === "succeeded" ? charge.chargeId : null,
  card: charge?.is === "succeeded" ? JSON.stringify(charge.card) : null,
  failure_code: charge?.is === "declined" ? charge.code : null,
  captured: payment.balance.captured,
  refunding: payment.balance.refunding,
  refunded: payment.balance.refunded,
  reconciled_at: null,
  created_at: payment.createdAt,
  updated_at: payment.updatedAt,
});

/** Does nothing when the order has a payment already; waits for another transaction that is just making it. */
export const insertPayment = async (trx: Trx, payment: StoredPayment): Promise<void> => {
  await trx
    .insertInto("payment")
    .values(toRow(payment))
    .onConflict((conflict) => conflict.column("order_id").doNothing())
    .execute();
};

export const findPaymentOf = async (db: Db, orderId: string): Promise<StoredPayment | undefined> => {
  const row = await db.selectFrom("payment").selectAll().where("order_id", "=", orderId).executeTakeFirst();
  return row && toStored(row);
};

export const findPayments = async (
  db: Db,
  { after, quietSince, limit }: { after: string; quietSince: string; limit: number },
): Promise<StoredPayment[]> => {
  const rows = await db
    .selectFrom("payment")
    .selectAll()
    .where("reconciled_at", "is", null)
    .where("status", "<>", "awaiting")
    .where("updated_at", "<", quietSince)
    .where("id", ">", after)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(toStored);
};

export const findOrderIdOf = async (db: Db, paymentId: string): Promise<string | undefined> =>
  (await db.selectFrom("payment").select("order_id").where("id", "=", paymentId).executeTakeFirst())?.order_id;

/** Holds the payment until the transaction ends: nothing else can happen to it meanwhile. */
export const lockPaymentOf = async (trx: Trx, orderId: string): Promise<StoredPayment | undefined> => {
  const row = await trx
    .selectFrom("payment")
    .selectAll()
    .where("order_id", "=", orderId)
    .$call(forUpdate(trx))
    .executeTakeFirst();
  return row && toStored(row);
};

/** Writes all but the sums of its refunds, which only the statements below change. */
export const setPayment = async (trx: Trx, payment: StoredPayment, at: string): Promise<void> => {
  const { id, order_id, created_at, refunding, refunded, reconciled_at, ...changes } = toRow(payment);
  await trx
    .updateTable("payment")
    .set({ ...changes, updated_at: at })
    .where("id", "=", id)
    .execute();
};

/** Notes that the provider is asked to charge now. Answers false, and then nothing may be sent, when the order has been
 *  cancelled or the outcome is known already: one statement, so no cancellation can slip in between. */
export const setChargeSent = async (db: Db, paymentId: string, at: string): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable("payment")
    .set({ charge_sent_at: at })
    .where("id", "=", paymentId)
    .where("status", "=", "charging")
    .where("cancel_requested", "=", false)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

/** Promises a part of what was captured back. Answers false, and promises nothing, when less is left. */
export const setRefunding = async (trx: Trx, paymentId: string, amount: number): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("payment")
    .set({ refunding: sql`refunding + ${amount}` })
    .where("id", "=", paymentId)
    .where(sql<number>`captured - refunding - refunded`, ">=", amount)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

/** What was promised has been paid back. */
export const setRefunded = async (trx: Trx, paymentId: string, amount: number): Promise<void> => {
  await trx
    .updateTable("payment")
    .set({ refunding: sql`refunding - ${amount}`, refunded: sql`refunded + ${amount}` })
    .where("id", "=", paymentId)
    .executeTakeFirstOrThrow();
};

const toStoredRefund = (row: Selectable<RefundTable>): StoredRefund => ({
  id: row.id,
  paymentId: row.payment_id,
  orderId: row.order_id,
  cause: row.cause,
  causeId: row.cause_id,
  amount: { amount: row.amount, currency: row.currency },
  reason: row.reason,
  status: row.status,
  round: row.round,
  keyRound: row.key_round,
  triedSince: row.tried_since ?? row.created_at,
  refusalCode: row.refusal_code,
  method: row.method,
  reference: row.reference,
  createdAt: row.created_at,
});

export const insertRefund = async (trx: Trx, refund: StoredRefund): Promise<void> => {
  await trx
    .insertInto("refund")
    .values({
      id: refund.id,
      payment_id: refund.paymentId,
      order_id: refund.orderId,
      cause: refund.cause,
      cause_id: refund.causeId,
      amount: refund.amount.amount,
      currency: refund.amount.currency,
      reason: refund.reason,
      status: refund.status,
      provider_refund_id: null,
      tried_since: refund.triedSince,
      created_at: refund.createdAt,
      updated_at: refund.createdAt,
    })
    .execute();
};

export const findRefund = async (db: Db, refundId: string): Promise<StoredRefund | undefined> => {
  const row = await db.selectFrom("refund").selectAll().where("id", "=", refundId).executeTakeFirst();
  return row && toStoredRefund(row);
};

/** Oldest first: ids grow with time. */
export const findRefundsOf = async (db: Db, orderId: string): Promise<StoredRefund[]> => {
  const rows = await db.selectFrom("refund").selectAll().where("order_id", "=", orderId).orderBy("id").execute();
  return rows.map(toStoredRefund);
};

/** Those that were promised before and are not taken by the provider yet, oldest first. */
export const findPendingRefunds = async (db: Db, before: string, limit: number): Promise<StoredRefund[]> => {
  const rows = await db
    .selectFrom("refund")
    .selectAll()
    .where("status", "=", "pending")
    .where("created_at", "<", before)
    .orderBy("created_at")
    .limit(limit)
    .execute();
  return rows.map(toStoredRefund);
};

/** Answers false when it has been settled before. Also one that was refused: the provider may have thought better of it. */
export const setRefundSucceeded = async (trx: Trx, refundId: string, providerRefundId: string, at: string): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("refund")
    .set({ status: "succeeded", provider_refund_id: providerRefundId, updated_at: at })
    .where("id", "=", refundId)
    .where("status", "in", ["pending", "refused"])
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

/** Answers false when it is not under way in this round any more. */
export const setRefundRefused = async (
  trx: Trx,
  { id, round }: Pick<StoredRefund, "id" | "round">,
  code: string,
  at: string,
): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("refund")
    .set({ status: "refused", refusal_code: code, updated_at: at })
    .where("id", "=", id)
    .where("round", "=", round)
    .where("status", "=", "pending")
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

/** Puts a refused refund on its way again, in the round that it says. */
export const setRefundPending = async (
  trx: Trx,
  { id, round, keyRound, triedSince }: Pick<StoredRefund, "id" | "round" | "keyRound" | "triedSince">,
): Promise<void> => {
  await trx
    .updateTable("refund")
    .set({ status: "pending", round, key_round: keyRound, tried_since: triedSince, updated_at: triedSince })
    .where("id", "=", id)
    .where("status", "=", "refused")
    .executeTakeFirstOrThrow();
};

/** Answers false when it is not refused any more. */
export const setRefundSettled = async (
  trx: Trx,
  refundId: string,
  { method, reference }: Settlement,
  at: string,
): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("refund")
    .set({ status: "settled", method, reference, updated_at: at })
    .where("id", "=", refundId)
    .where("status", "=", "refused")
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

export const insertRefundStep = async (trx: Trx, refundId: string, step: RefundStep): Promise<void> => {
  await trx
    .insertInto("refund_step")
    .values({ id: newId(), refund_id: refundId, ...step })
    .execute();
};

/** Oldest first. */
export const findRefundCases = async (
  db: Db,
  { status, after, limit }: { status: "refused" | "settled"; after: string | undefined; limit: number },
): Promise<RefundCase[]> => {
  const rows = await db
    .selectFrom("refund")
    .selectAll()
    .where("status", "=", status)
    .$if(after !== undefined, (query) => query.where("id", ">", after as string))
    .orderBy("id")
    .limit(limit)
    .execute();
  const ids = rows.map(({ id }) => id);
  const steps =
    ids.length === 0 ? [] : await db.selectFrom("refund_step").selectAll().where("refund_id", "in", ids).orderBy("id").execute();
  return rows.map((row) => ({
    ...toRefund(toStoredRefund(row)),
    paymentId: row.payment_id,
    code: row.refusal_code as string,
    method: row.method,
    reference: row.reference,
    steps: steps
      .filter(({ refund_id }) => refund_id === row.id)
      .map(({ at, action, actor, reason }) => ({ at, action, actor, reason })),
  }));
};

export interface RefundAnswer {
  requestHash: string;
  answer: Refund;
}

export const findRefundAnswer = async (db: Db, userId: string, key: string): Promise<RefundAnswer | undefined> => {
  const row = await db
    .selectFrom("refund_answer")
    .selectAll()
    .where("user_id", "=", userId)
    .where("key", "=", key)
    .executeTakeFirst();
  return row && { requestHash: row.request_hash, answer: row.answer };
};

/** Answers false when the key has an answer already; waits for another transaction that is just giving it one. */
export const insertRefundAnswer = async (
  trx: Trx,
  userId: string,
  key: string,
  { requestHash, answer }: RefundAnswer,
): Promise<boolean> => {
  const inserted = await trx
    .insertInto("refund_answer")
    .values({
      user_id: userId,
      key,
      request_hash: requestHash,
      answer: JSON.stringify(answer),
      created_at: answer.createdAt,
    })
    .onConflict((conflict) => conflict.columns(["user_id", "key"]).doNothing())
    .returning("key")
    .executeTakeFirst();
  return inserted !== undefined;
};

/** The unique key on payment, kind, refund and account makes a second booking of the same money impossible. */
export const insertEntries = async (
  trx: Trx,
  { id, orderId }: Pick<StoredPayment, "id" | "orderId">,
  booking: { kind: Booking; refundId: string | null; entries: readonly LedgerEntry[] },
  at: string,
): Promise<void> => {
  await trx
    .insertInto("ledger_entry")
    .values(
      booking.entries.map((entry) => ({
        id: newId(),
        payment_id: id,
        order_id: orderId,
        kind: booking.kind,
        refund_id: booking.refundId ?? "",
        ...entry,
        at,
      })),
    )
    .execute();
};

/** Answers false when the provider has told us before. A copy that comes at the same moment waits here for the first. */
export const insertProviderEvent = async (
  trx: Trx,
  event: { provider: string; id: string; type: string; paymentId: string | null },
  at: string,
): Promise<boolean> => {
  const inserted = await trx
    .insertInto("provider_event")
    .values({ provider: event.provider, event_id: event.id, type: event.type, payment_id: event.paymentId, received_at: at })
    .onConflict((conflict) => conflict.columns(["provider", "event_id"]).doNothing())
    .returning("event_id")
    .executeTakeFirst();
  return inserted !== undefined;
};
