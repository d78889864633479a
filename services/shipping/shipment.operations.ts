import type { ActionParams, EventData } from "@molecart/mixins/contracts/index.ts";
import type { Shipment } from "@molecart/mixins/contracts/shipping.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { ShipmentNotFound } from "./shipment.errors.ts";
import { insertShipment, lockShipment, lockShipmentOf, setStatus, type Tables } from "./shipment.repository.ts";
import {
  deliver,
  dispatch,
  hasParcel,
  type Label,
  pendingShipment,
  type ShipmentWithParcel,
  stop,
  tombstone,
  toShipment,
} from "./shipment.ts";

type ShippingWork = SqlWork<Tables>;

/** Prepares the parcel of a confirmed order; nothing when it has one, or was cancelled first. */
export const createShipment = async (work: ShippingWork, order: EventData<"order.confirmed">): Promise<void> => {
  const { orderId, number, customer, shippingAddress } = order;
  const lines = order.lines.map(({ sku, name, quantity }) => ({ sku, name, quantity }));
  const parcel = { number, customer, lines, address: shippingAddress };
  await insertShipment(work.trx, pendingShipment(newId(), orderId, parcel, work.now));
};

const lockParcel = async (work: ShippingWork, shipmentId: string): Promise<ShipmentWithParcel> => {
  const shipment = await lockShipment(work.trx, shipmentId);
  if (!hasParcel(shipment)) throw new ShipmentNotFound(shipmentId);
  return shipment;
};

/** Hands the parcel to the carrier. A repeat with the same label answers the same and announces nothing again. */
export const dispatchShipment = async (
  work: ShippingWork,
  { shipmentId, ...label }: ActionParams<"v1.shipping.dispatch">,
): Promise<Shipment> => {
  const shipment = await lockParcel(work, shipmentId);
  const dispatched = dispatch(shipment, label, work.now);
  if (dispatched === undefined) return toShipment(shipment);
  await setStatus(work.trx, dispatched, work.now);
  announce(work, "shipment.dispatched", dispatched);
  return toShipment(dispatched);
};

export const deliverShipment = async (work: ShippingWork, shipmentId: string): Promise<Shipment> => {
  const shipment = await lockParcel(work, shipmentId);
  const delivered = deliver(shipment, work.now);
  if (delivered === undefined) return toShipment(shipment);
  await setStatus(work.trx, delivered, work.now);
  announce(work, "shipment.delivered", delivered);
  return toShipment(delivered);
};

const announce = (
  work: ShippingWork,
  event: "shipment.dispatched" | "shipment.delivered",
  { id, orderId, parcel, label }: ShipmentWithParcel,
): void => {
  const { carrier, trackingNumber } = label as Label;
  const { number, customer } = parcel;
  work.emit(event, orderId, { orderId, number, shipmentId: id, carrier, trackingNumber, customer, at: work.now });
};

/** Keeps the parcel of an order from leaving, also one that is not here yet. Answers false when it has left. */
export const stopShipment = async (work: ShippingWork, orderId: string): Promise<boolean> => {
  if (await insertShipment(work.trx, tombstone(newId(), orderId, work.now))) return true;
  const shipment = await lockShipmentOf(work.trx, orderId);
  // The row that kept us from inserting is committed, and none is ever deleted.
  if (shipment === undefined) throw new Error(`The shipment of ${orderId} has vanished`);
  const stopped = stop(shipment, work.now);
  if (stopped.outcome === "cancel") await setStatus(work.trx, stopped.shipment, work.now);
  return stopped.outcome !== "too late";
};
