import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Insertable, Kysely, Selectable, Transaction } from "kysely";
import type { Booking, LedgerEntry } from "./ledger.ts";
import type { PaymentsTables, PaymentTable } from "./payment.table.ts";
import type { ChargeResult, StoredPayment } from "./payment.ts";

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
  paymentToken: row.payment_token,
  reserved: row.reserved,
  cancelRequested: row.cancel_requested,
  cancelReason: row.cancel_reason,
  chargeSentAt: row.charge_sent_at,
  charge: toCharge(row),
  refundId: row.refund_id,
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
  payment_token: payment.paymentToken,
  reserved: payment.reserved,
  cancel_requested: payment.cancelRequested,
  cancel_reason: payment.cancelReason,
  charge_sent_at: payment.chargeSentAt,
  charge_result: charge?.is ?? null,
  charge_id: charge?.is === "succeeded" ? charge.chargeId : null,
  card: charge?.is === "succeeded" ? JSON.stringify(charge.card) : null,
  failure_code: charge?.is === "declined" ? charge.code : null,
  refund_id: payment.refundId,
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

export const setPayment = async (trx: Trx, payment: StoredPayment, at: string): Promise<void> => {
  const { id, order_id, created_at, ...changes } = toRow(payment);
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
