import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import type { OrderFact, OrdersFacts } from "@molecart/mixins/verify/facts.ts";
import { readMessaging } from "@molecart/mixins/verify/messaging-facts.ts";
import { inPages } from "@molecart/mixins/verify/stores.ts";
import type { Kysely, Selectable } from "kysely";
import type { OrdersTables } from "./order.table.ts";
import { transitions } from "./order.ts";
import { ordersConfig } from "./orders.config.ts";

type Tables = OrdersTables & MessagingTables;
type OrderRow = Pick<Selectable<OrdersTables["orders"]>, "id" | "number" | "status" | "lines" | "totals" | "created_at">;
type AnswerRow = Selectable<Pick<OrdersTables["idempotency"], "user_id" | "key" | "answer">>;

const readOrders = async (db: Kysely<Tables>): Promise<OrderFact[]> => {
  const histories = new Map<string, OrderFact["history"]>();
  const rows = await db
    .selectFrom("order_history")
    .select(["order_id", "status", "at"])
    .orderBy("order_id")
    .orderBy("seq")
    .execute();
  for (const { order_id, status, at } of rows) {
    const history = histories.get(order_id);
    if (history === undefined) histories.set(order_id, [{ status, at }]);
    else history.push({ status, at });
  }
  return inPages(
    (last: OrderRow | undefined, limit) =>
      db
        .selectFrom("orders")
        .select(["id", "number", "status", "lines", "totals", "created_at"])
        .where("id", ">", last?.id ?? "")
        .orderBy("id")
        .limit(limit)
        .execute(),
    ({ id, number, status, lines, totals, created_at }) => ({
      id,
      number,
      status,
      lines: lines.map(({ sku, quantity }) => ({ sku, quantity })),
      total: totals.total,
      sums: {
        items: totals.items.amount,
        shipping: totals.shipping.amount,
        tax: totals.tax.amount,
        taxes: totals.taxes?.map(({ amount }) => amount.amount) ?? null,
      },
      history: histories.get(id) ?? [],
      createdAt: created_at,
    }),
  );
};

const readReturns = async (db: Kysely<Tables>): Promise<OrdersFacts["returns"]> => {
  const rows = await db
    .selectFrom("return_request")
    .select(["id", "order_id", "status", "received", "refund"])
    .orderBy("id")
    .execute();
  return rows.map(({ id, order_id, status, received, refund }) => ({ id, orderId: order_id, status, received, refund }));
};

const readAnswers = (db: Kysely<Tables>): Promise<OrdersFacts["answers"]> =>
  inPages(
    (last: AnswerRow | undefined, limit) =>
      db
        .selectFrom("idempotency")
        .select(["user_id", "key", "answer"])
        .$if(last !== undefined, (query) =>
          query.where(({ eb, refTuple, tuple }) =>
            eb(refTuple("user_id", "key"), ">", tuple((last as AnswerRow).user_id, (last as AnswerRow).key)),
          ),
        )
        .orderBy("user_id")
        .orderBy("key")
        .limit(limit)
        .execute(),
    ({ user_id, key, answer }) => ({
      userId: user_id,
      key,
      orderId: answer.id,
      number: answer.number,
      total: answer.totals.total,
    }),
  );

const audit: Auditor = (stores) =>
  stores.sql<Tables, Awaited<ReturnType<Auditor>>>("orders", async (db) => ({
    messaging: await readMessaging(db),
    orders: {
      orders: await readOrders(db),
      returns: await readReturns(db),
      answers: await readAnswers(db),
      transitions,
      paymentDueMs: ordersConfig(stores.env).paymentDueMs,
    },
  }));

export default audit;
