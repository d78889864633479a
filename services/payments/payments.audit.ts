import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import type { PaymentsFacts, ProviderFacts } from "@molecart/mixins/verify/facts.ts";
import { readMessaging } from "@molecart/mixins/verify/messaging-facts.ts";
import type { Kysely } from "kysely";
import type { PaymentsTables } from "./payment.table.ts";

type Tables = PaymentsTables & MessagingTables;

const readPayments = async (db: Kysely<Tables>): Promise<PaymentsFacts["payments"]> => {
  const rows = await db.selectFrom("payment").select(["id", "order_id", "status", "amount", "currency"]).orderBy("id").execute();
  return rows.map(({ id, order_id, status, amount, currency }) => ({
    id,
    orderId: order_id,
    status,
    amount: amount === null || currency === null ? null : { amount, currency },
  }));
};

const readRefunds = (db: Kysely<Tables>): Promise<PaymentsFacts["refunds"]> =>
  db
    .selectFrom("refund")
    .select(["id", "payment_id as paymentId", "order_id as orderId", "status", "cause", "cause_id as causeId"])
    .select(["amount", "currency", "refusal_code as code", "updated_at as updatedAt"])
    .orderBy("id")
    .execute();

const readLedger = (db: Kysely<Tables>): Promise<PaymentsFacts["ledger"]> =>
  db
    .selectFrom("ledger_entry")
    .select(["id", "payment_id as paymentId", "order_id as orderId", "kind", "refund_id as refundId", "account"])
    .select(["debit", "credit", "currency"])
    .orderBy("id")
    .execute();

/** Every idempotency key of ours begins with the payment's id, also one that should not be there. */
const paymentIdIn = (key: string): string => key.split(":", 1)[0] as string;

/** The sandbox's own tables: what a real provider would be asked for over its API. */
const readSandbox = async (db: Kysely<Tables>): Promise<ProviderFacts> => {
  const charges = await db
    .selectFrom("sandbox_charge")
    .select(["idempotency_key", "charge_id", "amount", "currency", "status"])
    .orderBy("idempotency_key")
    .execute();
  return {
    charges: charges.map(({ idempotency_key, charge_id, amount, currency, status }) => ({
      chargeId: charge_id,
      paymentId: paymentIdIn(idempotency_key),
      amount,
      currency,
      succeeded: status === "succeeded",
    })),
    refunds: await db
      .selectFrom("sandbox_refund")
      .select(["refund_id as refundId", "charge_id as chargeId", "amount", "currency"])
      .orderBy("idempotency_key")
      .execute(),
  };
};

const audit: Auditor = (stores) =>
  stores.sql<Tables, Awaited<ReturnType<Auditor>>>("payments", async (db) => ({
    messaging: await readMessaging(db),
    payments: {
      payments: await readPayments(db),
      refunds: await readRefunds(db),
      ledger: await readLedger(db),
      provider: await readSandbox(db),
    },
  }));

export default audit;
