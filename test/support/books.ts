import { expect } from "@jest/globals";
import type { MolecartClient, OrderPage, SearchResult } from "@molecart/client";
import { openShop, type ShopAddresses } from "@molecart/client/demo/customer.ts";
import type { Stock } from "@molecart/mixins/contracts/inventory.ts";
import type { Notification } from "@molecart/mixins/contracts/notifications.ts";
import type { Order, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import { eventually } from "./eventually.ts";

const SOLD: readonly OrderStatus[] = ["confirmed", "shipped", "delivered"];
const SETTLED: readonly OrderStatus[] = [...SOLD, "cancelled", "refunded"];

export type StockBook = Map<string, Pick<Stock, "onHand" | "reserved">>;

const signInStaff = async (
  addresses: ShopAddresses,
  { email, password }: { email: string; password: string },
): Promise<MolecartClient> => {
  const shop = openShop(addresses, Date.now() + 60_000);
  await shop.login({ body: { email, password } }, { repeat: true });
  return shop;
};

/** The shop's books as staff sees them over the API: what a person would check who trusts no service. */
export class Books {
  readonly #addresses: ShopAddresses;
  readonly #login: { email: string; password: string };

  constructor(addresses: ShopAddresses, login: { email: string; password: string }) {
    this.#addresses = addresses;
    this.#login = login;
  }

  async stock(): Promise<StockBook> {
    const staff = await signInStaff(this.#addresses, this.#login);
    const book: StockBook = new Map();
    let cursor: string | undefined;
    do {
      const page: SearchResult = await staff.searchProducts({ limit: 100, cursor });
      const skus = page.items.flatMap(({ variants }) => variants.map(({ sku }) => sku));
      const stocks = await Promise.all(skus.map((sku) => staff.getStock({ sku })));
      for (const { sku, onHand, reserved } of stocks) book.set(sku, { onHand, reserved });
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return book;
  }

  async orders(): Promise<Order[]> {
    const staff = await signInStaff(this.#addresses, this.#login);
    const all: Order[] = [];
    let cursor: string | undefined;
    do {
      const page: OrderPage = await staff.listAllOrders({ limit: 100, cursor });
      all.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    return all;
  }

  /** Every accepted order is there and settled, was paid exactly if it was sold, and the stock is exact to the unit. */
  async expectToBalance({
    before,
    accepted,
    withinMs = 60_000,
  }: {
    before: StockBook;
    accepted: readonly string[];
    withinMs?: number;
  }): Promise<Order[]> {
    const orders = await eventually(
      async () => {
        const found = await this.orders();
        expect(
          found.filter(({ status }) => !SETTLED.includes(status)).map(({ number, status }) => `${number} ${status}`),
        ).toEqual([]);
        return found;
      },
      { withinMs, everyMs: 200, describe: "every order to be settled" },
    );
    const ids = new Set(orders.map(({ id }) => id));
    expect(accepted.filter((id) => !ids.has(id))).toEqual([]);
    await eventually(async () => expect(await this.stock()).toEqual(expectedStock(before, orders)), {
      withinMs: 20_000,
      everyMs: 300,
      describe: "the stock to be exact",
    });
    await eventually(() => this.#expectPaymentsToMatch(orders), {
      withinMs: 20_000,
      everyMs: 300,
      describe: "the payments to match",
    });
    return orders;
  }

  async #expectPaymentsToMatch(orders: readonly Order[]): Promise<void> {
    const staff = await signInStaff(this.#addresses, this.#login);
    const wrong: string[] = [];
    for (const order of orders) {
      const payment = await staff.getPayment({ id: order.id });
      const owed = SOLD.includes(order.status) ? order.totals.total.amount : 0;
      const captured = ["completed", "refunding", "refunded"].includes(payment.status) ? (payment.amount?.amount ?? 0) : 0;
      const kept = captured - (payment.refunded?.amount ?? 0);
      if (kept !== owed)
        wrong.push(`${order.number} is ${order.status}, its payment ${payment.status}: ${kept} instead of ${owed}`);
    }
    expect(wrong).toEqual([]);
  }
}

const expectedStock = (before: StockBook, orders: readonly Order[]): StockBook => {
  const expected: StockBook = new Map([...before].map(([sku, { onHand }]) => [sku, { onHand, reserved: 0 }]));
  for (const { lines } of orders.filter(({ status }) => SOLD.includes(status))) {
    for (const { sku, quantity } of lines) {
      const stock = expected.get(sku);
      if (stock) stock.onHand -= quantity;
    }
  }
  return expected;
};

/** One message of each kind that the order's fate calls for, and no second one of any. */
export const expectOneMessageEach = (orders: readonly Order[], messages: readonly Notification[]): void => {
  for (const order of orders) {
    const templates = messages
      .filter(({ orderId }) => orderId === order.id)
      .map(({ template }) => template)
      .sort();
    const wanted =
      order.status === "cancelled" ? ["order-cancelled", "order-confirmation"] : ["order-confirmation", "payment-receipt"];
    expect([order.number, templates]).toEqual([order.number, wanted]);
  }
};
