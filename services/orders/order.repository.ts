import type { Customer } from "@molecart/mixins/contracts/common.ts";
import type { HistoryEntry, HistoryStep, Order, OrderStatus, StuckOrder } from "@molecart/mixins/contracts/orders.ts";
import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { AbortableQueryOptions, Kysely, Selectable, Transaction } from "kysely";
import type { OrdersTables, OrderTable } from "./order.table.ts";

type Tables = OrdersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

export interface StoredOrder {
  order: Order;
  customer: Customer;
}

const toStored = (row: Selectable<OrderTable>, history: HistoryEntry[]): StoredOrder => ({
  customer: row.customer,
  order: {
    id: row.id,
    number: row.number,
    status: row.status,
    lines: row.lines,
    totals: row.totals,
    shippingAddress: row.shipping_address,
    history,
    createdAt: row.created_at,
  },
});

const findHistories = async (db: Db, orderIds: string[]): Promise<Map<string, HistoryEntry[]>> => {
  const histories = new Map<string, HistoryEntry[]>(orderIds.map((id) => [id, []]));
  if (orderIds.length === 0) return histories;
  const rows = await db
    .selectFrom("order_history")
    .selectAll()
    .where("order_id", "in", orderIds)
    .orderBy("order_id")
    .orderBy("seq")
    .execute();
  for (const { order_id, status, at, reason } of rows) {
    histories.get(order_id)?.push(reason === null ? { status, at } : { status, at, reason });
  }
  return histories;
};

const withHistories = async (db: Db, rows: Selectable<OrderTable>[]): Promise<StoredOrder[]> => {
  const ids = rows.map((row) => row.id);
  const histories = await findHistories(db, ids);
  return rows.map((row) => toStored(row, histories.get(row.id) as HistoryEntry[]));
};

export const insertOrder = async (trx: Trx, order: Order, customer: Customer): Promise<void> => {
  await trx
    .insertInto("orders")
    .values({
      id: order.id,
      number: order.number,
      user_id: customer.id,
      customer: JSON.stringify(customer),
      status: order.status,
      lines: JSON.stringify(order.lines),
      totals: JSON.stringify(order.totals),
      shipping_address: JSON.stringify(order.shippingAddress),
      created_at: order.createdAt,
      updated_at: order.createdAt,
    })
    .execute();
  await insertHistory(trx, order.id, order.history, 0);
};

const insertHistory = async (trx: Trx, orderId: string, entries: readonly HistoryEntry[], after: number): Promise<void> => {
  const rows = entries.map(({ status, at, reason }, index) => ({
    order_id: orderId,
    seq: after + index + 1,
    status,
    at,
    reason: reason ?? null,
  }));
  await trx.insertInto("order_history").values(rows).execute();
};

export const findOrder = async (db: Db, orderId: string): Promise<StoredOrder | undefined> => {
  const row = await db.selectFrom("orders").selectAll().where("id", "=", orderId).executeTakeFirst();
  return row && (await withHistories(db, [row]))[0];
};

export interface OrderSteps {
  ownerId: string;
  steps: HistoryStep[];
}

/** The history alone, oldest first. */
export const findSteps = async (db: Db, orderId: string): Promise<OrderSteps | undefined> => {
  const rows = await db
    .selectFrom("orders")
    .innerJoin("order_history", "order_history.order_id", "orders.id")
    .select(["user_id", "seq", "order_history.status", "at", "reason"])
    .where("orders.id", "=", orderId)
    .orderBy("seq")
    .execute();
  const [first] = rows;
  if (first === undefined) return undefined;
  return {
    ownerId: first.user_id,
    steps: rows.map(({ seq, status, at, reason }) => (reason === null ? { seq, status, at } : { seq, status, at, reason })),
  };
};

/** Holds the order until the transaction ends: nothing else can happen to it meanwhile. */
export const lockOrder = async (trx: Trx, orderId: string): Promise<StoredOrder | undefined> => {
  const row = await trx.selectFrom("orders").selectAll().where("id", "=", orderId).$call(forUpdate(trx)).executeTakeFirst();
  return row && (await withHistories(trx, [row]))[0];
};

/** Writes the order's new status (its last history entry) and the history entries after the first `known`. */
export const setStatus = async (trx: Trx, order: Order, known: number, at: string): Promise<void> => {
  await trx.updateTable("orders").set({ status: order.status, updated_at: at }).where("id", "=", order.id).execute();
  await insertHistory(trx, order.id, order.history.slice(known), known);
};

export interface OrderFilter {
  userId?: string;
  status?: OrderStatus | undefined;
  /** Id of the last order of the page before: newest first, and ids grow with time. */
  before?: string | undefined;
  limit: number;
  /** When it is to be given up. */
  options?: AbortableQueryOptions | undefined;
}

export const findOrders = async (db: Db, { userId, status, before, limit, options }: OrderFilter): Promise<Order[]> => {
  const rows = await db
    .selectFrom("orders")
    .selectAll()
    .$if(userId !== undefined, (query) => query.where("user_id", "=", userId as string))
    .$if(status !== undefined, (query) => query.where("status", "=", status as OrderStatus))
    .$if(before !== undefined, (query) => query.where("id", "<", before as string))
    .orderBy("id", "desc")
    .limit(limit)
    .execute(options);
  return (await withHistories(db, rows)).map(({ order }) => order);
};

export interface UnsettledFilter {
  statuses: readonly OrderStatus[];
  /** Since then at the latest, ISO 8601. */
  before: string;
  /** Id of the last order of the page before: oldest first. */
  after?: string | undefined;
  limit: number;
}

export const findUnsettled = async (db: Db, { statuses, before, after, limit }: UnsettledFilter): Promise<StuckOrder[]> =>
  db
    .selectFrom("orders")
    .select(["id as orderId", "number", "status", "updated_at as since"])
    .where("status", "in", [...statuses])
    .where("updated_at", "<=", before)
    .$if(after !== undefined, (query) => query.where("id", ">", after as string))
    .orderBy("id")
    .limit(limit)
    .execute();

export interface Answer {
  requestHash: string;
  answer: Order;
}

export const findAnswer = async (db: Db, userId: string, key: string): Promise<Answer | undefined> => {
  const row = await db
    .selectFrom("idempotency")
    .selectAll()
    .where("user_id", "=", userId)
    .where("key", "=", key)
    .executeTakeFirst();
  return row && { requestHash: row.request_hash, answer: row.answer };
};

/** Its primary key makes the second of two concurrent requests with one key fail with a unique violation. */
export const insertAnswer = async (trx: Trx, userId: string, key: string, { requestHash, answer }: Answer): Promise<void> => {
  await trx
    .insertInto("idempotency")
    .values({ user_id: userId, key, request_hash: requestHash, answer: JSON.stringify(answer), created_at: answer.createdAt })
    .execute();
};
