import type { OrderFact, OrdersFacts } from "../facts.ts";
import type { Invariant, Offence } from "../invariant.ts";
import { groupBy, type View } from "../view.ts";

/** What was answered to a customer is there, as it was answered, adds up, and was announced exactly once. */
export const acceptedOrders: Invariant = {
  name: "accepted orders exist",
  needs: ["orders"],
  check(view) {
    const facts = view.orders as OrdersFacts;
    const announced = (view.messaging.get("orders")?.outbox ?? []).filter(({ type }) => type === "order.created");
    return {
      checked: facts.answers.length + announced.length + facts.orders.length,
      offences: [
        ...facts.answers.flatMap((answer) => wrongAnswer(view, answer)),
        ...answeredTwice(view, facts),
        ...announced
          .filter(({ aggregateId }) => !view.ordersById.has(aggregateId))
          .map(({ aggregateId, eventId }) => ({
            offender: view.nameOf(aggregateId),
            rule: "was announced by order.created and does not exist",
            values: `event ${eventId}`,
          })),
        ...facts.orders.flatMap(({ id }) => wronglyAnnounced(view, id)),
        ...facts.orders.flatMap((order) => wronglyAdded(view, order)),
      ],
    };
  },
};

const wrongAnswer = (view: View, { userId, key, orderId, number, total }: OrdersFacts["answers"][number]): Offence[] => {
  const order = view.ordersById.get(orderId);
  const values = `customer ${userId}, Idempotency-Key ${key}`;
  if (order === undefined) return [{ offender: `order ${number} (${orderId})`, rule: "was accepted and does not exist", values }];
  if (order.total.amount === total.amount && order.total.currency === total.currency) return [];
  return [
    {
      offender: view.nameOf(orderId),
      rule: "has another total than was answered",
      values: `${order.total.amount} instead of ${total.amount} ${total.currency}, ${values}`,
    },
  ];
};

const answeredTwice = (view: View, { answers }: OrdersFacts): Offence[] =>
  [...groupBy(answers, ({ orderId }) => orderId)]
    .filter(([, same]) => same.length > 1)
    .map(([orderId, same]) => ({
      offender: view.nameOf(orderId),
      rule: "is the answer to several requests",
      values: same.map(({ userId, key }) => `${userId} ${key}`).join(", "),
    }));

const wronglyAdded = (view: View, { id, total, sums }: OrderFact): Offence[] => {
  if (sums === undefined) return [];
  const { items, shipping, tax, taxes } = sums;
  const taxed = taxes?.reduce((sum, amount) => sum + amount, 0) ?? tax;
  if (items + shipping + tax === total.amount && taxed === tax && Math.min(items, shipping, tax) >= 0) return [];
  const values = `${items} + ${shipping} + ${tax} (${taxes?.join(" + ") ?? "not by class"}), in all ${total.amount}`;
  return [{ offender: view.nameOf(id), rule: "has a total that does not add up", values }];
};

const wronglyAnnounced = (view: View, orderId: string): Offence[] => {
  const count = view.sent("orders", orderId, "order.created").length;
  if (count === 1 || (count === 0 && view.isTrimmed(orderId))) return [];
  return [{ offender: view.nameOf(orderId), rule: "is not announced exactly once", values: `order.created ${count} times` }];
};
