import type { Return } from "@molecart/mixins/contracts/orders.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Selectable, Transaction } from "kysely";
import type { OrdersTables, ReturnRequestTable } from "./order.table.ts";

type Tables = OrdersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

const toReturn = (row: Selectable<ReturnRequestTable>): Return => ({
  id: row.id,
  orderId: row.order_id,
  status: row.status,
  lines: row.lines,
  received: row.received,
  reason: row.reason,
  rejection: row.rejection,
  refund: row.refund === null ? null : { amount: row.refund, currency: row.currency },
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Oldest first: ids grow with time. Whoever is to change one holds the order (`lockOrder`) before looking. */
export const findReturns = async (db: Db, orderId: string): Promise<Return[]> => {
  const rows = await db.selectFrom("return_request").selectAll().where("order_id", "=", orderId).orderBy("id").execute();
  return rows.map(toReturn);
};

export const findOrderIdOfReturn = async (db: Db, returnId: string): Promise<string | undefined> =>
  (await db.selectFrom("return_request").select("order_id").where("id", "=", returnId).executeTakeFirst())?.order_id;

export interface KeyedReturn {
  requestHash: string;
  found: Return;
}

export const findReturnByKey = async (db: Db, orderId: string, key: string): Promise<KeyedReturn | undefined> => {
  const row = await db
    .selectFrom("return_request")
    .selectAll()
    .where("order_id", "=", orderId)
    .where("idempotency_key", "=", key)
    .executeTakeFirst();
  return row && { requestHash: row.request_hash, found: toReturn(row) };
};

export const insertReturn = async (
  trx: Trx,
  request: Return,
  { key, requestHash, currency }: { key: string; requestHash: string; currency: string },
): Promise<void> => {
  await trx
    .insertInto("return_request")
    .values({
      id: request.id,
      order_id: request.orderId,
      idempotency_key: key,
      request_hash: requestHash,
      status: request.status,
      lines: JSON.stringify(request.lines),
      received: JSON.stringify(request.received),
      reason: request.reason,
      rejection: request.rejection,
      refund: request.refund?.amount ?? null,
      currency,
      created_at: request.createdAt,
      updated_at: request.updatedAt,
    })
    .execute();
};

/** Writes what can change: status, what has arrived, its refund, why it was rejected. */
export const setReturn = async (trx: Trx, { id, status, received, rejection, refund, updatedAt }: Return): Promise<void> => {
  await trx
    .updateTable("return_request")
    .set({
      status,
      received: JSON.stringify(received),
      rejection,
      refund: refund?.amount ?? null,
      updated_at: updatedAt,
    })
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
};
