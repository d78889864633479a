import { type Static, Type } from "typebox";
import { Exactly, Id, Page, Paging, Time } from "./common.ts";
import { contract } from "./contract.ts";

const CHANNELS = ["email"] as const;
export type Channel = (typeof CHANNELS)[number];
export const Channel = Type.Enum(CHANNELS);

export const Notification = Exactly({
  id: Id,
  channel: Channel,
  /** The template's name, such as `order-confirmation`. */
  template: Type.String(),
  subject: Type.String(),
  body: Type.String(),
  status: Type.Enum(["queued", "sent", "failed", "suppressed"]),
  orderId: Type.Union([Id, Type.Null()]),
  createdAt: Time,
  sentAt: Type.Union([Time, Type.Null()]),
});
export type Notification = Static<typeof Notification>;

/** What a customer wants to hear. Receipts and confirmations are owed by law and cannot be switched off. */
export const Preferences = Exactly({
  email: Exactly({ shipping: Type.Boolean(), account: Type.Boolean() }),
});
export type Preferences = Static<typeof Preferences>;

export const notifications = contract({
  name: "notifications",
  version: 1,
  actions: {
    list: { params: Exactly({ userId: Id, ...Paging }), result: Page(Notification), idempotent: true },
    getPreferences: { params: Exactly({ userId: Id }), result: Preferences, idempotent: true },
    setPreferences: { params: Exactly({ userId: Id, preferences: Preferences }), result: Preferences, idempotent: true },
  },
  events: {},
  errors: {
    INVALID_CURSOR: "The cursor does not belong to this list",
  },
  refusals: {
    list: { INVALID_CURSOR: 400 },
    getPreferences: {},
    setPreferences: {},
  },
  handles: [
    "user.registered",
    "password.forgotten",
    "password.changed",
    "order.created",
    "payment.completed",
    "order.cancelled",
    "shipment.dispatched",
    "shipment.delivered",
    "payment.refunded",
    "refund.refused",
    "return.received",
    "return.rejected",
  ],
});
