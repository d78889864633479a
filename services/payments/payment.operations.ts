import type { ActionParams, EventData } from "@molecart/mixins/contracts/index.ts";
import type { Refund } from "@molecart/mixins/contracts/payments.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { codeOf, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { format } from "@molecart/mixins/lib/money.ts";
import { isStaff } from "@molecart/mixins/lib/ownership.ts";
import { requestHash } from "@molecart/mixins/lib/request-hash.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { verdictOn } from "@molecart/mixins/messaging/verdict.ts";
import { entriesOf } from "./ledger.ts";
import {
  ChargePending,
  ChargeUnsettled,
  IdempotencyKeyReused,
  NotCapturedYet,
  PaymentNotFound,
  RefundNotFound,
  RefundRefused,
} from "./payment.errors.ts";
import {
  findOrderIdOf,
  findPaymentOf,
  findRefund,
  findRefundAnswer,
  insertEntries,
  insertPayment,
  insertProviderEvent,
  insertRefund,
  insertRefundAnswer,
  insertRefundStep,
  lockPaymentOf,
  setChargeSent,
  setPayment,
  setRefunded,
  setRefunding,
  setRefundPending,
  setRefundRefused,
  setRefundSettled,
  setRefundSucceeded,
  type Tables,
} from "./payment.repository.ts";
import {
  capRefund,
  chargeKey,
  hear,
  isGivenUp,
  mayStillArrive,
  type NewRefund,
  type News,
  newPayment,
  nextRound,
  ownerOf,
  planRefund,
  planRetry,
  planSettlement,
  refundKey,
  type StoredPayment,
  type StoredRefund,
  toRefund,
  UNANSWERED,
} from "./payment.ts";
import type { ChargeOutcome, PaymentProvider, ProviderEvent } from "./provider.ts";
import { deleteSettledRefundFindings, setFinding } from "./reconciliation.repository.ts";

export type PaymentsWork = SqlWork<Tables>;
type PaymentJob = Job<PaymentsWork, unknown>;
type RefundJob = Job<PaymentsWork, { refundId: string }>;

export interface PaymentDesk extends Pick<DatabaseProps<Tables>, "database"> {
  clock: Clock;
  provider: PaymentProvider;
  /** For one call to the provider. */
  providerTimeoutMs: number;
  /** How long a refund without an answer is tried. */
  refundGiveUpMs: number;
  /** Ends calls to the provider when the service stops; they are resolved by asking when it is back. */
  stopping: AbortSignal;
}

const chargeJob = (paymentId: string): string => `charge:${paymentId}`;
/** Of one round, so that a job of an earlier one cannot end it. */
const refundJob = ({ id, round }: Pick<StoredRefund, "id" | "round">): string =>
  round === 0 ? `refund:${id}` : `refund:${id}:${round}`;

/** The reason of a return's refund, as notifications put it into words. */
const RETURNED = "goods_returned";

/** Something is heard about an order's payment: notes it, and does what follows from it. */
export const react = async (work: PaymentsWork, orderId: string, news: News): Promise<void> => {
  const { payment, entered, refund } = hear(await lockOrBegin(work, orderId), news);
  await setPayment(work.trx, payment, work.now);
  for (const status of entered) await enter(work, payment, status);
  if (refund !== undefined) await promise(work, payment, refund);
};

/** Whichever event of an order comes first begins its payment. */
const lockOrBegin = async ({ trx, now }: PaymentsWork, orderId: string): Promise<StoredPayment> => {
  const known = await lockPaymentOf(trx, orderId);
  if (known !== undefined) return known;
  await insertPayment(trx, newPayment(newId(), orderId, now));
  return (await lockPaymentOf(trx, orderId)) as StoredPayment;
};

const enter = async (work: PaymentsWork, payment: StoredPayment, status: StoredPayment["status"]): Promise<void> => {
  switch (status) {
    case "charging":
      return scheduleCharge(work, payment);
    case "completed":
      return capture(work, payment);
    case "failed":
      return announceFailure(work, payment);
    case "awaiting":
    case "voided":
    case "refunding":
    case "refunded":
      return;
    default:
      return status satisfies never;
  }
};

/** Has no effect while the job is there. */
export const scheduleCharge = (work: PaymentsWork, { id, orderId }: StoredPayment): Promise<void> =>
  work.schedule({ id: chargeJob(id), kind: "charge", aggregateId: orderId, dueAt: Date.parse(work.now) });

export const scheduleRefund = (work: PaymentsWork, refund: StoredRefund): Promise<void> =>
  work.schedule({
    id: refundJob(refund),
    kind: "refund",
    aggregateId: refund.orderId,
    dueAt: Date.parse(work.now),
    data: { refundId: refund.id },
  });

/** Money moves only for an order that has been heard of. */
const ordered = ({ id, orderId, amount, customer, number, charge }: StoredPayment) => {
  if (amount === null || customer === null || number === null) throw new Error(`Payment ${id} has moved money without an order`);
  return { about: { orderId, number, paymentId: id, customer }, amount, charge };
};

const capture = async (work: PaymentsWork, payment: StoredPayment): Promise<void> => {
  const { about, amount, charge } = ordered(payment);
  if (charge?.is !== "succeeded") throw new Error(`Payment ${payment.id} was not charged`);
  await insertEntries(work.trx, payment, { kind: "capture", refundId: null, entries: entriesOf("capture", amount) }, work.now);
  work.emit("payment.completed", payment.orderId, { ...about, amount, card: charge.card });
};

const announceFailure = async (work: PaymentsWork, payment: StoredPayment): Promise<void> => {
  const { about, charge } = ordered(payment);
  if (charge?.is !== "declined") throw new Error(`Payment ${payment.id} was not declined`);
  work.emit("payment.failed", payment.orderId, { ...about, code: charge.code });
};

/** Takes a promise into the books. The payment is locked and has that much left, so the guard never stops us; were it to,
 *  nothing is promised. */
const promise = async (work: PaymentsWork, payment: StoredPayment, refund: NewRefund): Promise<StoredRefund> => {
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
const completeRefund = async (work: PaymentsWork, refund: StoredRefund, providerRefundId: string): Promise<void> => {
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
const refuseRefund = async (work: PaymentsWork, refund: StoredRefund, code: string): Promise<void> => {
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

/** The job that charges. The provider is asked outside of any transaction; its answer, ledger and event are one. */
export const charge = async (desk: PaymentDesk, job: PaymentJob): Promise<void> => {
  const payment = await findPaymentOf(desk.database.db, job.aggregateId);
  if (payment?.status !== "charging") {
    await job.complete(async () => {});
    return;
  }
  const news = await resolveCharge(desk, payment);
  await job.complete((work) => react(work, payment.orderId, news));
};

/** Charges, unless an earlier attempt has: then it takes that one's outcome. A charge that was sent is never given up before
 *  it is certain that the provider will not hear of it any more. */
const resolveCharge = async (desk: PaymentDesk, payment: StoredPayment): Promise<News> => {
  const { database, clock, provider } = desk;
  const { id, chargeSentAt, paymentToken, amount } = payment;
  if (chargeSentAt !== null) {
    const outcome = await ask(desk, (signal) => provider.find(chargeKey(id), signal));
    if (outcome !== undefined) return newsOf(id, outcome);
  }
  if (await setChargeSent(database.db, id, isoTime(clock.now()))) {
    const request = {
      idempotencyKey: chargeKey(id),
      token: paymentToken as string,
      amount: amount as NonNullable<typeof amount>,
    };
    return newsOf(id, await ask(desk, (signal) => provider.charge(request, signal)));
  }
  if (mayStillArrive(chargeSentAt, clock.now())) throw new ChargeUnsettled(id);
  return { type: "charge.abandoned" };
};

export const newsOf = (paymentId: string, outcome: ChargeOutcome): News => {
  switch (outcome.status) {
    case "succeeded":
      return { type: "charge.succeeded", chargeId: outcome.chargeId, card: outcome.card };
    case "declined":
      return { type: "charge.declined", code: outcome.code };
    case "pending":
      throw new ChargePending(paymentId);
    default:
      return outcome satisfies never;
  }
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

/** Calls the provider with a deadline that holds even if its adapter forgets it. */
export const ask = async <T>(desk: PaymentDesk, call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Unavailable("the payment provider", { cause: new Error(`no answer in ${desk.providerTimeoutMs} ms`) });
      reject(error);
      deadline.abort(error);
    }, desk.providerTimeoutMs);
  });
  try {
    return await Promise.race([call(AbortSignal.any([deadline.signal, desk.stopping])), timedOut]);
  } finally {
    clearTimeout(timer);
  }
};

/** A provider's event has its effect once, in the transaction that remembers it. What is about nothing of ours is remembered
 *  alone. */
export const hearProvider = async (work: PaymentsWork, provider: string, event: ProviderEvent): Promise<void> => {
  const owner = event.about === "nothing" ? undefined : ownerOf(event.idempotencyKey);
  const orderId = owner && (await findOrderIdOf(work.trx, owner.paymentId));
  const paymentId = orderId === undefined ? null : (owner as NonNullable<typeof owner>).paymentId;
  if (!(await insertProviderEvent(work.trx, { provider, id: event.id, type: event.type, paymentId }, work.now))) return;
  if (orderId === undefined || paymentId === null) return;
  switch (event.about) {
    case "charge":
      if (event.outcome.status === "pending") return;
      await work.unschedule(chargeJob(paymentId));
      return react(work, orderId, newsOf(paymentId, event.outcome));
    case "refund": {
      const refund = await findRefund(work.trx, owner?.refundId ?? "");
      if (refund === undefined) return;
      const { outcome } = event;
      if (outcome.status === "succeeded") {
        await work.unschedule(refundJob(refund));
        return completeRefund(work, refund, outcome.refundId);
      }
      // A refusal of an earlier round is known already.
      if (event.idempotencyKey !== refundKey(refund)) return;
      await work.unschedule(refundJob(refund));
      return refuseRefund(work, refund, outcome.code);
    }
    case "nothing":
      return;
    default:
      return event satisfies never;
  }
};
