import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import { entriesOf } from "./ledger.ts";
import { ask, type PaymentDesk, type PaymentsWork } from "./payment.desk.ts";
import { ChargePending, ChargeUnsettled } from "./payment.errors.ts";
import {
  findOrderIdOf,
  findPaymentOf,
  findRefund,
  insertEntries,
  insertPayment,
  insertProviderEvent,
  lockPaymentOf,
  setChargeSent,
  setPayment,
} from "./payment.repository.ts";
import {
  chargeKey,
  hear,
  mayStillArrive,
  type News,
  newPayment,
  ordered,
  ownerOf,
  refundKey,
  type StoredPayment,
} from "./payment.ts";
import type { ChargeOutcome, ProviderEvent } from "./provider.ts";
import { completeRefund, promise, refundJob, refuseRefund } from "./refund.operations.ts";

type PaymentJob = Job<PaymentsWork, unknown>;

const chargeJob = (paymentId: string): string => `charge:${paymentId}`;
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
