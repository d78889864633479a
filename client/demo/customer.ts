import { setTimeout as sleep } from "node:timers/promises";
import { isProblem, MolecartClient } from "../index.ts";
import type { Cart, Notification, Order, OrderStep } from "../shop-api.ts";
import { isFinal, type Scenario } from "./scenarios.ts";

const SEARCHES = ["lamp", "coffee", "bottle", "wool", "bike", "desk", "tent", "book", "garden", "speaker"];
const POLL_MS = 150;

export interface ShopAddresses {
  api: string;
  payments: string;
}

/** A client that repeats what is not answered until then, as `Date.now()` has it. Its addresses may change meanwhile. */
export const openShop = (addresses: ShopAddresses, giveUpAt: number): MolecartClient =>
  new MolecartClient({
    api: () => addresses.api,
    payments: () => addresses.payments,
    withinMs: () => giveUpAt - Date.now(),
  });

const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)] as T;

/** Registers; when the answer to an earlier try was lost, the account is there already. */
export const signUp = async (shop: MolecartClient, name: string): Promise<void> => {
  const email = `${name.toLowerCase().replaceAll(" ", ".")}.${crypto.randomUUID().slice(0, 8)}@molecart.example`;
  const password = crypto.randomUUID();
  try {
    await shop.register({ body: { email, password, name } }, { repeat: true });
  } catch (error) {
    if (!isProblem(error, "register", "EMAIL_TAKEN")) throw error;
    await shop.login({ body: { email, password } }, { repeat: true });
  }
};

/** Browses, fills the basket with one to three lines, and answers its total. */
const fillBasket = async (shop: MolecartClient): Promise<Cart> => {
  const found = await shop.searchProducts({ q: pick(SEARCHES), limit: 20 });
  const { items } = found.items.length > 0 ? found : await shop.searchProducts({ limit: 50 });
  let cart: Cart | undefined;
  for (let line = 0; line < 1 + Math.floor(Math.random() * 3); line++) {
    const { sku } = pick(pick(items).variants);
    cart = await shop.setCartItem({ sku, body: { quantity: 1 + Math.floor(Math.random() * 2) } });
  }
  return cart as Cart;
};

/** Places one order. */
export const place = async (shop: MolecartClient, scenario: Scenario): Promise<Order> => {
  const cart = await fillBasket(shop);
  const { token } = await shop.createCardToken({
    body: { number: scenario.card, expMonth: 12, expYear: new Date().getUTCFullYear() + 2, cvc: "123" },
  });
  const { order } = await shop.placeOrder({
    body: {
      paymentToken: token,
      shippingAddress: { name: "Demo Customer", line1: "1 Harbour Street", city: "Hamburg", postalCode: "20457", country: "DE" },
      expectedTotal: cart.totals.total,
    },
  });
  return order;
};

/** Asks for an order until nothing more happens to it, or until the deadline. */
export const follow = async (shop: MolecartClient, accepted: Order, deadline: number): Promise<Order> => {
  let order = accepted;
  while (!isFinal(order.status) && Date.now() < deadline) {
    await sleep(POLL_MS);
    order = await shop.getOrder({ id: order.id });
  }
  return order;
};

/** The same, but is told of each step as it happens; asks where the stream cannot be had. */
export const watch = async (
  shop: MolecartClient,
  accepted: Order,
  deadline: number,
  onStep: (step: OrderStep) => void,
): Promise<Order> => {
  try {
    const signal = AbortSignal.timeout(Math.max(deadline - Date.now(), 0));
    for await (const { event, data } of shop.followOrder({ id: accepted.id }, { signal })) {
      if (event === "end") break;
      onStep(data);
      if (isFinal(data.status)) break;
    }
  } catch (error) {
    console.error(`${accepted.number} is not followed, but asked for: ${error instanceof Error ? error.message : error}`);
  }
  return follow(shop, await shop.getOrder({ id: accepted.id }), deadline);
};

/** Places one order and follows it to its end. */
export const buy = async (shop: MolecartClient, scenario: Scenario, deadline: number): Promise<Order> =>
  follow(shop, await place(shop, scenario), deadline);

export const readMail = async (shop: MolecartClient): Promise<Notification[]> =>
  (await shop.listNotifications({ limit: 100 })).items;
