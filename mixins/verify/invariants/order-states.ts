import { isEventName } from "../../contracts/index.ts";
import type { OrderFact, OrdersFacts } from "../facts.ts";
import type { Invariant, Offence } from "../invariant.ts";
import type { View } from "../view.ts";

/** An order's history is a way through the table of transitions, each step of it caused by an event that has arrived, and no
 *  event has arrived that would lead it on. */
export const orderStates: Invariant = {
  name: "orders are in the state that their events lead to",
  needs: ["orders"],
  check(view) {
    const { orders, transitions } = view.orders as OrdersFacts;
    const causes = causesOf(transitions);
    const offences = orders.flatMap((order) => [
      ...wrongHistory(view, order, causes),
      ...withoutEffect(view, order, transitions),
      ...wronglyAnnounced(view, order),
    ]);
    return { checked: orders.length, offences };
  },
};

type Transitions = OrdersFacts["transitions"];
/** `from>to` -> what leads there. */
type Causes = ReadonlyMap<string, ReadonlySet<string>>;

const causesOf = (transitions: Transitions): Causes => {
  const causes = new Map<string, Set<string>>();
  for (const [status, byTrigger] of Object.entries(transitions)) {
    for (const [trigger, statuses] of Object.entries(byTrigger)) {
      let from = status;
      for (const to of statuses) {
        const step = `${from}>${to}`;
        causes.set(step, (causes.get(step) ?? new Set()).add(trigger));
        from = to;
      }
    }
  }
  return causes;
};

const wrongHistory = (view: View, order: OrderFact, causes: Causes): Offence[] => {
  const { id, status, history } = order;
  const offender = view.nameOf(id);
  const way = history.map((entry) => entry.status).join(" > ");
  const last = history.at(-1)?.status;
  if (history[0]?.status !== "pending") return [{ offender, rule: "does not begin as pending", values: way || "no history" }];
  const offences: Offence[] = [];
  if (last !== status) offences.push({ offender, rule: "is not where its history ends", values: `${status}, history ${way}` });
  const arrived = view.processed("orders", id);
  for (const [index, { status: to }] of history.slice(1).entries()) {
    const from = (history[index] as { status: string }).status;
    const triggers = causes.get(`${from}>${to}`);
    if (triggers === undefined) {
      offences.push({ offender, rule: "took a step that nothing leads to", values: `${from} > ${to}, history ${way}` });
      continue;
    }
    // A deadline or a wish leaves no event behind: where one of them leads there too, the cause cannot be asked for.
    const events = [...triggers].filter(isEventName);
    if (events.length === triggers.size && !view.isTrimmed(id) && !events.some((event) => arrived.has(event)))
      offences.push({ offender, rule: `is ${to} without its cause`, values: `${events.join(" or ")} has not arrived` });
  }
  return offences;
};

/** Each event was processed in one transaction with what it leads to: one that would still lead on has lost its effect. */
const withoutEffect = (view: View, order: OrderFact, transitions: Transitions): Offence[] =>
  [...view.processed("orders", order.id)]
    .filter((type) => (transitions[order.status]?.[type] ?? []).length > 0)
    .filter((type) => type !== "payment.refunded" || isRefundedInFull(view, order))
    .map((type) => ({
      offender: view.nameOf(order.id),
      rule: `is not where ${type} has led it`,
      values: `it is ${order.status}, and should be ${(transitions[order.status]?.[type] ?? []).at(-1)}`,
    }));

/** A part of the money that goes back leaves an order where it is. Which refund made it whole is known when all have arrived. */
const isRefundedInFull = (view: View, { id, total }: OrderFact): boolean =>
  view.isAtRest(id) &&
  view.sent("payments", id, "payment.refunded").reduce((sum, { amount }) => sum + (amount ?? 0), 0) >= total.amount;

const ANNOUNCED = { confirmed: "order.confirmed", cancelled: "order.cancelled" } as const;

const wronglyAnnounced = (view: View, { id, history }: OrderFact): Offence[] =>
  Object.entries(ANNOUNCED).flatMap(([status, type]) => {
    const entered = history.filter((entry) => entry.status === status).length;
    const announced = view.sent("orders", id, type).length;
    if (entered === announced && entered <= 1) return [];
    if (announced < entered && view.isTrimmed(id)) return [];
    return [
      {
        offender: view.nameOf(id),
        rule: `is not ${status} and announced as such once, or neither`,
        values: `${status} ${entered} times, ${type} sent ${announced} times`,
      },
    ];
  });
