import { type Static, Type } from "typebox";
import { Exactly, Id, Quantity, Sku, Time } from "./common.ts";
import { contract } from "./contract.ts";

const OnHand = Type.Integer({ minimum: 0, maximum: 1_000_000_000 });

export const Stock = Exactly({
  sku: Sku,
  onHand: Type.Integer({ minimum: 0 }),
  reserved: Type.Integer({ minimum: 0 }),
  /** onHand - reserved: what can still be sold. */
  available: Type.Integer({ minimum: 0 }),
});
export type Stock = Static<typeof Stock>;

/** Whether a unit of a SKU can be sold. */
export const Availability = Exactly({
  sku: Sku,
  available: Type.Boolean(),
  /** Grows by one with each change of it, from 0 when there was never one: of two messages the higher is the later. */
  version: Type.Integer({ minimum: 0 }),
});
export type Availability = Static<typeof Availability>;

const Shortage = Exactly({ sku: Sku, requested: Type.Integer(), available: Type.Integer() });
export type Shortage = Static<typeof Shortage>;

export const inventory = contract({
  name: "inventory",
  version: 1,
  actions: {
    get: { params: Exactly({ sku: Sku }), result: Stock, idempotent: true },
    /** The stock of those SKUs that are known; an unknown one is left out. */
    getMany: {
      params: Exactly({ skus: Type.Array(Sku, { minItems: 1, maxItems: 200 }) }),
      result: Exactly({ items: Type.Array(Stock) }),
      idempotent: true,
    },
    /** For those who keep a copy of it; an unknown SKU is left out. */
    availability: {
      params: Exactly({ skus: Type.Array(Sku, { minItems: 1, maxItems: 500 }) }),
      result: Exactly({ items: Type.Array(Availability) }),
      idempotent: true,
    },
    /** Sets what a stock-take has counted. Refused below what is reserved. Makes the SKU known. */
    set: {
      params: Exactly({ sku: Sku, onHand: OnHand }),
      result: Stock,
      idempotent: true,
    },
    /** The demo's stock: makes unknown SKUs known and leaves known ones that ever had stock as they are. */
    seedDemo: {
      params: Exactly({ items: Type.Array(Exactly({ sku: Sku, onHand: OnHand }), { maxItems: 2000 }) }),
      result: Exactly({ created: Type.Integer() }),
      idempotent: true,
    },
  },
  events: {
    "stock.reserved": Type.Object({
      orderId: Id,
      lines: Type.Array(Type.Object({ sku: Sku, quantity: Quantity })),
      expiresAt: Time,
    }),
    "stock.rejected": Type.Object({ orderId: Id, shortages: Type.Array(Type.Object(Shortage.properties)) }),
    /** The last unit of a SKU is gone, or there are some again: told at the turn only, whatever moves in between. */
    "availability.changed": Type.Object({ items: Type.Array(Type.Object(Availability.properties), { minItems: 1 }) }),
    /** The reservation's time is over. The stock stays held until orders has decided: it cancels, unless the order is paid. */
    "reservation.expired": Type.Object({ orderId: Id }),
  },
  errors: {
    SKU_NOT_FOUND: "The inventory does not know this SKU",
    STOCK_BELOW_RESERVED: "Less stock than is reserved for orders",
    /** Of events, never of an answer. */
    NOT_RESERVED_YET: "The order is confirmed, but its creation has not arrived here yet",
    STOCK_NOT_HELD: "The order is confirmed, but nothing is held for it: nothing is sold",
  },
  refusals: {
    get: { SKU_NOT_FOUND: 404 },
    getMany: {},
    availability: {},
    set: { STOCK_BELOW_RESERVED: 409 },
    seedDemo: {},
  },
  handles: [
    "product.created",
    "product.updated",
    "order.created",
    "order.confirmed",
    "order.cancelled",
    "payment.failed",
    "return.received",
  ],
});
