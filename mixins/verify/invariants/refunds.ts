import type { LedgerFact, PaymentsFacts, RefundFact } from "../facts.ts";
import type { Invariant, Offence } from "../invariant.ts";
import { groupBy, type View } from "../view.ts";

/** Money that is promised back goes back: what the provider has refused is a debt until an operator has settled it. */
export const refunds: Invariant = {
  name: "every refund is paid back and booked, none waits for an operator",
  needs: ["payments"],
  check(view) {
    const { refunds: all, ledger } = view.payments as PaymentsFacts;
    const booked = groupBy(
      ledger.filter(({ kind }) => kind === "refund"),
      ({ refundId }) => refundId,
    );
    const known = new Set(all.map(({ id }) => id));
    return {
      checked: all.length,
      offences: [
        ...all.flatMap((refund) => [...waiting(view, refund), ...wronglyBooked(view, refund, booked.get(refund.id) ?? [])]),
        ...[...booked]
          .filter(([id]) => !known.has(id))
          .map(([id]) => ({ offender: `refund ${id}`, rule: "is booked and does not exist" })),
      ],
    };
  },
};

const nameOf = (view: View, { id, orderId }: RefundFact): string => `refund ${id} of ${view.nameOf(orderId)}`;

const waiting = (view: View, refund: RefundFact): Offence[] =>
  refund.status === "refused"
    ? [
        {
          offender: nameOf(view, refund),
          rule: "was refused by the provider and waits for an operator",
          values: `${refund.amount} ${refund.currency}, ${refund.code}, since ${refund.updatedAt}`,
        },
      ]
    : [];

/** Where the money of a refund comes from; null: none has gone back. */
const PAID_FROM: Record<RefundFact["status"], string | null> = {
  pending: null,
  refused: null,
  succeeded: "provider_receivable",
  settled: "bank",
};

const wronglyBooked = (view: View, refund: RefundFact, entries: readonly LedgerFact[]): Offence[] => {
  const account = PAID_FROM[refund.status];
  const wanted = account === null ? [] : [`${account} ${refund.amount}`];
  const found = entries.filter(({ credit }) => credit > 0).map((entry) => `${entry.account} ${entry.credit}`);
  if (found.join() === wanted.join()) return [];
  return [
    {
      offender: nameOf(view, refund),
      rule: "is not booked as its state calls for",
      values: `${refund.status}, booked ${found.join(", ") || "nothing"} instead of ${wanted.join() || "nothing"}`,
    },
  ];
};
