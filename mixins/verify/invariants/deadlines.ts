import type { InventoryFacts, JobFact, OrderFact, OrdersFacts, PaymentFact } from "../facts.ts";
import { duration, type Finding, type Invariant, type Offence, type Pending, SOON_MS } from "../invariant.ts";
import { isOpen, type View } from "../view.ts";

/** A job that is due is claimed within a second, and its due time moves to the end of the lease: one that was due so long ago is
 *  taken by nobody. */
const GRACE_MS = 60_000;

/** Whatever is not at its end has something that will end it, and that is not overdue. */
export const deadlines: Invariant = {
  name: "nothing is past its deadline, or without one",
  needs: [],
  check(view) {
    const parts = [checkOrders(view), checkReservations(view), checkPayments(view), checkJobs(view)];
    return {
      checked: parts.reduce((sum, { checked }) => sum + checked, 0),
      offences: parts.flatMap(({ offences }) => offences),
      pending: parts.flatMap(({ pending = [] }) => pending),
    };
  },
};

const paymentDeadlines = (view: View): Map<string, JobFact> =>
  new Map(
    (view.messaging.get("orders")?.jobs ?? []).filter(({ kind }) => kind === "payment-due").map((job) => [job.aggregateId, job]),
  );

const checkOrders = (view: View): Finding => {
  const open = (view.orders?.orders ?? []).filter(isOpen);
  const { paymentDueMs = 0 } = view.orders ?? ({} as Partial<OrdersFacts>);
  const jobs = paymentDeadlines(view);
  const offences: Offence[] = [];
  const pending: Pending[] = [];
  for (const order of open) {
    const dueAt = paymentDueAt(order, jobs.get(order.id), paymentDueMs);
    const offender = view.nameOf(order.id);
    if (dueAt === undefined) offences.push({ offender, rule: "is open and has no payment deadline", values: order.status });
    else if (dueAt + GRACE_MS < view.now)
      offences.push({
        offender,
        rule: "is past its payment deadline",
        values: `${order.status}, due ${duration(view.now - dueAt)} ago`,
      });
    else
      pending.push({
        text: `${offender} is ${order.status} since ${duration(view.now - Date.parse(order.history.at(-1)?.at ?? order.createdAt))}; its payment is due in ${duration(dueAt - view.now)}`,
        inFlight: false,
      });
  }
  return { checked: open.length, offences, pending };
};

/** A job that was begun has been given other due times since: the order's age tells then. */
const paymentDueAt = (order: OrderFact, job: JobFact | undefined, paymentDueMs: number): number | undefined => {
  if (job === undefined) return undefined;
  return job.attempts === 0 ? job.dueAt : Date.parse(order.createdAt) + paymentDueMs;
};

const checkReservations = (view: View): Finding => {
  const { reservations = [] } = view.inventory ?? ({} as Partial<InventoryFacts>);
  const held = reservations.filter(({ status }) => status === "held");
  const offences = held.flatMap(({ orderId, expiresAt }): Offence[] => {
    const offender = `reservation of ${view.nameOf(orderId)}`;
    if (expiresAt === null || !view.hasJob("inventory", orderId))
      return [{ offender, rule: "is held and nothing ends it", values: `expires ${expiresAt}` }];
    const overdueMs = view.now - Date.parse(expiresAt);
    return overdueMs > GRACE_MS ? [{ offender, rule: "is past its expiry", values: `expired ${duration(overdueMs)} ago` }] : [];
  });
  return { checked: held.length, offences };
};

const AT_WORK: readonly PaymentFact["status"][] = ["charging", "refunding"];

const checkPayments = (view: View): Finding => {
  // One whose refund was refused waits for an operator, which is named by itself.
  const refused = new Set(
    (view.payments?.refunds ?? []).filter(({ status }) => status === "refused").map((one) => one.paymentId),
  );
  const atWork = (view.payments?.payments ?? []).filter(({ id, status }) => AT_WORK.includes(status) && !refused.has(id));
  const offences = atWork
    .filter(({ orderId }) => !view.hasJob("payments", orderId))
    .map(({ id, orderId, status }) => ({
      offender: `payment ${id} of ${view.nameOf(orderId)}`,
      rule: `is ${status} and nothing works on it`,
    }));
  const promised = (view.payments?.refunds ?? []).filter(({ status }) => status === "pending");
  const forgotten = promised
    .filter(({ orderId }) => !view.hasJob("payments", orderId))
    .map(({ id, orderId, amount, currency }) => ({
      offender: `refund ${id} of ${view.nameOf(orderId)}`,
      rule: "is promised and nothing works on it",
      values: `${amount} ${currency}`,
    }));
  return { checked: atWork.length + promised.length, offences: [...offences, ...forgotten] };
};

const checkJobs = (view: View): Finding => {
  const offences: Offence[] = [];
  const pending: Pending[] = [];
  let checked = 0;
  const lastActive = lastActivity(view);
  for (const [service, { jobs }] of view.messaging) {
    checked += jobs.length;
    for (const { id, aggregateId, dueAt, attempts, lastError } of jobs) {
      const lateMs = view.now - dueAt;
      const why = lastError === null ? "" : `, ${lastError}`;
      // A shop that was stopped in good order leaves its housekeeping undone, and does it when it starts; an order waits.
      const someoneWaits = view.ordersById.has(aggregateId) || lastActive > dueAt + GRACE_MS;
      if (lateMs > GRACE_MS && someoneWaits)
        offences.push({
          offender: `job ${id} of ${service}`,
          rule: "is overdue beyond its lease",
          values: `due ${duration(lateMs)} ago, ${attempts} attempts${why}`,
        });
      else if (lateMs >= 0 || attempts > 0)
        pending.push({
          text: `job ${id} of ${service} ${lateMs >= 0 ? `is due for ${duration(lateMs)}` : `is tried again in ${duration(-lateMs)}`}, ${attempts} attempts${why}`,
          inFlight: lateMs <= GRACE_MS && -lateMs < SOON_MS,
        });
    }
  }
  return { checked, offences, pending };
};

/** When anything was last seen to happen in the shop, in milliseconds since the epoch. */
const lastActivity = (view: View): number => {
  let last = 0;
  for (const { outbox, inbox } of view.messaging.values()) {
    for (const { createdAt } of outbox) last = Math.max(last, Date.parse(createdAt));
    for (const { receivedAt } of inbox) last = Math.max(last, Date.parse(receivedAt) || 0);
  }
  return last;
};
