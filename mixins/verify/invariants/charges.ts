import type { OrderFact, OrdersFacts, PaymentFact, PaymentsFacts, ProviderFacts, RefundFact } from "../facts.ts";
import type { Invariant, Offence } from "../invariant.ts";
import { groupBy, isSold, type View } from "../view.ts";

/** What the shop may keep of an order's price: all of it, less what has been given back, if the order is sold; else nothing. */
export const owedFor = (view: View, order: OrderFact): number =>
  isSold(order) ? order.total.amount - announcedRefunds(view, order.id) : 0;

export const announcedRefunds = (view: View, orderId: string): number =>
  view.sent("payments", orderId, "payment.refunded").reduce((sum, { amount }) => sum + (amount ?? 0), 0);

const refundsOf = (view: View, orderId: string, status: RefundFact["status"]): number =>
  (view.payments?.refunds ?? [])
    .filter((refund) => refund.orderId === orderId && refund.status === status)
    .reduce((sum, { amount }) => sum + amount, 0);

/** What the shop still has of an order that is not sold, because the provider has refused to give it back. It is an offence of
 *  its own, and named there. */
export const withheldOf = (view: View, order: OrderFact): number => (isSold(order) ? 0 : refundsOf(view, order.id, "refused"));

/** The card of an order is charged once or not at all, and the provider holds what the order owes. */
export const charges: Invariant = {
  name: "one charge outcome per order, at the provider too",
  needs: ["orders", "payments"],
  check(view) {
    const { orders } = view.orders as OrdersFacts;
    const { payments, provider } = view.payments as PaymentsFacts;
    const books: ProviderBooks = {
      charges: groupBy(
        provider.charges.filter(({ succeeded }) => succeeded),
        ({ paymentId }) => paymentId,
      ),
      refunds: groupBy(provider.refunds, ({ chargeId }) => chargeId),
    };
    const byOrder = groupBy(payments, ({ orderId }) => orderId);
    return {
      checked: orders.length + provider.charges.length,
      offences: [
        ...orders.flatMap((order) => judge(view, order, byOrder.get(order.id) ?? [], books)),
        ...payments
          .filter(({ orderId }) => !view.ordersById.has(orderId))
          .map(({ id, orderId, status }) => ({
            offender: `payment ${id}`,
            rule: "is for no order",
            values: `${status}, order ${orderId}`,
          })),
        ...strangers(payments, provider),
      ],
    };
  },
};

interface ProviderBooks {
  charges: ReadonlyMap<string, ProviderFacts["charges"]>;
  refunds: ReadonlyMap<string, ProviderFacts["refunds"]>;
}

const sum = (items: readonly { amount: number }[]): number => items.reduce((total, { amount }) => total + amount, 0);

const judge = (view: View, order: OrderFact, payments: PaymentFact[], books: ProviderBooks): Offence[] => {
  const offender = view.nameOf(order.id);
  const offences: Offence[] = [];
  const charged = payments.flatMap(({ id }) => books.charges.get(id) ?? []);
  const refunded = charged.flatMap(({ chargeId }) => books.refunds.get(chargeId) ?? []);
  const outcomes = ["payment.completed", "payment.failed"].flatMap((type) => view.sent("payments", order.id, type));

  if (payments.length > 1)
    offences.push({ offender, rule: "has several payments", values: payments.map(({ id }) => id).join(", ") });
  if (outcomes.length > 1)
    offences.push({ offender, rule: "has several charge outcomes", values: outcomes.map(({ type }) => type).join(", ") });
  if (charged.length > 1)
    offences.push({ offender, rule: "was charged more than once", values: charged.map(({ chargeId }) => chargeId).join(", ") });
  for (const { chargeId, amount, currency } of charged)
    if (amount !== order.total.amount || currency !== order.total.currency)
      offences.push({
        offender,
        rule: "was charged another amount than its total",
        values: `${amount} ${currency} instead of ${order.total.amount} ${order.total.currency}, charge ${chargeId}`,
      });
  if (sum(refunded) > sum(charged))
    offences.push({ offender, rule: "got more back than was charged", values: `${sum(refunded)} of ${sum(charged)}` });

  if (!view.isAtRest(order.id)) return offences;
  if (payments.length === 0) offences.push({ offender, rule: "has no payment", values: order.status });
  // What was paid and given back is told by events: of an order that old some may be gone.
  if (view.isTrimmed(order.id)) return offences;
  if (isSold(order) && !outcomes.some(({ type }) => type === "payment.completed"))
    offences.push({ offender, rule: "is sold and not paid", values: order.status });
  const kept = sum(charged) - sum(refunded);
  // What was paid back past the provider is still there.
  const owed = owedFor(view, order) + withheldOf(view, order) + refundsOf(view, order.id, "settled");
  if (kept !== owed)
    offences.push({
      offender,
      rule: "has not at the provider what it owes",
      values: `${order.status}, payment ${payments.map(({ status }) => status).join(", ") || "none"}, ${kept} instead of ${owed}`,
    });
  return offences;
};

const strangers = (payments: readonly PaymentFact[], provider: ProviderFacts): Offence[] => {
  const known = new Set(payments.map(({ id }) => id));
  const chargeIds = new Set(provider.charges.map(({ chargeId }) => chargeId));
  return [
    ...provider.charges
      .filter(({ paymentId }) => !known.has(paymentId))
      .map(({ chargeId, paymentId, amount, currency }) => ({
        offender: `charge ${chargeId}`,
        rule: "is for no payment",
        values: `${amount} ${currency}, payment ${paymentId}`,
      })),
    ...provider.refunds
      .filter(({ chargeId }) => !chargeIds.has(chargeId))
      .map(({ refundId, chargeId }) => ({ offender: `refund ${refundId}`, rule: "is of no charge", values: chargeId })),
  ];
};
