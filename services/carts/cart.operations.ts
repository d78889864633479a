import type { Cart } from "@molecart/mixins/contracts/carts.ts";
import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { Call } from "@molecart/mixins/implement.ts";
import { codeOf, messageOf, Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { PricingRules } from "@molecart/mixins/lib/pricing.ts";
import { verdictOn } from "@molecart/mixins/messaging/verdict.ts";
import type { CartStore } from "./cart.store.ts";
import { type Lines, lineOf, viewOf } from "./cart.ts";

export interface CartDesk {
  store: CartStore;
  call: Call;
  pricing: PricingRules;
  log: { warn(message: string, detail: object): void };
}

/** A cart is looked at often: it waits so long for what it can do without. No repeats, for the same reason. */
const STOCK_DEADLINE = { timeout: 500, retries: 0 };
const CATALOGUE_DEADLINE = { timeout: 1_000, retries: 0 };
/** A line that is written needs the catalogue's word. */
const CHECK_DEADLINE = { timeout: 1_500, retries: 1 };

/** The cart as it is now, for people: answers also while catalogue or inventory do not. */
export const viewCart = async (desk: CartDesk, lines: Lines): Promise<Cart> => {
  const skus = lines.map(({ sku }) => sku);
  if (skus.length === 0) return viewOf([], { items: [], stock: [] }, desk.pricing);
  const [items, stock] = await Promise.all([
    unlessDown(desk, "products", () => desk.call("v1.products.items", { skus }, CATALOGUE_DEADLINE)),
    unlessDown(desk, "inventory", () => desk.call("v1.inventory.getMany", { skus }, STOCK_DEADLINE)),
  ]);
  return viewOf(lines, { items: items?.items, stock: stock?.items }, desk.pricing);
};

const unlessDown = async <T>({ log }: CartDesk, service: string, ask: () => Promise<T>): Promise<T | undefined> => {
  try {
    return await ask();
  } catch (error) {
    // An outage is known to the service's own health; anything else is a fault that somebody should see.
    if (verdictOn(error) !== "outage")
      log.warn("A cart is shown without its answer", { service, code: codeOf(error), error: messageOf(error) });
    return undefined;
  }
};

export const setItem = async (desk: CartDesk, { cartId, sku, quantity }: ActionParams<"v1.carts.setItem">): Promise<Cart> => {
  const line = lineOf({ sku, quantity }, await findItem(desk, sku));
  return viewCart(desk, await desk.store.setLine(cartId, line));
};

const findItem = async ({ call }: CartDesk, sku: string) => {
  try {
    const { items } = await call("v1.products.items", { skus: [sku] }, CHECK_DEADLINE);
    return items.find((item) => item.sku === sku);
  } catch (error) {
    // The framework says "no such service" with 404, which a client would take for its cart's.
    throw verdictOn(error) === "outage" ? new Unavailable("the catalogue", { cause: error }) : error;
  }
};
