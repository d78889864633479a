import { type Static, Type } from "typebox";
import { CartRevision, Exactly, Id, Money, Nothing, Sku, Totals } from "./common.ts";
import { contract } from "./contract.ts";

/** `user:<id>` of a customer or `guest:<token>` of a guest. */
export const CartId = Type.String({ pattern: "^(user|guest):[A-Za-z0-9_-]{1,64}$" });
const GuestCartId = Type.String({ pattern: "^guest:[A-Za-z0-9_-]{1,64}$" });

export const CartLine = Exactly({
  sku: Sku,
  productId: Id,
  name: Type.String(),
  quantity: Type.Integer({ minimum: 1 }),
  unitPrice: Money,
  total: Money,
  /** Whether the shop can sell this quantity now. A hint, not a reservation; null while the stock is not known. False also for
   *  what is not for sale any more: that line shows the name and price of when it was added, and no total counts it. */
  available: Type.Union([Type.Boolean(), Type.Null()]),
});
export type CartLine = Static<typeof CartLine>;

export const Cart = Exactly({ lines: Type.Array(CartLine), totals: Totals });
export type Cart = Static<typeof Cart>;

export const carts = contract({
  name: "carts",
  version: 1,
  actions: {
    get: { params: Exactly({ cartId: CartId }), result: Cart, idempotent: true },
    setItem: {
      params: Exactly({ cartId: CartId, sku: Sku, quantity: Type.Integer({ minimum: 1, maximum: 99 }) }),
      result: Cart,
      idempotent: true,
    },
    removeItem: { params: Exactly({ cartId: CartId, sku: Sku }), result: Cart, idempotent: true },
    clear: { params: Exactly({ cartId: CartId }), result: Nothing, idempotent: true },
    /** Moves every line of the guest's cart into the customer's: quantities add up to 99 at most, the guest's cart is gone. */
    merge: { params: Exactly({ from: GuestCartId, into: CartId }), result: Cart, idempotent: true },
    /** Only what is in it: SKU and quantity. What orders copies when an order is placed. */
    lines: {
      params: Exactly({ cartId: CartId }),
      result: Exactly({
        lines: Type.Array(Exactly({ sku: Sku, quantity: Type.Integer({ minimum: 1 }) })),
        /** Says which state of the cart these are; a broker of an older version does not. */
        revision: Type.Optional(CartRevision),
      }),
      idempotent: true,
    },
  },
  events: {},
  errors: {
    SKU_NOT_FOUND: "The catalogue does not know this SKU",
    NOT_SELLABLE: "This product is not for sale",
    CART_FULL: "A cart takes at most 100 lines, and at most 200 by a merge",
  },
  refusals: {
    get: {},
    setItem: { SKU_NOT_FOUND: 404, NOT_SELLABLE: 409, CART_FULL: 409 },
    removeItem: {},
    clear: {},
    merge: { CART_FULL: 409 },
    lines: {},
  },
  handles: ["order.created"],
});
