import type { OrderFact, OrdersFacts, ShippingFacts } from "../facts.ts";
import { type Invariant, type Offence, unitsText } from "../invariant.ts";
import { groupBy, isCancelled, isSold, sameUnits, unitsOf, type View } from "../view.ts";

type Shipment = ShippingFacts["shipments"][number];

/** A sold order has one parcel with what was ordered; any other has none that leaves. */
export const shipments: Invariant = {
  name: "one shipment per sold order, none for others",
  needs: ["orders", "shipping"],
  check(view) {
    const { orders } = view.orders as OrdersFacts;
    const { shipments: all } = view.shipping as ShippingFacts;
    const byOrder = groupBy(all, ({ orderId }) => orderId);
    return {
      checked: orders.length + all.length,
      offences: [
        ...orders.flatMap((order) => judge(view, order, byOrder.get(order.id) ?? [])),
        ...all
          .filter(({ orderId }) => !view.ordersById.has(orderId))
          .map(({ id, orderId, status }) => ({
            offender: `shipment ${id}`,
            rule: "is for no order",
            values: `${status}, order ${orderId}`,
          })),
      ],
    };
  },
};

/** Where the parcel is when the order says where it is. */
const WHERE: Partial<Record<OrderFact["status"], Shipment["status"]>> = {
  confirmed: "pending",
  shipped: "dispatched",
  delivered: "delivered",
};

const judge = (view: View, order: OrderFact, found: Shipment[]): Offence[] => {
  const offender = view.nameOf(order.id);
  const [shipment] = found;
  const offences: Offence[] = [];
  if (found.length > 1) offences.push({ offender, rule: "has several shipments", values: found.map(({ id }) => id).join(", ") });
  if (shipment?.lines != null && !sameUnits(unitsOf(order.lines), unitsOf(shipment.lines)))
    offences.push({
      offender,
      rule: "has other units in its parcel than ordered",
      values: `${unitsText(unitsOf(shipment.lines))} instead of ${unitsText(unitsOf(order.lines))}`,
    });
  const hasLeft = shipment?.status === "dispatched" || shipment?.status === "delivered";
  if (hasLeft && isCancelled(order))
    offences.push({
      offender,
      rule: "is cancelled, and its parcel has left",
      values: `shipment ${shipment.id} ${shipment.status}`,
    });

  if (!view.isAtRest(order.id)) return offences;
  if (isSold(order)) {
    if (shipment === undefined) offences.push({ offender, rule: "is sold and has no shipment", values: order.status });
    const where = WHERE[order.status];
    if (shipment !== undefined && where !== undefined && shipment.status !== where)
      offences.push({ offender, rule: "is not where its parcel is", values: `${order.status}, shipment ${shipment.status}` });
  } else if (shipment !== undefined && shipment.status !== "cancelled" && !hasLeft) {
    offences.push({ offender, rule: "is not sold and has a shipment", values: `${order.status}, shipment ${shipment.status}` });
  }
  return offences;
};
