import { expect } from "@jest/globals";
import type { MolecartClient } from "@molecart/client";
import { buy, openShop, readMail, type ShopAddresses, signUp } from "@molecart/client/demo/customer.ts";
import { endedRight, type Scenario, scenarioOf } from "@molecart/client/demo/scenarios.ts";
import type { Order } from "@molecart/mixins/contracts/orders.ts";
import { expectOneMessageEach } from "./books.ts";
import { eventually } from "./eventually.ts";

export interface Played {
  shop: MolecartClient;
  orders: { order: Order; scenario: Scenario }[];
}

/** Customers who place some orders each, one after the other, all at the same time; they repeat what is not answered. */
export const play = (addresses: ShopAddresses, customers: number, ordersEach: number, forMs: number): Promise<Played[]> => {
  const deadline = Date.now() + forMs;
  return Promise.all(
    Array.from({ length: customers }, async (_, index) => {
      const shop = openShop(addresses, deadline);
      await signUp(shop, `Customer ${index}`);
      const orders: Played["orders"] = [];
      for (let n = 0; n < ordersEach; n++) {
        const scenario = scenarioOf(index * ordersEach + n);
        orders.push({ order: await buy(shop, scenario, deadline), scenario });
      }
      return { shop, orders };
    }),
  );
};

export const acceptedBy = (played: readonly Played[]): string[] =>
  played.flatMap(({ orders }) => orders.map(({ order }) => order.id));

export const expectAllAsTheirCardsSay = (played: readonly Played[]): void => {
  const wrong = played
    .flatMap(({ orders }) => orders)
    .filter(({ order, scenario }) => !endedRight(scenario, order.status, order.history.at(-1)?.reason))
    .map(({ order, scenario }) => `${order.number} ${scenario.name}: ${order.status}`);
  expect(wrong).toEqual([]);
};

/** Each customer has one message of each kind for each order, as soon as the mail has caught up. */
export const expectMail = async (played: readonly Played[]): Promise<void> => {
  for (const { shop, orders } of played) {
    const own = orders.map(({ order }) => order);
    await eventually(async () => expectOneMessageEach(own, await readMail(shop)), { withinMs: 30_000, everyMs: 200 });
  }
};
