import type { LedgerFact, PaymentFact, PaymentsFacts } from "../facts.ts";
import type { Invariant, Offence } from "../invariant.ts";
import { groupBy, type View } from "../view.ts";
import { announcedRefunds, owedFor, withheldOf } from "./charges.ts";

/** Every movement of money is booked twice, once, and what is captured less what is refunded is what the order owes. */
export const ledger: Invariant = {
  name: "the ledger balances, to zero and to the orders",
  needs: ["payments"],
  check(view) {
    const { payments, ledger: entries } = view.payments as PaymentsFacts;
    const byPayment = groupBy(entries, ({ paymentId }) => paymentId);
    const known = new Set(payments.map(({ id }) => id));
    return {
      checked: entries.length + payments.length,
      offences: [
        ...unbalanced(entries),
        ...payments.flatMap((payment) => judge(view, payment, byPayment.get(payment.id) ?? [])),
        ...[...byPayment.keys()]
          .filter((id) => !known.has(id))
          .map((id) => ({ offender: `payment ${id}`, rule: "has ledger entries and does not exist" })),
      ],
    };
  },
};

const total = (entries: readonly LedgerFact[], side: "debit" | "credit"): number =>
  entries.reduce((sum, entry) => sum + entry[side], 0);

const unbalanced = (entries: readonly LedgerFact[]): Offence[] =>
  [...groupBy(entries, ({ currency }) => currency)]
    .filter(([, same]) => total(same, "debit") !== total(same, "credit"))
    .map(([currency, same]) => ({
      offender: `ledger in ${currency}`,
      rule: "does not balance",
      values: `debits ${total(same, "debit")}, credits ${total(same, "credit")}`,
    }));

/** Before it is captured, and when it never will be, a payment has moved no money. */
const WITHOUT_MONEY: readonly string[] = ["awaiting", "charging", "failed", "voided"] satisfies PaymentFact["status"][];

const judge = (view: View, { id, orderId, status }: PaymentFact, entries: readonly LedgerFact[]): Offence[] => {
  const offender = `payment ${id} of ${view.nameOf(orderId)}`;
  const offences: Offence[] = [];
  const bookings = groupBy(entries, ({ kind, refundId }) => `${kind} ${refundId}`.trim());
  for (const [booking, both] of bookings) {
    if (total(both, "debit") !== total(both, "credit") || both.length !== 2)
      offences.push({
        offender,
        rule: `has a booking that does not balance: ${booking}`,
        values: `${both.length} entries, debits ${total(both, "debit")}, credits ${total(both, "credit")}`,
      });
  }
  const receivable = entries.filter(({ account }) => account === "provider_receivable");
  const captured = total(receivable, "debit");
  const refunded =
    total(receivable, "credit") +
    total(
      entries.filter(({ account }) => account === "bank"),
      "credit",
    );
  const captures = bookings.has("capture") ? 1 : 0;
  const wanted = WITHOUT_MONEY.includes(status) ? 0 : 1;
  if (captures !== wanted)
    offences.push({ offender, rule: "has not the capture that its state calls for", values: `${status}, ${captures} captures` });
  if (refunded > captured)
    offences.push({ offender, rule: "has more refunded than captured", values: `${refunded} of ${captured}` });
  if (status === "refunded" && refunded !== captured)
    offences.push({ offender, rule: "is refunded, but not all of it", values: `${refunded} of ${captured}` });
  // Refunds are announced by events: of an order that old some may be gone.
  if (view.isTrimmed(orderId)) return offences;
  if (refunded !== announcedRefunds(view, orderId))
    offences.push({
      offender,
      rule: "has other refunds booked than announced",
      values: `${refunded} instead of ${announcedRefunds(view, orderId)}`,
    });

  const order = view.ordersById.get(orderId);
  if (order === undefined || !view.isAtRest(orderId)) return offences;
  const owed = owedFor(view, order) + withheldOf(view, order);
  if (captured - refunded !== owed)
    offences.push({
      offender,
      rule: "has not in the ledger what its order owes",
      values: `order ${order.status}, payment ${status}, ${captured} - ${refunded} instead of ${owed}`,
    });
  return offences;
};
