import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cart } from "../../contracts/carts.ts";
import type { Notification } from "../../contracts/notifications.ts";
import type { Order } from "../../contracts/orders.ts";
import type { SearchResult } from "../../contracts/products.ts";
import type { SignedIn } from "../../contracts/users.ts";
import { isFinal, type Scenario } from "./scenarios.ts";
import { type ShopClient, ShopError } from "./shop-client.ts";

const SEARCHES = ["lamp", "coffee", "bottle", "wool", "bike", "desk", "tent", "book", "garden", "speaker"];
const POLL_MS = 150;

const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

/** Registers; when the answer to an earlier try was lost, the account is there already. */
export const signUp = async (shop: ShopClient, name: string): Promise<void> => {
  const email = `${name.toLowerCase().replaceAll(" ", ".")}.${randomUUID().slice(0, 8)}@molecart.example`;
  const password = randomUUID();
  const signedIn = await shop
    .shop<SignedIn>("/auth/register", { method: "POST", body: { email, password, name } })
    .catch((error) => {
      if (!(error instanceof ShopError && error.code === "EMAIL_TAKEN")) throw error;
      return shop.shop<SignedIn>("/auth/login", { method: "POST", body: { email, password } });
    });
  shop.signIn(signedIn.accessToken);
};

/** Browses, fills the basket with one to three lines, and answers its total. */
const fillBasket = async (shop: ShopClient): Promise<Cart> => {
  const { items } = await shop.shop<SearchResult>(`/products?q=${pick(SEARCHES)}&limit=20`);
  const products = items.length > 0 ? items : (await shop.shop<SearchResult>("/products?limit=50")).items;
  let cart: Cart | undefined;
  for (let line = 0; line < 1 + Math.floor(Math.random() * 3); line++) {
    const { sku } = pick(pick(products).variants);
    cart = await shop.shop<Cart>(`/cart/items/${sku}`, { method: "PUT", body: { quantity: 1 + Math.floor(Math.random() * 2) } });
  }
  return cart as Cart;
};

/** Places one order and follows it until nothing more happens to it, or until the deadline. */
export const buy = async (shop: ShopClient, scenario: Scenario, deadline: number): Promise<Order> => {
  const cart = await fillBasket(shop);
  const { token } = await shop.payments<{ token: string }>("/tokens", {
    method: "POST",
    body: { number: scenario.card, expMonth: 12, expYear: new Date().getUTCFullYear() + 2, cvc: "123" },
  });
  const { order } = await shop.shop<{ order: Order }>("/orders", {
    method: "POST",
    headers: { "idempotency-key": randomUUID() },
    body: {
      paymentToken: token,
      shippingAddress: { name: "Demo Customer", line1: "1 Harbour Street", city: "Hamburg", postalCode: "20457", country: "DE" },
      expectedTotal: cart.totals.total,
    },
  });
  return follow(shop, order, deadline);
};

const follow = async (shop: ShopClient, accepted: Order, deadline: number): Promise<Order> => {
  let order = accepted;
  while (!isFinal(order.status) && Date.now() < deadline) {
    await sleep(POLL_MS);
    order = await shop.shop<Order>(`/orders/${order.id}`);
  }
  return order;
};

export const readMail = async (shop: ShopClient): Promise<Notification[]> =>
  (await shop.shop<{ items: Notification[] }>("/me/notifications?limit=100")).items;
