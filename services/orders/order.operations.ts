import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { HistoryEntry, Order, OrderStatus, Quote } from "@molecart/mixins/contracts/orders.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { faults } from "@molecart/mixins/faults.ts";
import type { Call } from "@molecart/mixins/implement.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import type { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { NotYet } from "@molecart/mixins/lib/errors.ts";
import { newId, newNumber } from "@molecart/mixins/lib/ids.ts";
import { maySee } from "@molecart/mixins/lib/ownership.ts";
import { requestHash } from "@molecart/mixins/lib/request-hash.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import {
  CartAlreadyOrdered,
  CartEmpty,
  CartOrderedMeanwhile,
  IdempotencyKeyReused,
  OrderNotFound,
  QuoteNotFound,
  QuoteUsed,
} from "./order.errors.ts";
import { findAnswer, insertAnswer, insertOrder, lockOrder, type StoredOrder, setStatus } from "./order.repository.ts";
import type { OrdersTables } from "./order.table.ts";
import {
  announcements,
  next,
  notYetOrdered,
  type OrderRequest,
  type PricedOrder,
  placeOrder,
  planCancellation,
  priceLines,
  type Quantity,
  type Trigger,
} from "./order.ts";
import type { ordersConfig } from "./orders.config.ts";
import { findOrderedCart, findQuote, insertQuote, type OrderedCart, setOrderedCart, useQuote } from "./quote.repository.ts";
import { checkQuote } from "./quote.ts";

type Tables = OrdersTables & MessagingTables;
export type OrdersWork = SqlWork<Tables>;
type CreateParams = ActionParams<"v1.orders.create">;

export interface OrderDesk extends Pick<DatabaseProps<Tables>, "database" | "transaction"> {
  call: Call;
  /** Until when the customer waits. */
  deadline: Deadline | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
  config: ReturnType<typeof ordersConfig>;
}

/** Accepts the customer's cart as an order. The commit is the acceptance: order, answer to the key, `order.created` and the
 *  payment's deadline are in it, or nothing is. */
export const createOrder = async (desk: OrderDesk, params: CreateParams): Promise<Order> => {
  const { customer, idempotencyKey, ...request } = params;
  const hash = requestHash(request);
  const answered = await answerOf(desk, customer.id, idempotencyKey, hash);
  if (answered) return answered;

  try {
    const order = await tryToAccept(desk, params, request, hash);
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

/** A customer who orders in so many ways at the same moment is told to come again. */
const MAX_LOOKS = 5;

/** Looks into the cart again where another order was accepted since the look. */
const tryToAccept = async (desk: OrderDesk, params: CreateParams, request: OrderRequest, hash: string): Promise<Order> => {
  for (let look = 1; ; look++) {
    const offered = await offer(desk, params);
    desk.deadline?.check("the order");
    try {
      return await desk.transaction((work) => acceptOrder(work, desk, params, request, hash, offered));
    } catch (error) {
      if (!(error instanceof CartOrderedMeanwhile) || look === MAX_LOOKS) throw error;
    }
  }
};

const answerOf = async ({ database }: OrderDesk, userId: string, key: string, hash: string): Promise<Order | undefined> => {
  const known = await findAnswer(database.db, userId, key);
  if (known !== undefined && known.requestHash !== hash) throw new IdempotencyKeyReused(key);
  return known?.answer;
};

/** What of the customer's cart an order would take, and what it costs. */
interface Offer extends PricedOrder {
  /** Of the cart; undefined where carts do not say it. */
  revision: number | undefined;
  /** How far the cart was ordered before. */
  before: OrderedCart | undefined;
}

type Shop = Pick<OrderDesk, "database" | "call" | "config">;

/** What is in the cart and in no order yet. Throws CartEmpty, CartAlreadyOrdered. */
const takeCart = async ({ database, call }: Shop, userId: string) => {
  // Before the cart: an order that is accepted in between is noticed by the acceptance.
  const before = await findOrderedCart(database.db, userId);
  const { lines, revision } = await call("v1.carts.lines", { cartId: `user:${userId}` });
  if (lines.length === 0) throw new CartEmpty();
  const wanted = notYetOrdered(lines, before?.revision);
  if (wanted.length === 0 && before !== undefined) throw new CartAlreadyOrdered(before.orderId);
  return { wanted, revision, before };
};

const priceAtCatalogue = async ({ call, config }: Shop, wanted: readonly Quantity[], country: string): Promise<PricedOrder> => {
  const { items } = await call("v1.products.items", { skus: wanted.map(({ sku }) => sku) });
  return priceLines(wanted, items, config.pricing, country);
};

const offer = async (desk: OrderDesk, { customer, shippingAddress, quoteId }: CreateParams): Promise<Offer> => {
  const { country } = shippingAddress;
  const quoted = quoteId === undefined ? undefined : await findQuote(desk.database.db, customer.id, quoteId);
  if (quoteId !== undefined && quoted === undefined) throw new QuoteNotFound(quoteId);
  if (quoted?.orderId != null) throw new QuoteUsed(quoted.quote.id, quoted.orderId);
  const { wanted, revision, before } = await takeCart(desk, customer.id);
  if (quoted === undefined) return { ...(await priceAtCatalogue(desk, wanted, country)), revision, before };
  checkQuote(quoted, wanted, country, isoTime(desk.now()));
  const { lines, totals } = quoted.quote;
  return { lines, totals, revision, before };
};

/** What the customer's cart costs in a country, promised for the quote's time. */
export const quoteCart = async (
  desk: Shop & Pick<OrderDesk, "now">,
  { userId, country }: ActionParams<"v1.orders.quote">,
): Promise<Quote> => {
  const { wanted } = await takeCart(desk, userId);
  const priced = await priceAtCatalogue(desk, wanted, country);
  const now = desk.now();
  const quote = { id: newId(), country, ...priced, expiresAt: isoTime(now + desk.config.quoteMs) };
  await insertQuote(desk.database.db, userId, quote, isoTime(now));
  return quote;
};

const acceptOrder = async (
  work: OrdersWork,
  { config }: OrderDesk,
  { customer, idempotencyKey }: CreateParams,
  request: OrderRequest,
  hash: string,
  offered: Offer,
): Promise<Order> => {
  const { revision, before } = offered;
  const order = placeOrder(offered, request, { id: newId(), number: newNumber("M"), at: work.now });
  await insertAnswer(work.trx, customer.id, idempotencyKey, { requestHash: hash, answer: order });
  await insertOrder(work.trx, order, customer);
  // A cart without a revision, of before there were any, says nothing about what is in an order.
  if (revision !== undefined && revision > 0) {
    const isFirst = await setOrderedCart(work.trx, customer.id, before, {
      revision: Math.max(revision, before?.revision ?? 0),
      orderId: order.id,
    });
    if (!isFirst) throw new CartOrderedMeanwhile();
  }
  if (request.quoteId !== undefined && !(await useQuote(work.trx, request.quoteId, order.id))) throw new CartOrderedMeanwhile();
  work.emit("order.created", order.id, {
    ...eventOf({ order, customer }),
    shippingAddress: order.shippingAddress,
    paymentToken: request.paymentToken,
    ...(revision !== undefined && { cartRevision: revision }),
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

/** Only what consumers of every version know: those of before refuse totals that say more. */
const eventOf = ({ order, customer }: StoredOrder) => {
  const { items, shipping, tax, total } = order.totals;
  return {
    orderId: order.id,
    number: order.number,
    customer,
    lines: order.lines.map(({ tax: _tax, taxRate: _taxRate, ...line }) => line),
    totals: { items, shipping, tax, total },
  };
};

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
