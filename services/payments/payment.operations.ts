import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { entriesOf } from "./ledger.ts";
import { ChargePending, ChargeUnsettled } from "./payment.errors.ts";
import {
  findOrderIdOf,
  findPaymentOf,
  insertEntries,
  insertPayment,
  insertProviderEvent,
  lockPaymentOf,
  setChargeSent,
  setPayment,
  type Tables,
} from "./payment.repository.ts";
import { chargeKey, hear, mayStillArrive, type News, newPayment, paymentIdOf, refundKey, type StoredPayment } from "./payment.ts";
import type { ChargeOutcome, PaymentProvider, ProviderEvent } from "./provider.ts";

export type PaymentsWork = SqlWork<Tables>;
type PaymentJob = Job<PaymentsWork, unknown>;

export interface PaymentDesk extends Pick<DatabaseProps<Tables>, "database"> {
  clock: Clock;
  provider: PaymentProvider;
  /** For one call to the provider. */
  providerTimeoutMs: number;
  /** Ends calls to the provider when the service stops; they are resolved by asking when it is back. */
  stopping: AbortSignal;
}

const chargeJob = (paymentId: string): string => `charge:${paymentId}`;
const refundJob = (paymentId: string): string => `refund:${paymentId}`;

/** Something is heard about an order's payment: notes it, and does what follows from it. */
export const react = async (work: PaymentsWork, orderId: string, news: News): Promise<void> => {
  const { payment, entered } = hear(await lockOrBegin(work, orderId), news);
  await setPayment(work.trx, payment, work.now);
  for (const status of entered) await enter(work, payment, status);
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
      return scheduleNow(work, payment, "charge", chargeJob(payment.id));
    case "completed":
      return capture(work, payment);
    case "failed":
      return announceFailure(work, payment);
    case "refunding":
      return scheduleNow(work, payment, "refund", refundJob(payment.id));
    case "refunded":
      return bookRefund(work, payment);
    case "awaiting":
    case "voided":
      return;
    default:
      return status satisfies never;
  }
};

const scheduleNow = (work: PaymentsWork, { orderId }: StoredPayment, kind: string, id: string): Promise<void> =>
  work.schedule({ id, kind, aggregateId: orderId, dueAt: Date.parse(work.now) });

/** Money moves only for an order that has been heard of. */
const ordered = ({ id, orderId, amount, customer, charge }: StoredPayment) => {
  if (amount === null || customer === null) throw new Error(`Payment ${id} has moved money without an order`);
  return { paymentId: id, orderId, amount, customer, charge };
};

const capture = async (work: PaymentsWork, payment: StoredPayment): Promise<void> => {
  const { paymentId, orderId, amount, customer, charge } = ordered(payment);
  if (charge?.is !== "succeeded") throw new Error(`Payment ${paymentId} was not charged`);
  await insertEntries(work.trx, payment, { kind: "capture", refundId: null, entries: entriesOf("capture", amount) }, work.now);
  work.emit("payment.completed", orderId, { orderId, paymentId, amount, card: charge.card, customer });
};

const announceFailure = async (work: PaymentsWork, payment: StoredPayment): Promise<void> => {
  const { paymentId, orderId, customer, charge } = ordered(payment);
  if (charge?.is !== "declined") throw new Error(`Payment ${paymentId} was not declined`);
  work.emit("payment.failed", orderId, { orderId, paymentId, code: charge.code, customer });
};

const bookRefund = async (work: PaymentsWork, payment: StoredPayment): Promise<void> => {
  const { paymentId, orderId, amount, customer } = ordered(payment);
  const refundId = payment.refundId as string;
  await insertEntries(work.trx, payment, { kind: "refund", refundId, entries: entriesOf("refund", amount) }, work.now);
  const reason = payment.cancelReason ?? "cancelled";
  work.emit("payment.refunded", orderId, { orderId, paymentId, refundId, amount, customer, reason });
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

const newsOf = (paymentId: string, outcome: ChargeOutcome): News => {
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
export const refund = async (desk: PaymentDesk, job: PaymentJob): Promise<void> => {
  const payment = await findPaymentOf(desk.database.db, job.aggregateId);
  if (payment?.status !== "refunding" || payment.charge?.is !== "succeeded" || payment.amount === null) {
    await job.complete(async () => {});
    return;
  }
  const { id, orderId, amount, charge } = payment;
  const request = { idempotencyKey: refundKey(id), chargeId: charge.chargeId, amount };
  const { refundId } = await ask(desk, (signal) => desk.provider.refund(request, signal));
  await job.complete((work) => react(work, orderId, { type: "refund.succeeded", refundId }));
};

/** Calls the provider with a deadline that holds even if its adapter forgets it. */
const ask = async <T>(desk: PaymentDesk, call: (signal: AbortSignal) => Promise<T>): Promise<T> => {
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
  const known = event.about === "nothing" ? undefined : paymentIdOf(event.idempotencyKey);
  const orderId = known && (await findOrderIdOf(work.trx, known));
  const paymentId = orderId === undefined ? null : (known as string);
  if (!(await insertProviderEvent(work.trx, { provider, id: event.id, type: event.type, paymentId }, work.now))) return;
  if (orderId === undefined || paymentId === null) return;
  switch (event.about) {
    case "charge":
      if (event.outcome.status === "pending") return;
      await work.unschedule(chargeJob(paymentId));
      return react(work, orderId, newsOf(paymentId, event.outcome));
    case "refund":
      await work.unschedule(refundJob(paymentId));
      return react(work, orderId, { type: "refund.succeeded", refundId: event.refundId });
    case "nothing":
      return;
    default:
      return event satisfies never;
  }
};
