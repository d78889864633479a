import type { InventoryFacts, OrdersFacts, PaymentsFacts, RefundFact, ReturnFact } from "../facts.ts";
import { type Invariant, type Offence, unitsText } from "../invariant.ts";
import { groupBy, sameUnits, unitsOf, type View } from "../view.ts";

/** What has come back was bought before, is back on the shelf as far as it was to be, and is paid back once, with what it was
 *  said to be worth. */
export const returns: Invariant = {
  name: "returned goods are restocked and paid back once",
  needs: ["orders", "inventory", "payments"],
  check(view) {
    const { returns: all } = view.orders as OrdersFacts;
    const { movements } = view.inventory as InventoryFacts;
    const byOrder = groupBy(all, ({ orderId }) => orderId);
    const back = groupBy(
      movements.filter(({ kind, orderId }) => kind === "returned" && orderId !== null),
      ({ orderId }) => orderId as string,
    );
    const paid = groupBy(
      (view.payments as PaymentsFacts).refunds.filter(({ cause }) => cause === "return"),
      ({ causeId }) => causeId,
    );
    const known = new Set(all.map(({ id }) => id));
    return {
      checked: all.length,
      offences: [
        ...[...byOrder].flatMap(([orderId, own]) => tooMuch(view, orderId, own)),
        ...[...new Set([...byOrder.keys(), ...back.keys()])].flatMap((orderId) =>
          wronglyRestocked(view, orderId, byOrder.get(orderId) ?? [], unitsOf(back.get(orderId) ?? [])),
        ),
        ...all.flatMap((one) => wronglyPaid(view, one, paid.get(one.id) ?? [])),
        ...[...paid]
          .filter(([id]) => !known.has(id))
          .flatMap(([id, refunds]) =>
            refunds.map((refund) => ({ offender: `refund ${refund.id}`, rule: "is for no return", values: `return ${id}` })),
          ),
      ],
    };
  },
};

const tooMuch = (view: View, orderId: string, own: readonly ReturnFact[]): Offence[] => {
  const order = view.ordersById.get(orderId);
  const bought = unitsOf(order?.lines ?? []);
  const returned = unitsOf(own.flatMap(({ received }) => received));
  if ([...returned].every(([sku, quantity]) => quantity <= (bought.get(sku) ?? 0))) return [];
  return [
    {
      offender: view.nameOf(orderId),
      rule: "has more returned than bought",
      values: `${unitsText(returned)} of ${unitsText(bought)}`,
    },
  ];
};

const wronglyRestocked = (
  view: View,
  orderId: string,
  own: readonly ReturnFact[],
  back: ReadonlyMap<string, number>,
): Offence[] => {
  const wanted = unitsOf(own.flatMap(({ received }) => received).filter(({ restock }) => restock));
  if (!view.isAtRest(orderId) || sameUnits(back, wanted)) return [];
  return [
    {
      offender: view.nameOf(orderId),
      rule: "has other units back on the shelves than its returns say",
      values: `${unitsText(back)} instead of ${unitsText(wanted)}`,
    },
  ];
};

const GONE_BACK: readonly RefundFact["status"][] = ["succeeded", "settled"];

const wronglyPaid = (view: View, { id, orderId, status, refund }: ReturnFact, refunds: readonly RefundFact[]): Offence[] => {
  const offender = `return ${id} of ${view.nameOf(orderId)}`;
  if (refunds.length > 1)
    return [{ offender, rule: "is refunded more than once", values: refunds.map((one) => one.id).join(", ") }];
  const [only] = refunds;
  if (only !== undefined && (status === "requested" || status === "rejected"))
    return [{ offender, rule: "is refunded without having been received", values: `${status}, refund ${only.id}` }];
  if (!view.isAtRest(orderId)) return [];
  const paid = only !== undefined && GONE_BACK.includes(only.status) ? only.amount : 0;
  if (status === "refunded" && paid !== refund)
    return [{ offender, rule: "was paid back another amount than it says", values: `${paid} instead of ${refund}` }];
  // One that was refused is a debt that is named by itself.
  if (status === "received" && only?.status !== "refused")
    return [{ offender, rule: "is received, and its money is not settled", values: `refund ${only?.status ?? "none"}` }];
  return [];
};
