import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { HistoryEntry, Order, OrderLine, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { faults } from "@molecart/mixins/faults.ts";
import type { Call } from "@molecart/mixins/implement.ts";
import type { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { NotYet } from "@molecart/mixins/lib/errors.ts";
import { newId, newNumber } from "@molecart/mixins/lib/ids.ts";
import { maySee } from "@molecart/mixins/lib/ownership.ts";
import { requestHash } from "@molecart/mixins/lib/request-hash.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { IdempotencyKeyReused, OrderNotFound } from "./order.errors.ts";
import { findAnswer, insertAnswer, insertOrder, lockOrder, type StoredOrder, setStatus } from "./order.repository.ts";
import type { OrdersTables } from "./order.table.ts";
import { announcements, next, type OrderRequest, placeOrder, planCancellation, priceLines, type Trigger } from "./order.ts";
import type { ordersConfig } from "./orders.config.ts";

type Tables = OrdersTables & MessagingTables;
export type OrdersWork = SqlWork<Tables>;

export interface OrderDesk extends Pick<DatabaseProps<Tables>, "database" | "transaction"> {
  call: Call;
  /** Until when the customer waits. */
  deadline: Deadline | undefined;
  config: ReturnType<typeof ordersConfig>;
}

/** Accepts the customer's cart as an order. The commit is the acceptance: order, answer to the key, `order.created` and the
 *  payment's deadline are in it, or nothing is. */
export const createOrder = async (desk: OrderDesk, params: ActionParams<"v1.orders.create">): Promise<Order> => {
  const { customer, idempotencyKey, ...request } = params;
  const hash = requestHash(request);
  const answered = await answerOf(desk, customer.id, idempotencyKey, hash);
  if (answered) return answered;

  try {
    const quote = await quoteCart(desk.call, `user:${customer.id}`);
    desk.deadline?.check("the order");
    const order = await desk.transaction((work) => acceptOrder(work, desk, params, request, hash, quote));
    faults.crashPoint?.("order.accepted-before-answer");
    return order;
  } catch (error) {
    // The order may be accepted all the same: by another request with the key, which has also emptied the cart, or by a commit
    // whose confirmation was lost. Then its answer is ours.
    const accepted = await answerOf(desk, customer.id, idempotencyKey, hash);
    if (accepted) return accepted;
    throw error;
  }
};

const answerOf = async ({ database }: OrderDesk, userId: string, key: string, hash: string): Promise<Order | undefined> => {
  const known = await findAnswer(database.db, userId, key);
  if (known !== undefined && known.requestHash !== hash) throw new IdempotencyKeyReused(key);
  return known?.answer;
};

/** What the customer's cart holds, at the catalogue's prices. */
interface Quote {
  lines: OrderLine[];
  cartRevision: number | undefined;
}

const quoteCart = async (call: Call, cartId: string): Promise<Quote> => {
  const { lines, revision } = await call("v1.carts.lines", { cartId });
  const skus = lines.map(({ sku }) => sku);
  const { items } = skus.length === 0 ? { items: [] } : await call("v1.products.items", { skus });
  return { lines: priceLines(lines, items), cartRevision: revision };
};

const acceptOrder = async (
  work: OrdersWork,
  { config }: OrderDesk,
  { customer, idempotencyKey }: ActionParams<"v1.orders.create">,
  request: OrderRequest,
  hash: string,
  { lines, cartRevision }: Quote,
): Promise<Order> => {
  const order = placeOrder(lines, request, config.pricing, { id: newId(), number: newNumber("M"), at: work.now });
  await insertAnswer(work.trx, customer.id, idempotencyKey, { requestHash: hash, answer: order });
  await insertOrder(work.trx, order, customer);
  work.emit("order.created", order.id, {
    ...eventOf({ order, customer }),
    shippingAddress: order.shippingAddress,
    paymentToken: request.paymentToken,
    ...(cartRevision !== undefined && { cartRevision }),
  });
  await work.schedule({
    id: `payment-due:${order.id}`,
    kind: "payment-due",
    aggregateId: order.id,
    dueAt: Date.parse(work.now) + config.paymentDueMs,
  });
  return order;
};

/** Something has happened to an order: runs it through the states of the transition table and announces what it enters. */
export const react = async (work: OrdersWork, orderId: string, trigger: Trigger, reason?: string): Promise<void> => {
  const stored = await lockOrder(work.trx, orderId);
  // Every event of an order is caused by its creation here; a restored backup may be behind for a moment.
  if (stored === undefined) throw new NotYet("ORDER_NOT_FOUND", 404, `There is no order ${orderId} yet`);
  await advance(work, stored, next(stored.order.status, trigger), reason);
};

const advance = async (
  work: OrdersWork,
  stored: StoredOrder,
  statuses: readonly OrderStatus[],
  reason?: string,
): Promise<Order> => {
  const { order } = stored;
  if (statuses.length === 0) return order;
  const entries = statuses.map(
    (status): HistoryEntry => (reason === undefined ? { status, at: work.now } : { status, at: work.now, reason }),
  );
  const advanced = { ...order, status: statuses.at(-1) as OrderStatus, history: [...order.history, ...entries] };
  await setStatus(work.trx, advanced, order.history.length, work.now);
  for (const status of statuses) announce(work, stored, status, reason);
  work.hint("order.changed", { orderId: order.id });
  if (statuses.some((status) => status === "confirmed" || status === "cancelled"))
    await work.unschedule(`payment-due:${order.id}`);
  return advanced;
};

const announce = (work: OrdersWork, stored: StoredOrder, status: OrderStatus, reason?: string): void => {
  const { order } = stored;
  if (status === "confirmed") {
    work.emit(announcements.confirmed, order.id, { ...eventOf(stored), shippingAddress: order.shippingAddress });
  }
  if (status === "cancelled") work.emit(announcements.cancelled, order.id, { ...eventOf(stored), reason: reason ?? "cancelled" });
};

const eventOf = ({ order, customer }: StoredOrder) => ({
  orderId: order.id,
  number: order.number,
  customer,
  lines: order.lines,
  totals: order.totals,
});

/** Answers the order as it is after the wish was taken: cancelled, or as before while shipping is asked to stop the parcel. */
export const cancelOrder = async (
  work: OrdersWork,
  { orderId, viewer, reason }: ActionParams<"v1.orders.cancel">,
  now: number,
): Promise<Order> => {
  const stored = await lockOrder(work.trx, orderId);
  if (stored === undefined || !maySee(viewer, stored.customer.id)) throw new OrderNotFound(orderId);
  const plan = planCancellation(stored.order);
  if (plan === "cancel") return advance(work, stored, next(stored.order.status, "cancellation.requested"), reason);
  if (plan === "stop parcel") {
    await work.schedule({
      id: `stop-parcel:${orderId}`,
      kind: "stop-parcel",
      aggregateId: orderId,
      dueAt: now,
      data: { reason },
    });
  }
  return stored.order;
};

/** Shipping has answered: the parcel is stopped and the order cancelled, or it is on its way and the wish came too late. */
export const finishParcelStop = async (work: OrdersWork, orderId: string, stopped: boolean, reason: string): Promise<void> => {
  if (stopped) await react(work, orderId, "parcel.stopped", reason);
};
