import type { InventoryFacts } from "../facts.ts";
import { type Invariant, type Offence, unitsText } from "../invariant.ts";
import { groupBy, unitsOf, type View } from "../view.ts";

/** No unit appears or vanishes: the figures of a SKU are what its movements and reservations add up to. All of one store, so
 *  it is asked of what is under way too. */
export const stock: Invariant = {
  name: "stock on hand, reserved and sold is exact, and never oversold",
  needs: ["inventory"],
  check(view) {
    const facts = view.inventory as InventoryFacts;
    const movements = groupBy(facts.movements, ({ sku }) => sku);
    const kept = unitsIn(facts, "held", "expiring");
    const committed = unitsIn(facts, "committed");
    const offences = facts.stock.flatMap(({ sku, onHand, reserved, sold }) => {
      const moved = movements.get(sku) ?? [];
      const sum = (counts: (kind: string) => boolean) =>
        moved.filter(({ kind }) => counts(kind)).reduce((total, { quantity }) => total + quantity, 0);
      const all = sum(() => true);
      const putIn = sum((kind) => kind !== "sold");
      const offender = `SKU ${sku}`;
      const wrong = (isWrong: boolean, rule: string, values: string): Offence[] => (isWrong ? [{ offender, rule, values }] : []);
      return [
        ...wrong(
          onHand < 0 || reserved < 0 || sold < 0,
          "has a negative figure",
          `on hand ${onHand}, reserved ${reserved}, sold ${sold}`,
        ),
        ...wrong(reserved > onHand, "is oversold", `reserved ${reserved} of ${onHand} on hand`),
        ...wrong(onHand !== all, "has not on hand what its movements add up to", `${onHand} instead of ${all}`),
        ...wrong(
          onHand + sold !== putIn,
          "has not on hand and sold together what was put in",
          `${onHand} + ${sold} instead of ${putIn}`,
        ),
        ...wrong(
          reserved !== (kept.get(sku) ?? 0),
          "has not reserved what its reservations keep",
          `${reserved} instead of ${kept.get(sku) ?? 0}`,
        ),
        ...wrong(
          sold !== (committed.get(sku) ?? 0),
          "has not sold what was committed to orders",
          `${sold} instead of ${committed.get(sku) ?? 0}`,
        ),
      ];
    });
    const known = new Set(facts.stock.map(({ sku }) => sku));
    const unknown = [...movements.keys(), ...kept.keys(), ...committed.keys()].filter((sku) => !known.has(sku));
    return {
      checked: facts.stock.length,
      offences: [
        ...offences,
        ...[...new Set(unknown)].map((sku) => ({ offender: `SKU ${sku}`, rule: "has moved and is not in stock" })),
        ...wronglyMoved(view, facts),
      ],
    };
  },
};

const unitsIn = ({ reservations }: InventoryFacts, ...statuses: string[]): Map<string, number> =>
  unitsOf(reservations.filter(({ status }) => statuses.includes(status)).flatMap(({ lines }) => lines));

/** An order's units leave once: its sales in the movements are its committed reservation. */
const wronglyMoved = (view: View, { reservations, movements }: InventoryFacts): Offence[] => {
  const sales = groupBy(
    movements.filter(({ kind, orderId }) => kind === "sold" && orderId !== null),
    ({ orderId }) => orderId as string,
  );
  const byOrder = new Map(reservations.map((reservation) => [reservation.orderId, reservation]));
  return [...new Set([...sales.keys(), ...byOrder.keys()])].flatMap((orderId) => {
    const reservation = byOrder.get(orderId);
    const expected = unitsOf(reservation?.status === "committed" ? reservation.lines : []);
    const left = unitsOf((sales.get(orderId) ?? []).map(({ sku, quantity }) => ({ sku, quantity: -quantity })));
    const differs = [...new Set([...expected.keys(), ...left.keys()])].some(
      (sku) => (expected.get(sku) ?? 0) !== (left.get(sku) ?? 0),
    );
    if (!differs) return [];
    return [
      {
        offender: view.nameOf(orderId),
        rule: "has other units moved than sold to it",
        values: `${unitsText(left)} instead of ${unitsText(expected)}`,
      },
    ];
  });
};
