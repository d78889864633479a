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

/** How long the page waits for each, in milliseconds. A cart is priced and its stock looked up, each by a call of its own. */
export const OVERVIEW_DEADLINES_MS: Record<(typeof PARTS)[number], number> = { profile: 1_000, cart: 2_000, orders: 1_500 };

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
    part("profile", OVERVIEW_DEADLINES_MS.profile, desk, degraded, (limit) => desk.call("v1.users.get", { userId }, limit)),
    part("cart", OVERVIEW_DEADLINES_MS.cart, desk, degraded, (limit) =>
      desk.call("v1.carts.get", { cartId: customerCart(userId) }, limit),
    ),
    part("orders", OVERVIEW_DEADLINES_MS.orders, desk, degraded, (limit) =>
      desk.call("v1.orders.list", { userId, limit: LAST_ORDERS }, limit),
    ),
  ]);
  return { profile, cart, orders: orders?.items ?? null, degraded: degraded.among(PARTS) };
};
