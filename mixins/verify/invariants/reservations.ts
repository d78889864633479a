import type { InventoryFacts, OrderFact, OrdersFacts } from "../facts.ts";
import { type Invariant, type Offence, unitsText } from "../invariant.ts";
import { groupBy, isCancelled, isSold, sameUnits, unitsOf, type View } from "../view.ts";

type Reservation = InventoryFacts["reservations"][number];

/** Every order has one reservation with one outcome: its units are kept while it is open, sold when it is confirmed, free when
 *  it is cancelled. */
export const reservations: Invariant = {
  name: "one reservation outcome per order",
  needs: ["orders", "inventory"],
  check(view) {
    const { orders } = view.orders as OrdersFacts;
    const facts = view.inventory as InventoryFacts;
    const byOrder = groupBy(facts.reservations, ({ orderId }) => orderId);
    const offences = orders.flatMap((order) => judge(view, order, byOrder.get(order.id) ?? []));
    const strangers = facts.reservations
      .filter(({ orderId }) => !view.ordersById.has(orderId))
      .map(({ orderId, status }) => ({
        offender: `order ${orderId}`,
        rule: "has a reservation and does not exist",
        values: status,
      }));
    return { checked: orders.length, offences: [...offences, ...strangers] };
  },
};

const expectedOf = (order: OrderFact): readonly Reservation["status"][] => {
  if (isSold(order)) return ["committed"];
  return isCancelled(order) ? ["released"] : ["held", "expiring"];
};

const judge = (view: View, order: OrderFact, found: Reservation[]): Offence[] => {
  const offender = view.nameOf(order.id);
  const [reservation] = found;
  const outcomes = ["stock.reserved", "stock.rejected"].flatMap((type) => view.sent("inventory", order.id, type));
  const offences: Offence[] = [];
  if (found.length > 1) offences.push({ offender, rule: "has several reservations", values: String(found.length) });
  if (outcomes.length > 1)
    offences.push({ offender, rule: "has several reservation outcomes", values: outcomes.map(({ type }) => type).join(", ") });
  if (reservation === undefined)
    return view.isAtRest(order.id) ? [...offences, { offender, rule: "has no reservation", values: order.status }] : offences;

  const ordered = unitsOf(order.lines);
  const reserved = unitsOf(reservation.lines);
  if (reservation.expiresAt !== null && !sameUnits(ordered, reserved))
    offences.push({
      offender,
      rule: "has other units reserved than ordered",
      values: `${unitsText(reserved)} instead of ${unitsText(ordered)}`,
    });
  if (reservation.status !== "released" && !view.isTrimmed(order.id) && !outcomes.some(({ type }) => type === "stock.reserved"))
    offences.push({ offender, rule: "has units kept and nobody was told", values: reservation.status });
  const expected = expectedOf(order);
  if (view.isAtRest(order.id) && !expected.includes(reservation.status))
    offences.push({
      offender,
      rule: "has not the reservation that its state calls for",
      values: `${order.status}, reservation ${reservation.status} instead of ${expected.join(" or ")}`,
    });
  return offences;
};
