import type { Quote } from "@molecart/mixins/contracts/orders.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Transaction } from "kysely";
import type { OrdersTables } from "./order.table.ts";
import type { StoredQuote } from "./quote.ts";

type Tables = OrdersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

export const insertQuote = async (db: Db, userId: string, quote: Quote, createdAt: string): Promise<void> => {
  await db
    .insertInto("quote")
    .values({
      id: quote.id,
      user_id: userId,
      country: quote.country,
      lines: JSON.stringify(quote.lines),
      totals: JSON.stringify(quote.totals),
      created_at: createdAt,
      expires_at: quote.expiresAt,
      order_id: null,
    })
    .execute();
};

export const findQuote = async (db: Db, userId: string, quoteId: string): Promise<StoredQuote | undefined> => {
  const row = await db.selectFrom("quote").selectAll().where("id", "=", quoteId).where("user_id", "=", userId).executeTakeFirst();
  if (row === undefined) return undefined;
  const { id, country, lines, totals, expires_at, order_id } = row;
  return { quote: { id, country, lines, totals, expiresAt: expires_at }, orderId: order_id };
};

/** Whether it was free. Of two that try at the same moment the second waits for the first. */
export const useQuote = async (trx: Trx, quoteId: string, orderId: string): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("quote")
    .set({ order_id: orderId })
    .where("id", "=", quoteId)
    .where("order_id", "is", null)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

export interface OrderedCart {
  revision: number;
  orderId: string;
}

/** How far the customer's cart is ordered; undefined before the first order. */
export const findOrderedCart = async (db: Db, userId: string): Promise<OrderedCart | undefined> => {
  const row = await db.selectFrom("ordered_cart").selectAll().where("user_id", "=", userId).executeTakeFirst();
  return row && { revision: Number(row.revision), orderId: row.order_id };
};

/** Compares and sets: false where the cart is ordered further than `before` by now. Of two that try at the same moment the second
 *  waits for the first. */
export const setOrderedCart = async (
  trx: Trx,
  userId: string,
  before: OrderedCart | undefined,
  { revision, orderId }: OrderedCart,
): Promise<boolean> => {
  const values = { revision, order_id: orderId };
  const { numInsertedOrUpdatedRows } = await trx
    .insertInto("ordered_cart")
    .values({ user_id: userId, ...values })
    .onConflict((conflict) => {
      const update = conflict.column("user_id").doUpdateSet(values);
      // Without one before, whoever is there came in between.
      return update.where("ordered_cart.order_id", "=", before?.orderId ?? "");
    })
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
};
