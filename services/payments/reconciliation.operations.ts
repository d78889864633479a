import type { Finding } from "@molecart/mixins/contracts/payments.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import { ask, type PaymentDesk, type PaymentsWork } from "./payment.desk.ts";
import { newsOf, react, scheduleCharge } from "./payment.operations.ts";
import { findPayments, findPendingRefunds } from "./payment.repository.ts";
import { chargeKey, type StoredPayment, type StoredRefund } from "./payment.ts";
import type { ChargeOutcome } from "./provider.ts";
import { deleteFindings, deleteSettledRefundFindings, setFinding, setReconciled } from "./reconciliation.repository.ts";
import { type Comparison, compare, isStuck, QUIET_MS, STUCK_MS } from "./reconciliation.ts";
import { scheduleRefund } from "./refund.operations.ts";

export interface ReconciliationDesk extends PaymentDesk {
  transaction<T>(run: (work: PaymentsWork) => Promise<T>): Promise<T>;
  intervalMs: number;
  log: { warn(message: string, detail: object): void };
}

/** Where the round goes on: after this payment's id; from the first one when it is empty. */
type RoundJob = Job<PaymentsWork, { after: string }>;

const KIND = "reconcile";
/** Payments of one job. Each is one question to the provider. */
const PAGE = 50;

/** The one job of its kind; scheduling it again has no effect while it is there. */
export const scheduleRound = (work: PaymentsWork, dueAt: number, after = ""): Promise<void> =>
  work.schedule({ id: KIND, kind: KIND, aggregateId: KIND, dueAt, data: { after } });

/** Compares what is booked here with what the provider says. Takes over what it knows better, and notes what only a person
 *  can settle. Every effect is one that a repeat does not change. */
export const reconcile = async (desk: ReconciliationDesk, job: RoundJob): Promise<void> => {
  const { database, clock } = desk;
  const now = clock.now();
  const { after } = job.data;
  if (after === "") await pushRefunds(desk, now);
  const payments = await findPayments(database.db, { after, quietSince: isoTime(now - QUIET_MS), limit: PAGE });
  for (const payment of payments) await examine(desk, payment, now);
  await job.complete((work) => {
    const last = payments.at(-1);
    return payments.length === PAGE && last !== undefined
      ? scheduleRound(work, clock.now(), last.id)
      : scheduleRound(work, clock.now() + desk.intervalMs);
  });
};

const examine = async (desk: ReconciliationDesk, payment: StoredPayment, now: number): Promise<void> => {
  const outcome =
    payment.chargeSentAt === null ? undefined : await ask(desk, (signal) => desk.provider.find(chargeKey(payment.id), signal));
  const comparison = compare(payment, outcome);
  await desk.transaction((work) => act(desk, work, payment, comparison, outcome, now));
};

const act = async (
  desk: ReconciliationDesk,
  work: PaymentsWork,
  payment: StoredPayment,
  comparison: Comparison,
  outcome: ChargeOutcome | undefined,
  now: number,
): Promise<void> => {
  const { id, orderId, updatedAt } = payment;
  if (typeof comparison === "object") return report(desk, work, payment, comparison);
  switch (comparison) {
    case "agree":
      await deleteFindings(work.trx, id);
      return setReconciled(work.trx, id, payment.status, work.now);
    case "push on":
      await scheduleCharge(work, payment);
      if (isStuck(updatedAt, now)) {
        await report(desk, work, payment, { finding: "charge_stuck", detail: `no outcome since ${updatedAt}` });
      }
      return;
    case "take over":
      desk.log.warn("A charge that was given up has come to light", { paymentId: id, orderId });
      return react(work, orderId, newsOf(id, outcome as ChargeOutcome));
    case "wait":
      return;
    default:
      return comparison satisfies never;
  }
};

const report = async (
  { log }: ReconciliationDesk,
  work: PaymentsWork,
  { id, orderId }: { id: string; orderId: string },
  { finding, detail }: { finding: Finding["kind"]; detail: string },
): Promise<void> => {
  await setFinding(work.trx, { paymentId: id, kind: finding, detail }, work.now);
  log.warn("Payments and the provider do not agree", { paymentId: id, orderId, finding, detail });
};

/** Refunds that were promised long ago: their job must be there, and somebody should know. */
const pushRefunds = async (desk: ReconciliationDesk, now: number): Promise<void> => {
  const refunds = await findPendingRefunds(desk.database.db, isoTime(now - STUCK_MS), PAGE);
  await desk.transaction(async (work) => {
    for (const refund of refunds) await push(desk, work, refund);
    await deleteSettledRefundFindings(work.trx);
  });
};

const push = async (desk: ReconciliationDesk, work: PaymentsWork, refund: StoredRefund): Promise<void> => {
  await scheduleRefund(work, refund);
  const { paymentId, orderId, id, createdAt } = refund;
  const detail = `refund ${id} was promised at ${createdAt} and is not taken by the provider`;
  await report(desk, work, { id: paymentId, orderId }, { finding: "refund_stuck", detail });
};
