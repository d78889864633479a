import { Cart } from "@molecart/mixins/contracts/carts.ts";
import { Exactly } from "@molecart/mixins/contracts/common.ts";
import { Order } from "@molecart/mixins/contracts/orders.ts";
import { User } from "@molecart/mixins/contracts/users.ts";
import { type Static, Type } from "typebox";
import { customerCart } from "./cart-identity.ts";
import { Degraded, part } from "./part.ts";
import type { Desk } from "./route.ts";

const LAST_ORDERS = 5;
const PARTS = ["profile", "cart", "orders"] as const;

export const Overview = Exactly({
  profile: Type.Union([User, Type.Null()]),
  cart: Type.Union([Cart, Type.Null()]),
  /** The last five, newest first. */
  orders: Type.Union([Type.Array(Order), Type.Null()]),
  /** The parts that could not be had. */
  degraded: Type.Array(Type.Enum(PARTS)),
});
export type Overview = Static<typeof Overview>;

/** Asks for all parts at once; each degrades by itself. */
export const overviewOf = async (desk: Desk, userId: string): Promise<Overview> => {
  const degraded = new Degraded(desk);
  const [profile, cart, orders] = await Promise.all([
    part("profile", desk.call("v1.users.get", { userId }), degraded),
    part("cart", desk.call("v1.carts.get", { cartId: customerCart(userId) }), degraded),
    part("orders", desk.call("v1.orders.list", { userId, limit: LAST_ORDERS }), degraded),
  ]);
  return { profile, cart, orders: orders?.items ?? null, degraded: degraded.among(PARTS) };
};
