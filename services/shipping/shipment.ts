import type { Address, Customer } from "@molecart/mixins/contracts/common.ts";
import type { Shipment, ShipmentStatus } from "@molecart/mixins/contracts/shipping.ts";
import { IllegalTransition } from "./shipment.errors.ts";

/** What can be done to a shipment. */
export type Trigger = "dispatch" | "deliver" | "cancel";

/** What is not in the table cannot happen. */
export const transitions: Record<ShipmentStatus, Partial<Record<Trigger, ShipmentStatus>>> = {
  pending: { dispatch: "dispatched", cancel: "cancelled" },
  dispatched: { deliver: "delivered" },
  delivered: {},
  cancelled: {},
};

/** What is sent, and to whom. */
export interface Parcel {
  /** The order's number. */
  number: string;
  customer: Customer;
  lines: Shipment["lines"];
  address: Address;
}

export interface Label {
  carrier: string;
  trackingNumber: string;
}

/** A shipment with `parcel: null` is a tombstone: the order was cancelled before shipping had heard of it. */
export interface StoredShipment {
  id: string;
  orderId: string;
  status: ShipmentStatus;
  parcel: Parcel | null;
  /** Null until it is dispatched. */
  label: Label | null;
  history: Shipment["history"];
  createdAt: string;
}

export type ShipmentWithParcel = StoredShipment & { parcel: Parcel };

export const hasParcel = (stored: StoredShipment | undefined): stored is ShipmentWithParcel =>
  stored !== undefined && stored.parcel !== null;

export const toShipment = ({ parcel, label, ...stored }: ShipmentWithParcel): Shipment => ({
  id: stored.id,
  orderId: stored.orderId,
  status: stored.status,
  lines: parcel.lines,
  address: parcel.address,
  carrier: label?.carrier ?? null,
  trackingNumber: label?.trackingNumber ?? null,
  history: stored.history,
  createdAt: stored.createdAt,
});

const enter = <S extends StoredShipment>(shipment: S, trigger: Trigger, at: string): S => {
  const status = transitions[shipment.status][trigger];
  if (status === undefined) throw new IllegalTransition(shipment.id, shipment.status, trigger);
  return { ...shipment, status, history: [...shipment.history, { status, at }] };
};

const hasLabel = ({ label }: StoredShipment, { carrier, trackingNumber }: Label): boolean =>
  label?.carrier === carrier && label.trackingNumber === trackingNumber;

/** The dispatched shipment; undefined when it has been dispatched with this label already. */
export const dispatch = <S extends StoredShipment>(shipment: S, label: Label, at: string): S | undefined =>
  hasLabel(shipment, label) ? undefined : { ...enter(shipment, "dispatch", at), label };

/** The delivered shipment; undefined when it was delivered already. */
export const deliver = <S extends StoredShipment>(shipment: S, at: string): S | undefined =>
  shipment.status === "delivered" ? undefined : enter(shipment, "deliver", at);

/** What becomes of a wish to stop the parcel; it comes too late when the parcel has left. */
export type Stop<S> = { outcome: "cancel"; shipment: S } | { outcome: "already cancelled" } | { outcome: "too late" };

export const stop = <S extends StoredShipment>(shipment: S, at: string): Stop<S> => {
  if (shipment.status === "cancelled") return { outcome: "already cancelled" };
  if (transitions[shipment.status].cancel === undefined) return { outcome: "too late" };
  return { outcome: "cancel", shipment: enter(shipment, "cancel", at) };
};

export const pendingShipment = (id: string, orderId: string, parcel: Parcel, at: string): StoredShipment => ({
  id,
  orderId,
  status: "pending",
  parcel,
  label: null,
  history: [{ status: "pending", at }],
  createdAt: at,
});

/** Keeps a parcel from being made for an order that was cancelled first. */
export const tombstone = (id: string, orderId: string, at: string): StoredShipment => ({
  id,
  orderId,
  status: "cancelled",
  parcel: null,
  label: null,
  history: [{ status: "cancelled", at }],
  createdAt: at,
});
