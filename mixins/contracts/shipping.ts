import { type Static, Type } from "typebox";
import { Address, Customer, Exactly, Id, Quantity, Sku, Time, Viewer } from "./common.ts";
import { contract } from "./contract.ts";

const STATUSES = ["pending", "dispatched", "delivered", "cancelled"] as const;
export type ShipmentStatus = (typeof STATUSES)[number];

export const Shipment = Exactly({
  id: Id,
  orderId: Id,
  status: Type.Enum(STATUSES),
  lines: Type.Array(Exactly({ sku: Sku, name: Type.String(), quantity: Quantity })),
  address: Address,
  carrier: Type.Union([Type.String(), Type.Null()]),
  trackingNumber: Type.Union([Type.String(), Type.Null()]),
  history: Type.Array(Exactly({ status: Type.String(), at: Time })),
  createdAt: Time,
});
export type Shipment = Static<typeof Shipment>;

const Parcel = {
  orderId: Id,
  /** The order's, as its customer knows it. */
  number: Type.String(),
  shipmentId: Id,
  carrier: Type.String(),
  trackingNumber: Type.String(),
  customer: Customer,
  at: Time,
};

export const shipping = contract({
  name: "shipping",
  version: 1,
  actions: {
    getByOrder: { params: Exactly({ orderId: Id, viewer: Viewer }), result: Shipment, idempotent: true },
    dispatch: {
      params: Exactly({
        shipmentId: Id,
        carrier: Type.String({ minLength: 1, maxLength: 60 }),
        trackingNumber: Type.String({ minLength: 1, maxLength: 100, pattern: "^[A-Za-z0-9 ._/-]+$" }),
      }),
      result: Shipment,
      idempotent: true,
    },
    deliver: { params: Exactly({ shipmentId: Id }), result: Shipment, idempotent: true },
    /** Stops the parcel of an order, also one that shipping has not heard of yet. Says false if it is on its way already. */
    cancel: { params: Exactly({ orderId: Id }), result: Exactly({ cancelled: Type.Boolean() }), idempotent: true },
  },
  events: {
    "shipment.dispatched": Type.Object(Parcel),
    "shipment.delivered": Type.Object(Parcel),
  },
  errors: {
    SHIPMENT_NOT_FOUND: "No such shipment, or it is somebody else's",
    ILLEGAL_TRANSITION: "The shipment cannot change so from its present state",
  },
  refusals: {
    getByOrder: { SHIPMENT_NOT_FOUND: 404 },
    dispatch: { SHIPMENT_NOT_FOUND: 404, ILLEGAL_TRANSITION: 409 },
    deliver: { SHIPMENT_NOT_FOUND: 404, ILLEGAL_TRANSITION: 409 },
    cancel: {},
  },
  handles: ["order.confirmed", "order.cancelled"],
});
