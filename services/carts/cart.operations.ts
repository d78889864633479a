import type { Cart } from "@molecart/mixins/contracts/carts.ts";
import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { Call } from "@molecart/mixins/implement.ts";
import { codeOf, messageOf, Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { PricingRules } from "@molecart/mixins/lib/pricing.ts";
import { verdictOn } from "@molecart/mixins/messaging/verdict.ts";
import { NotSellable, SkuNotFound, SoldOut } from "./cart.errors.ts";
import type { CartStore } from "./cart.store.ts";
import { checkInStock, type Lines, lineOf, viewOf } from "./cart.ts";

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
export const viewCart = async (desk: CartDesk, cartId: string, lines: Lines): Promise<Cart> => {
  const saved = await desk.store.readSaved(cartId);
  const skus = [...new Set([...lines, ...saved].map(({ sku }) => sku))];
  const [items, stock] = await Promise.all([findItems(desk, skus), findStock(desk, skus)]);
  return viewOf(lines, saved, { items, stock }, desk.pricing);
};

/** As many SKUs as catalogue and inventory answer in one call. */
const MAX_SKUS = 200;

const inParts = async <T>(
  skus: readonly string[],
  ask: (part: string[]) => Promise<{ items: T[] } | undefined>,
): Promise<T[] | undefined> => {
  const parts = Array.from({ length: Math.ceil(skus.length / MAX_SKUS) }, (_, i) => skus.slice(i * MAX_SKUS, (i + 1) * MAX_SKUS));
  const answers = await Promise.all(parts.map(ask));
  return answers.some((answer) => answer === undefined) ? undefined : answers.flatMap((answer) => answer?.items ?? []);
};

const findItems = (desk: CartDesk, skus: readonly string[]) =>
  inParts(skus, (part) => unlessDown(desk, "products", () => desk.call("v1.products.items", { skus: part }, CATALOGUE_DEADLINE)));

const findStock = (desk: CartDesk, skus: readonly string[]) =>
  inParts(skus, (part) => unlessDown(desk, "inventory", () => desk.call("v1.inventory.getMany", { skus: part }, STOCK_DEADLINE)));

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
  return viewCart(desk, cartId, await desk.store.setLine(cartId, line));
};

export const addItem = async (
  desk: CartDesk,
  { cartId, sku, quantity, idempotencyKey }: ActionParams<"v1.carts.addItem">,
): Promise<Cart> => {
  const [item, stock] = await Promise.all([findItem(desk, sku), findStock(desk, [sku])]);
  try {
    const line = lineOf({ sku, quantity }, item);
    checkInStock(sku, stock);
    return await viewCart(desk, cartId, await desk.store.addLine(cartId, line, idempotencyKey));
  } catch (error) {
    // A repeat of what was done is answered with the cart, although it could not be done any more.
    const isRepeat = error instanceof SkuNotFound || error instanceof NotSellable || error instanceof SoldOut;
    if (!isRepeat || !(await desk.store.hasAdded(cartId, idempotencyKey))) throw error;
    return viewCart(desk, cartId, await desk.store.read(cartId));
  }
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
