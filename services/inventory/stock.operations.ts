import type { Stock } from "@molecart/mixins/contracts/inventory.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import {
  findMovedSkus,
  insertMovements,
  insertSkus,
  lockStock,
  setReceived,
  setStock,
  setTurned,
  type Tables,
} from "./stock.repository.ts";
import { countedDifference, demandOf, inLockOrder, type Line, type StockChange, turnsOf } from "./stock.ts";

export type InventoryWork = SqlWork<Tables>;

/** Tells of the SKUs that are sold out now, or no longer: only the turns, so that an order of a well-stocked SKU costs nothing
 *  more. `before` was read under the lock. */
export const tellTurns = async (work: InventoryWork, before: readonly Stock[], after: readonly Stock[]): Promise<void> => {
  const turned = turnsOf(before, after);
  const [first] = turned;
  if (first === undefined) return;
  work.emit("availability.changed", first.sku, { items: await setTurned(work.trx, turned) });
};

/** What is left when this is added to the figures of each SKU. */
export const stockAfter = (
  before: readonly Stock[],
  lines: readonly Line[],
  perUnit: Pick<StockChange, "onHand" | "reserved">,
): Stock[] => {
  const quantities = new Map(lines.map(({ sku, quantity }) => [sku, quantity]));
  return before.map((stock) => {
    const quantity = quantities.get(stock.sku) ?? 0;
    const onHand = stock.onHand + perUnit.onHand * quantity;
    const reserved = stock.reserved + perUnit.reserved * quantity;
    return { ...stock, onHand, reserved, available: onHand - reserved };
  });
};

/** One unit on the shelf. */
const RECEIVED = { onHand: 1, reserved: 0 };

/** A product's SKUs exist before anything of them is on hand. */
export const makeKnown = (work: InventoryWork, variants: readonly { sku: string }[]): Promise<void> =>
  insertSkus(work.trx, inLockOrder(variants.map(({ sku }) => sku)));

/** Takes over what a stock-take has counted, and books the difference. */
export const countStock = async (work: InventoryWork, sku: string, counted: number): Promise<Stock> => {
  await insertSkus(work.trx, [sku]);
  const [stock] = (await lockStock(work.trx, [sku])) as [Stock];
  const difference = countedDifference(stock, counted);
  if (difference !== 0) {
    await setStock(work.trx, sku, { onHand: difference, reserved: 0, sold: 0 });
    await insertMovements(work.trx, [{ sku, kind: "counted", quantity: difference, orderId: null }], work.now);
  }
  const after = { ...stock, onHand: counted, available: counted - stock.reserved };
  await tellTurns(work, [stock], [after]);
  return after;
};

/** Puts back on the shelves what a customer has sent back and is as good as new. */
export const restock = async (
  work: InventoryWork,
  orderId: string,
  lines: readonly (Line & { restock: boolean })[],
): Promise<void> => {
  const returned = demandOf(lines.filter((line) => line.restock));
  if (returned.length === 0) return;
  const skus = returned.map(({ sku }) => sku);
  await insertSkus(work.trx, skus);
  const before = await lockStock(work.trx, skus);
  await setReceived(work.trx, returned);
  await tellTurns(work, before, stockAfter(before, returned, RECEIVED));
  await insertMovements(
    work.trx,
    returned.map((line) => ({ ...line, kind: "returned", orderId })),
    work.now,
  );
};

/** SKUs of one statement: six values each for a movement, and SQLite binds at most 32 766. */
const CHUNK = 500;

/** Gives stock to those SKUs that never had any, and answers how many these were. */
export const seedStock = async (work: InventoryWork, items: readonly { sku: string; onHand: number }[]): Promise<number> => {
  const onHand = new Map(items.map((item) => [item.sku, item.onHand]));
  const skus = inLockOrder(onHand.keys());
  let created = 0;
  for (let from = 0; from < skus.length; from += CHUNK) {
    created += await seedChunk(work, skus.slice(from, from + CHUNK), onHand);
  }
  return created;
};

const seedChunk = async (work: InventoryWork, skus: string[], onHand: ReadonlyMap<string, number>): Promise<number> => {
  const { trx, now } = work;
  await insertSkus(trx, skus);
  // Looked at under the lock: two seeds at the same moment must not both find a SKU without stock.
  const before = await lockStock(trx, skus);
  const moved = await findMovedSkus(trx, skus);
  const received = skus
    .map((sku) => ({ sku, quantity: onHand.get(sku) as number }))
    .filter(({ sku, quantity }) => quantity > 0 && !moved.has(sku));
  if (received.length === 0) return 0;
  await setReceived(trx, received);
  await insertMovements(
    trx,
    received.map((line) => ({ ...line, kind: "received", orderId: null })),
    now,
  );
  await tellTurns(work, before, stockAfter(before, received, RECEIVED));
  return received.length;
};
