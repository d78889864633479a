import { type Static, Type } from "typebox";
import { CartRevision, Exactly, Id, IdempotencyKey, Money, Nothing, Sku, Totals } from "./common.ts";
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
  /** Why it is not available. `TOO_FEW`: less is there than is wanted; see `availableQuantity`. */
  unavailable: Type.Optional(Type.Enum(["UNKNOWN", "NOT_FOR_SALE", "SOLD_OUT", "TOO_FEW"])),
  /** How many the shop could sell now; only where it is less than `quantity`, and something. */
  availableQuantity: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Where the price is another one than when the line was last set or added to: what it was then, and whether it has risen or
   *  fallen since. */
  priceWhenAdded: Type.Optional(Money),
  priceChanged: Type.Optional(Type.Enum(["raised", "lowered"])),
});
export type CartLine = Static<typeof CartLine>;

export const Cart = Exactly({
  lines: Type.Array(CartLine),
  /** What is kept for later: no total counts it and no order takes it. */
  saved: Type.Array(CartLine),
  totals: Totals,
});
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
    /** Adds to what is there. The same key adds once within a day, whatever has become of the line since. */
    addItem: {
      params: Exactly({
        cartId: CartId,
        sku: Sku,
        quantity: Type.Integer({ minimum: 1, maximum: 99 }),
        idempotencyKey: IdempotencyKey,
      }),
      result: Cart,
      idempotent: true,
    },
    removeItem: { params: Exactly({ cartId: CartId, sku: Sku }), result: Cart, idempotent: true },
    /** Moves a line out of the cart to what is saved for later; a line that is not in the cart changes nothing. */
    saveItem: { params: Exactly({ cartId: CartId, sku: Sku }), result: Cart, idempotent: true },
    /** Moves what is saved back into the cart, to what is there; what is not saved changes nothing. */
    restoreItem: { params: Exactly({ cartId: CartId, sku: Sku }), result: Cart, idempotent: true },
    removeSaved: { params: Exactly({ cartId: CartId, sku: Sku }), result: Cart, idempotent: true },
    /** Empties it; what is saved for later stays. */
    clear: { params: Exactly({ cartId: CartId }), result: Nothing, idempotent: true },
    /** Moves every line of the guest's cart into the customer's, and what is saved to what is saved: quantities add up to 99 at
     *  most, the guest's cart is gone. */
    merge: { params: Exactly({ from: GuestCartId, into: CartId }), result: Cart, idempotent: true },
    /** Only what is in it: SKU and quantity. What orders copies when an order is placed. */
    lines: {
      params: Exactly({ cartId: CartId }),
      result: Exactly({
        lines: Type.Array(
          Exactly({
            sku: Sku,
            quantity: Type.Integer({ minimum: 1 }),
            /** Which units came in with which write, oldest first: together as many or more. A broker of an older version does
             *  not say it. */
            added: Type.Optional(Type.Array(Exactly({ quantity: Type.Integer({ minimum: 1 }), revision: CartRevision }))),
          }),
        ),
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
    SOLD_OUT: "Nothing of this product is in stock",
    QUANTITY_LIMIT: "A line holds at most 99",
    IDEMPOTENCY_KEY_REUSED: "The Idempotency-Key was used with another request",
    CART_FULL: "A cart takes at most 100 lines, and at most 200 by a merge",
  },
  refusals: {
    get: {},
    setItem: { SKU_NOT_FOUND: 404, NOT_SELLABLE: 409, CART_FULL: 409 },
    addItem: {
      SKU_NOT_FOUND: 404,
      NOT_SELLABLE: 409,
      SOLD_OUT: 409,
      QUANTITY_LIMIT: 409,
      CART_FULL: 409,
      IDEMPOTENCY_KEY_REUSED: 422,
    },
    removeItem: {},
    saveItem: { CART_FULL: 409 },
    restoreItem: { CART_FULL: 409 },
    removeSaved: {},
    clear: {},
    merge: { CART_FULL: 409 },
    lines: {},
  },
  handles: ["order.created"],
});
