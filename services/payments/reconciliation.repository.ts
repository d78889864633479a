import type { Finding, PaymentStatus } from "@molecart/mixins/contracts/payments.ts";
import type { Kysely, Transaction } from "kysely";
import type { Tables } from "./payment.repository.ts";

type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

/** Oldest first. */
export const findFindings = async (db: Db): Promise<Finding[]> => {
  const rows = await db
    .selectFrom("reconciliation_finding as f")
    .innerJoin("payment as p", "p.id", "f.payment_id")
    .select(["f.payment_id", "p.order_id", "f.kind", "f.detail", "f.found_at", "f.seen_at"])
    .orderBy("f.found_at")
    .limit(1_000)
    .execute();
  return rows.map((row) => ({
    paymentId: row.payment_id,
    orderId: row.order_id,
    kind: row.kind,
    detail: row.detail,
    foundAt: row.found_at,
    seenAt: row.seen_at,
  }));
};

export const setFinding = async (
  trx: Trx,
  { paymentId, kind, detail }: Pick<Finding, "paymentId" | "kind" | "detail">,
  at: string,
): Promise<void> => {
  await trx
    .insertInto("reconciliation_finding")
    .values({ payment_id: paymentId, kind, detail, found_at: at, seen_at: at })
    .onConflict((conflict) => conflict.columns(["payment_id", "kind"]).doUpdateSet({ detail, seen_at: at }))
    .execute();
};

/** What was found about the charge of a payment is settled. */
export const deleteFindings = async (trx: Trx, paymentId: string): Promise<void> => {
  await trx
    .deleteFrom("reconciliation_finding")
    .where("payment_id", "=", paymentId)
    .where("kind", "not in", ["refund_stuck", "refund_refused"])
    .execute();
};

/** What was found about refunds that are not so any more: of one payment, or of all. */
export const deleteSettledRefundFindings = async (trx: Trx, paymentId?: string): Promise<void> => {
  for (const [kind, status] of [
    ["refund_stuck", "pending"],
    ["refund_refused", "refused"],
  ] as const) {
    await trx
      .deleteFrom("reconciliation_finding as f")
      .where("f.kind", "=", kind)
      .$if(paymentId !== undefined, (query) => query.where("f.payment_id", "=", paymentId as string))
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("refund as r").select("r.id").whereRef("r.payment_id", "=", "f.payment_id").where("r.status", "=", status),
          ),
        ),
      )
      .execute();
  }
};

/** Not asked about again, unless something has happened to it since it was looked at. */
export const setReconciled = async (trx: Trx, paymentId: string, status: PaymentStatus, at: string): Promise<void> => {
  await trx.updateTable("payment").set({ reconciled_at: at }).where("id", "=", paymentId).where("status", "=", status).execute();
};
