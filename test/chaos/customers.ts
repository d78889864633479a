import { setTimeout as sleep } from "node:timers/promises";
import { type Cart, MolecartClient, type Order, type OrderPage, ShopProblem } from "@molecart/client";
import { type ShopAddresses, signUp } from "@molecart/client/demo/customer.ts";
import { endedRight, isFinal, type Scenario, scenarioOf } from "@molecart/client/demo/scenarios.ts";
import { seeded } from "./random.ts";

const FOLLOW_EVERY_MS = 300;
/** Customers with a cart each; orders that wait for a free one are late, not lost. */
const CUSTOMERS = 10;
const CANCELLED = 0.08;
const SENT_TWICE = 0.05;

/** One order as its customer has seen it. Times are `performance.now()`. */
export interface Tracked {
  number: number;
  scenario: Scenario;
  /** When it was first sent. */
  sentAt?: number;
  acceptedAt?: number;
  finalAt?: number;
  order?: Order;
  wantedCancelled: boolean;
  /** The shop said no, with this code. */
  refused?: string;
  /** What must not happen. */
  offence?: string;
}

export interface CustomersOptions {
  addresses: ShopAddresses;
  skus: readonly string[];
  orders: number;
  overMs: number;
  /** Until when they repeat what is not answered, and wait for the end of an order; `Date.now()`. Who comes late has `patienceMs`. */
  giveUpAt: number;
  patienceMs: number;
  seed: string;
}

/** Customers who place orders all the while, as real clients do: every request has a deadline and is repeated, orders under
 *  their key. */
export class Customers {
  readonly tracked: Tracked[] = [];
  readonly #options: CustomersOptions;
  readonly #shops: MolecartClient[];
  readonly #following = new Set<Promise<void>>();

  constructor(options: CustomersOptions) {
    this.#options = options;
    const { addresses } = options;
    const shop = { api: () => addresses.api, payments: () => addresses.payments, withinMs: () => this.#patienceMs() };
    this.#shops = Array.from({ length: CUSTOMERS }, () => new MolecartClient(shop));
  }

  #patienceMs(): number {
    return Math.max(this.#options.giveUpAt - Date.now(), this.#options.patienceMs);
  }

  get retries(): number {
    return this.#shops.reduce((sum, { retries }) => sum + retries, 0);
  }
  get inFlight(): Tracked[] {
    return this.tracked.filter(({ acceptedAt, finalAt }) => acceptedAt !== undefined && finalAt === undefined);
  }

  async signUp(): Promise<void> {
    await Promise.all(this.#shops.map((shop, index) => signUp(shop, `Chaos Customer ${index}`)));
  }

  /** Resolves when every order has its end, or the customers have given up. */
  async play(): Promise<void> {
    const { orders, overMs } = this.#options;
    const startedAt = performance.now();
    let next = 0;
    await Promise.all(
      this.#shops.map(async (shop) => {
        while (next < orders) {
          const number = next++;
          const dueAt = startedAt + (number * overMs) / orders;
          await sleep(Math.max(0, dueAt - performance.now()));
          await this.#buy(shop, number);
        }
      }),
    );
    await Promise.all(this.#following);
  }

  /** Orders that the shop has and whose customers were told otherwise. */
  async unknownOrders(): Promise<string[]> {
    const known = new Set(this.tracked.map(({ order }) => order?.id));
    const unknown: string[] = [];
    for (const shop of this.#shops) {
      let cursor: string | undefined;
      do {
        const page: OrderPage = await shop.listOrders({ limit: 100, cursor });
        for (const { id, number } of page.items)
          if (!known.has(id)) unknown.push(`order ${number} is the shop's, but its customer was refused`);
        cursor = page.nextCursor ?? undefined;
      } while (cursor !== undefined);
    }
    return unknown;
  }

  async #buy(shop: MolecartClient, number: number): Promise<void> {
    const { seed, skus } = this.#options;
    const random = seeded(`${seed} order ${number}`);
    const lines = Array.from({ length: random.integer(1, 3) }, () => ({
      sku: random.pick(skus),
      quantity: random.integer(1, 2),
    }));
    const key = `chaos-${number}-${Math.round(random.next() * 1e9)}`;
    const tracked: Tracked = { number, scenario: scenarioOf(number), wantedCancelled: random.next() < CANCELLED };
    const twice = random.next() < SENT_TWICE;
    this.tracked.push(tracked);
    try {
      const order = await this.#place(shop, tracked, lines, key, twice);
      tracked.acceptedAt = performance.now();
      tracked.order = order;
      const following = this.#follow(shop, tracked, order).finally(() => this.#following.delete(following));
      this.#following.add(following);
    } catch (error) {
      tracked.refused = error instanceof ShopProblem ? error.code : `no answer: ${String(error)}`;
    }
  }

  async #place(
    shop: MolecartClient,
    tracked: Tracked,
    lines: readonly { sku: string; quantity: number }[],
    key: string,
    twice: boolean,
  ): Promise<Order> {
    let cart: Cart | undefined;
    await shop.clearCart();
    for (const { sku, quantity } of lines) cart = await shop.setCartItem({ sku, body: { quantity } });
    const { token } = await shop.createCardToken({
      body: { number: tracked.scenario.card, expMonth: 12, expYear: new Date().getUTCFullYear() + 2, cvc: "123" },
    });
    const send = () =>
      shop.placeOrder({
        idempotencyKey: key,
        body: {
          paymentToken: token,
          shippingAddress: { name: "C. Customer", line1: "1 Quay", city: "Hamburg", postalCode: "20457", country: "DE" },
          expectedTotal: cart?.totals.total,
        },
      });
    tracked.sentAt = performance.now();
    const [first, second] = await Promise.all(twice ? [send(), send()] : [send()]);
    if (second !== undefined && first?.order.id !== second.order.id)
      tracked.offence = `the key ${key} was answered with two orders, ${first?.order.id} and ${second.order.id}`;
    return (first as { order: Order }).order;
  }

  async #follow(shop: MolecartClient, tracked: Tracked, accepted: Order): Promise<void> {
    const { id } = accepted;
    try {
      if (tracked.wantedCancelled) await shop.cancelOrder({ id, body: { reason: "changed_my_mind" } }).catch(ignoreRefusal);
      let order = accepted;
      const giveUpAt = Date.now() + this.#patienceMs();
      while (!isFinal(order.status) && Date.now() < giveUpAt) {
        await sleep(FOLLOW_EVERY_MS);
        order = await shop.getOrder({ id });
      }
      tracked.order = order;
      if (isFinal(order.status)) tracked.finalAt = performance.now();
      if (!isRight(tracked)) tracked.offence = `ended ${outcomeOf(tracked)} with ${tracked.scenario.name}`;
    } catch (error) {
      tracked.offence = `accepted as ${accepted.number}, and then: ${String(error)}`;
    }
  }
}

const ignoreRefusal = (error: unknown): void => {
  if (!(error instanceof ShopProblem) || error.status >= 500) throw error;
};

/** Reasons for which an order may end without its card's fault, under faults of the clock and the provider or by the customer's wish. */
const EXCUSES = ["payment_overdue", "reservation_expired", "changed_my_mind"];

const reasonOf = ({ order }: Tracked): string | undefined => order?.history.at(-1)?.reason;

const isRight = (tracked: Tracked): boolean => {
  const { order, scenario } = tracked;
  if (order === undefined) return true;
  return (
    endedRight(scenario, order.status, reasonOf(tracked)) ||
    (["cancelled", "refunded"].includes(order.status) && EXCUSES.includes(reasonOf(tracked) ?? ""))
  );
};

/** In a word or two, for the report. */
export const outcomeOf = (tracked: Tracked): string => {
  if (tracked.refused !== undefined) return `refused ${tracked.refused}`;
  if (tracked.order === undefined) return "not answered";
  const reason = reasonOf(tracked);
  return reason === undefined ? tracked.order.status : `${tracked.order.status} (${reason})`;
};
