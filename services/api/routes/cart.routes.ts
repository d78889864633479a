import { carts } from "@molecart/mixins/contracts/carts.ts";
import { Exactly } from "@molecart/mixins/contracts/common.ts";
import { Type } from "typebox";
import { CART_TOKEN, customerCart, emptyCart, guestCart } from "../cart-identity.ts";
import { actionRoute } from "../route.ts";

export const cartRoutes = [
  actionRoute({
    name: "getCart",
    method: "GET",
    path: "/cart",
    access: "guest-or-customer",
    scope: "cart:read",
    status: 200,
    summary: "The cart with current prices and totals",
    action: "v1.carts.get",
    params: ({ cartId }) => ({ cartId }),
    withoutCart: emptyCart,
  }),
  actionRoute({
    name: "clearCart",
    method: "DELETE",
    path: "/cart",
    access: "guest-or-customer",
    scope: "cart:write",
    status: 204,
    summary: "Empties the cart",
    action: "v1.carts.clear",
    params: ({ cartId }) => ({ cartId }),
    withoutCart: () => null,
  }),
  actionRoute({
    name: "setCartItem",
    method: "PUT",
    path: "/cart/items/{sku}",
    access: "guest-or-customer",
    scope: "cart:write",
    status: 200,
    summary: "Puts a quantity of a SKU into the cart; a guest's first write answers the cart's token",
    body: Exactly({ quantity: carts.actions.setItem.params.properties.quantity }),
    action: "v1.carts.setItem",
    params: ({ cartId, path, body }) => ({ cartId, sku: path.sku, quantity: body.quantity }),
  }),
  actionRoute({
    name: "removeCartItem",
    method: "DELETE",
    path: "/cart/items/{sku}",
    access: "guest-or-customer",
    scope: "cart:write",
    status: 200,
    summary: "Takes a SKU out of the cart",
    action: "v1.carts.removeItem",
    params: ({ cartId, path }) => ({ cartId, sku: path.sku }),
    withoutCart: emptyCart,
  }),
  actionRoute({
    name: "mergeCart",
    method: "POST",
    path: "/cart/merge",
    access: "customer",
    scope: "cart:write",
    status: 200,
    summary: "Moves a guest's cart into the caller's",
    body: Exactly({ cartToken: Type.String({ pattern: CART_TOKEN.source }) }),
    action: "v1.carts.merge",
    params: ({ caller, body }) => ({ from: guestCart(body.cartToken), into: customerCart(caller.userId) }),
  }),
];
