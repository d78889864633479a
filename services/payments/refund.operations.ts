import type { ActionParams, EventData } from "@molecart/mixins/contracts/index.ts";
import type { Refund } from "@molecart/mixins/contracts/payments.ts";
import { codeOf } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { format } from "@molecart/mixins/lib/money.ts";
import { isStaff } from "@molecart/mixins/lib/ownership.ts";
import { requestHash } from "@molecart/mixins/lib/request-hash.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import { verdictOn } from "@molecart/mixins/messaging/verdict.ts";
import { entriesOf } from "./ledger.ts";
import { ask, type PaymentDesk, type PaymentsWork } from "./payment.desk.ts";
import { IdempotencyKeyReused, NotCapturedYet, PaymentNotFound, RefundNotFound, RefundRefused } from "./payment.errors.ts";
import {
  findPaymentOf,
  findRefund,
  findRefundAnswer,
  insertEntries,
  insertRefund,
  insertRefundAnswer,
  insertRefundStep,
  lockPaymentOf,
  setPayment,
  setRefunded,
  setRefunding,
  setRefundPending,
  setRefundRefused,
  setRefundSettled,
  setRefundSucceeded,
} from "./payment.repository.ts";
import {
  capRefund,
  hear,
  isGivenUp,
  type NewRefund,
  nextRound,
  ordered,
  planRefund,
  planRetry,
  planSettlement,
  refundKey,
  type StoredPayment,
  type StoredRefund,
  toRefund,
  UNANSWERED,
} from "./payment.ts";
import { deleteSettledRefundFindings, setFinding } from "./reconciliation.repository.ts";

type RefundJob = Job<PaymentsWork, { refundId: string }>;

/** Of one round, so that a job of an earlier one cannot end it. */
export const refundJob = ({ id, round }: Pick<StoredRefund, "id" | "round">): string =>
  round === 0 ? `refund:${id}` : `refund:${id}:${round}`;

/** The reason of a return's refund, as notifications put it into words. */
const RETURNED = "goods_returned";

export const scheduleRefund = (work: PaymentsWork, refund: StoredRefund): Promise<void> =>
  work.schedule({
    id: refundJob(refund),
    kind: "refund",
    aggregateId: refund.orderId,
    dueAt: Date.parse(work.now),
    data: { refundId: refund.id },
  });

/** Takes a promise into the books. The payment is locked and has that much left, so the guard never stops us; were it to,
 *  nothing is promised. */
export const promise = async (work: PaymentsWork, payment: StoredPayment, refund: NewRefund): Promise<StoredRefund> => {
  if (!(await setRefunding(work.trx, payment.id, refund.amount.amount)))
    throw new Error(`${refund.amount.amount} of payment ${payment.id} are gone under the lock`);
  const stored: StoredRefund = {
    ...refund,
    id: newId(),
    paymentId: payment.id,
    orderId: payment.orderId,
    status: "pending",
    round: 0,
    keyRound: 0,
    triedSince: work.now,
    refusalCode: null,
    method: null,
    reference: null,
    createdAt: work.now,
  };
  await insertRefund(work.trx, stored);
  await scheduleRefund(work, stored);
  return stored;
};

const promiseOf = async (work: PaymentsWork, before: StoredPayment, refund: NewRefund): Promise<StoredRefund> => {
  const { payment } = hear(before, { type: "refund.promised", amount: refund.amount.amount });
  await setPayment(work.trx, payment, work.now);
  return promise(work, payment, refund);
};

/** Staff's wish to pay something back. The commit is the promise: refund, answer to the key and job are in it. */
export const requestRefund = async (work: PaymentsWork, params: ActionParams<"v1.payments.refund">): Promise<Refund> => {
  const { orderId, viewer, idempotencyKey, amount, reason } = params;
  const hash = requestHash({ orderId, amount, reason });
  const payment = await lockPaymentOf(work.trx, orderId);
  if (payment === undefined || !isStaff(viewer)) throw new PaymentNotFound(orderId);
  const known = await findRefundAnswer(work.trx, viewer.userId, idempotencyKey);
  if (known !== undefined && known.requestHash !== hash) throw new IdempotencyKeyReused(idempotencyKey);
  if (known !== undefined) return known.answer;

  const wish: NewRefund = { cause: "staff", causeId: "", amount: planRefund(payment, amount), reason };
  const answer = toRefund(await promiseOf(work, payment, wish));
  // Requests for this order wait at the lock; whoever has taken the key meanwhile has asked for another order.
  if (!(await insertRefundAnswer(work.trx, viewer.userId, idempotencyKey, { requestHash: hash, answer })))
    throw new IdempotencyKeyReused(idempotencyKey);
  return answer;
};

/** Goods have come back: pays back what they were worth, or what is left of the payment. */
export const refundReturn = async (
  work: PaymentsWork,
  { orderId, returnId, refundAmount }: Pick<EventData<"return.received">, "orderId" | "returnId" | "refundAmount">,
): Promise<void> => {
  const payment = await lockPaymentOf(work.trx, orderId);
  if (payment?.charge?.is !== "succeeded") throw new NotCapturedYet(orderId);
  const amount = capRefund(payment, refundAmount);
  if (amount.amount === 0) work.emit("return.refunded", orderId, { orderId, returnId, amount });
  else await promiseOf(work, payment, { cause: "return", causeId: returnId, amount, reason: RETURNED });
};

/** The provider has taken a refund: books and announces it, once. */
export const completeRefund = async (work: PaymentsWork, refund: StoredRefund, providerRefundId: string): Promise<void> => {
  // The payment's row before the refund's, as a promise takes them.
  const before = (await lockPaymentOf(work.trx, refund.orderId)) as StoredPayment;
  if (!(await setRefundSucceeded(work.trx, refund.id, providerRefundId, work.now))) return;
  await payBack(work, before, refund, "refund");
};

/** The money of a refund has gone back. The payment is locked. */
const payBack = async (
  work: PaymentsWork,
  before: StoredPayment,
  { id, orderId, amount, reason, cause, causeId, method }: StoredRefund,
  movement: "refund" | "settlement",
): Promise<void> => {
  const { payment } = hear(before, { type: "refund.succeeded", amount: amount.amount });
  await setPayment(work.trx, payment, work.now);
  await setRefunded(work.trx, payment.id, amount.amount);
  await insertEntries(work.trx, payment, { kind: "refund", refundId: id, entries: entriesOf(movement, amount) }, work.now);
  const refundedTotal = { amount: payment.balance.refunded, currency: amount.currency };
  const full = payment.status === "refunded";
  const how = method === null ? {} : { method };
  work.emit("payment.refunded", orderId, {
    ...ordered(payment).about,
    refundId: id,
    amount,
    refundedTotal,
    full,
    reason,
    ...how,
  });
  if (cause === "return") work.emit("return.refunded", orderId, { orderId, returnId: causeId, amount });
};

/** The provider will not take a refund: it stays promised, and waits for an operator. The customer hears of it once. */
export const refuseRefund = async (work: PaymentsWork, refund: StoredRefund, code: string): Promise<void> => {
  const { id, paymentId, orderId, amount, reason, round } = refund;
  const payment = (await lockPaymentOf(work.trx, orderId)) as StoredPayment;
  if (!(await setRefundRefused(work.trx, refund, code, work.now))) return;
  await insertRefundStep(work.trx, id, { at: work.now, action: "refused", actor: "payments", reason: code });
  const detail = `refund ${id} of ${format(amount)} was refused: ${code}`;
  await setFinding(work.trx, { paymentId, kind: "refund_refused", detail }, work.now);
  if (round === 0) work.emit("refund.refused", orderId, { ...ordered(payment).about, refundId: id, amount, reason, code });
};

/** Holds the refund's payment, and so the refund, until the transaction ends. */
const lockRefund = async ({ trx }: PaymentsWork, refundId: string): Promise<{ payment: StoredPayment; refund: StoredRefund }> => {
  const orderId = (await findRefund(trx, refundId))?.orderId;
  const payment = orderId === undefined ? undefined : await lockPaymentOf(trx, orderId);
  // Read again: what was seen before the lock may be over.
  const refund = await findRefund(trx, refundId);
  if (payment === undefined || refund === undefined) throw new RefundNotFound(refundId);
  return { payment, refund };
};

/** An operator has the provider asked once more. */
export const retryRefund = async (
  work: PaymentsWork,
  { refundId, actor, reason }: ActionParams<"v1.payments.retryRefund">,
): Promise<Refund> => {
  const { refund } = await lockRefund(work, refundId);
  if (planRetry(refund) === "nothing to do") return toRefund(refund);
  const again = nextRound(refund, work.now);
  await setRefundPending(work.trx, again);
  await insertRefundStep(work.trx, refundId, { at: work.now, action: "retried", actor, reason });
  await scheduleRefund(work, again);
  await deleteSettledRefundFindings(work.trx, again.paymentId);
  return toRefund(again);
};

/** An operator has paid a refused refund back by other means: books and announces it, once. */
export const settleRefund = async (
  work: PaymentsWork,
  { refundId, actor, method, reference, reason }: ActionParams<"v1.payments.settleRefund">,
): Promise<Refund> => {
  const { payment, refund } = await lockRefund(work, refundId);
  if (planSettlement(refund, { method, reference }) === "nothing to do") return toRefund(refund);
  const settled: StoredRefund = { ...refund, status: "settled", method, reference };
  if (!(await setRefundSettled(work.trx, refundId, { method, reference }, work.now)))
    throw new Error(`Refund ${refundId} has changed under the lock`);
  const why = `${method} ${reference}: ${reason}`;
  await insertRefundStep(work.trx, refundId, { at: work.now, action: "settled", actor, reason: why });
  await payBack(work, payment, settled, "settlement");
  await deleteSettledRefundFindings(work.trx, payment.id);
  return toRefund(settled);
};

/** The job that refunds: a repeat has the same key, so the money goes back once. */
export const refund = async (desk: PaymentDesk, job: RefundJob): Promise<void> => {
  const { db } = desk.database;
  const pending = await findRefund(db, job.data.refundId);
  const payment = await findPaymentOf(db, job.aggregateId);
  if (pending?.status !== "pending" || payment?.charge?.is !== "succeeded") {
    await job.complete(async () => {});
    return;
  }
  const request = { idempotencyKey: refundKey(pending), chargeId: payment.charge.chargeId, amount: pending.amount };
  const outcome = await ask(desk, (signal) => desk.provider.refund(request, signal)).catch((error: unknown) => {
    const code = refusalOf(error, pending, job.attempt, desk);
    if (code === undefined) throw error;
    return { code };
  });
  await job.complete((work) =>
    "code" in outcome ? refuseRefund(work, pending, outcome.code) : completeRefund(work, pending, outcome.refundId),
  );
};

/** Why a refund is not tried any more; undefined while it is. */
const refusalOf = (error: unknown, { triedSince }: StoredRefund, tries: number, desk: PaymentDesk): string | undefined => {
  if (error instanceof RefundRefused) return error.reason;
  if (verdictOn(error) === "refused") return codeOf(error);
  return isGivenUp(tries, desk.clock.now() - Date.parse(triedSince), desk.refundGiveUpMs) ? UNANSWERED : undefined;
};
