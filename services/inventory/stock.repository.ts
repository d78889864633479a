import type { Availability, Stock } from "@molecart/mixins/contracts/inventory.ts";
import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { InventoryTables, StockTable } from "./stock.table.ts";
import type { Line, Movement, StockChange } from "./stock.ts";

export type Tables = InventoryTables & MessagingTables;
export type Db = Kysely<Tables>;
export type Trx = Transaction<Tables>;

const toStock = ({ sku, on_hand, reserved }: Selectable<StockTable>): Stock => ({
  sku,
  onHand: on_hand,
  reserved,
  available: on_hand - reserved,
});

const toAvailability = (
  row: Pick<Selectable<StockTable>, "sku" | "on_hand" | "reserved" | "availability_version">,
): Availability => ({
  sku: row.sku,
  available: row.on_hand > row.reserved,
  version: row.availability_version,
});

export const findStock = async (db: Db, skus: readonly string[]): Promise<Stock[]> => {
  const rows = await db.selectFrom("stock").selectAll().where("sku", "in", skus).orderBy("sku").execute();
  return rows.map(toStock);
};

/** Holds the SKUs that are known, one after the other in the order of their names, until the transaction ends. */
export const lockStock = async (trx: Trx, skus: readonly string[]): Promise<Stock[]> => {
  if (skus.length === 0) return [];
  const rows = await trx.selectFrom("stock").selectAll().where("sku", "in", skus).orderBy("sku").$call(forUpdate(trx)).execute();
  return rows.map(toStock);
};

/** Counts a turn of each of these SKUs, which must be locked. */
export const setTurned = async (trx: Trx, turned: readonly Stock[]): Promise<Availability[]> => {
  const rows = await trx
    .updateTable("stock")
    .set({ availability_version: sql`availability_version + 1` })
    .where(
      "sku",
      "in",
      turned.map(({ sku }) => sku),
    )
    .returning(["sku", "on_hand", "reserved", "availability_version"])
    .execute();
  return rows.map(toAvailability);
};

export const findAvailability = async (db: Db, skus: readonly string[]): Promise<Availability[]> => {
  const rows = await db.selectFrom("stock").selectAll().where("sku", "in", skus).orderBy("sku").execute();
  return rows.map(toAvailability);
};

/** Makes SKUs known, with nothing on hand. Those that are known stay as they are. */
export const insertSkus = async (trx: Trx, skus: readonly string[]): Promise<void> => {
  if (skus.length === 0) return;
  await trx
    .insertInto("stock")
    .values(skus.map((sku) => ({ sku, on_hand: 0, reserved: 0, sold: 0 })))
    .onConflict((conflict) => conflict.column("sku").doNothing())
    .execute();
};

/** Takes units out of what is available. Answers false, and takes none, when there are fewer. */
export const setReserved = async (trx: Trx, { sku, quantity }: Line): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("stock")
    .set({ reserved: sql`reserved + ${quantity}` })
    .where("sku", "=", sku)
    .where(sql<number>`on_hand - reserved`, ">=", quantity)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
};

export const setStock = async (trx: Trx, sku: string, add: StockChange): Promise<void> => {
  await trx
    .updateTable("stock")
    .set({
      on_hand: sql`on_hand + ${add.onHand}`,
      reserved: sql`reserved + ${add.reserved}`,
      sold: sql`sold + ${add.sold}`,
    })
    .where("sku", "=", sku)
    .executeTakeFirstOrThrow();
};

/** Puts what has come in on the shelves of SKUs that are known, all in one statement. */
export const setReceived = async (trx: Trx, lines: readonly Line[]): Promise<void> => {
  await trx
    .insertInto("stock")
    .values(lines.map(({ sku, quantity }) => ({ sku, on_hand: quantity, reserved: 0, sold: 0 })))
    .onConflict((conflict) => conflict.column("sku").doUpdateSet({ on_hand: sql`stock.on_hand + excluded.on_hand` }))
    .execute();
};

export const insertMovements = async (trx: Trx, movements: readonly Movement[], at: string): Promise<void> => {
  await trx
    .insertInto("stock_movement")
    .values(movements.map(({ sku, kind, quantity, orderId }) => ({ id: newId(), sku, kind, quantity, order_id: orderId, at })))
    .execute();
};

/** Those of the SKUs that ever had stock. */
export const findMovedSkus = async (trx: Trx, skus: readonly string[]): Promise<Set<string>> => {
  const rows = await trx.selectFrom("stock_movement").select("sku").distinct().where("sku", "in", skus).execute();
  return new Set(rows.map(({ sku }) => sku));
};
