import type { ActionParams, EventData } from "@molecart/mixins/contracts/index.ts";
import type { Return } from "@molecart/mixins/contracts/orders.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { maySee } from "@molecart/mixins/lib/ownership.ts";
import { requestHash } from "@molecart/mixins/lib/request-hash.ts";
import { IdempotencyKeyReused, OrderNotFound, ReturnNotFound } from "./order.errors.ts";
import type { OrdersWork } from "./order.operations.ts";
import { lockOrder, type StoredOrder } from "./order.repository.ts";
import { findOrderIdOfReturn, findReturnByKey, findReturns, insertReturn, setReturn } from "./return.repository.ts";
import { planReceipt, planRejection, planReturn, refundFor, transitions } from "./return.ts";

/** Announces a return. Two requests for the same units wait for each other at the order's row. */
export const requestReturn = async (work: OrdersWork, params: ActionParams<"v1.orders.requestReturn">): Promise<Return> => {
  const { orderId, viewer, idempotencyKey, lines, reason } = params;
  const stored = await lockOrder(work.trx, orderId);
  if (stored === undefined || !maySee(viewer, stored.customer.id)) throw new OrderNotFound(orderId);
  const hash = requestHash({ lines, reason });
  const known = await findReturnByKey(work.trx, orderId, idempotencyKey);
  if (known !== undefined && known.requestHash !== hash) throw new IdempotencyKeyReused(idempotencyKey);
  if (known !== undefined) return known.found;

  const { order } = stored;
  const request: Return = {
    id: newId(),
    orderId,
    status: "requested",
    lines: planReturn(order, await findReturns(work.trx, orderId), lines),
    received: [],
    reason,
    rejection: null,
    refund: null,
    createdAt: work.now,
    updatedAt: work.now,
  };
  await insertReturn(work.trx, request, { key: idempotencyKey, requestHash: hash, currency: order.totals.total.currency });
  return request;
};

/** Holds the return's order, and with it all of its returns, until the transaction ends. */
const lockReturn = async (
  work: OrdersWork,
  returnId: string,
): Promise<{ stored: StoredOrder; found: Return; others: Return[] }> => {
  const orderId = await findOrderIdOfReturn(work.trx, returnId);
  const stored = orderId === undefined ? undefined : await lockOrder(work.trx, orderId);
  if (stored === undefined) throw new ReturnNotFound(returnId);
  const returns = await findReturns(work.trx, stored.order.id);
  const found = returns.find(({ id }) => id === returnId) as Return;
  return { stored, found, others: returns.filter(({ id }) => id !== returnId) };
};

const about = ({ order, customer }: StoredOrder, { id }: Return) => ({
  orderId: order.id,
  number: order.number,
  returnId: id,
  customer,
});

/** The goods are here: what becomes of them and what they are worth is told to the world. */
export const receiveReturn = async (
  work: OrdersWork,
  { returnId, lines }: ActionParams<"v1.orders.receiveReturn">,
): Promise<Return> => {
  const { stored, found, others } = await lockReturn(work, returnId);
  if (planReceipt(found, lines) === "nothing to do") return found;
  const refund = refundFor(stored.order, others, lines);
  const received: Return = { ...found, status: "received", received: lines, refund, updatedAt: work.now };
  await setReturn(work.trx, received);
  work.emit("return.received", stored.order.id, { ...about(stored, found), lines, refundAmount: refund });
  return received;
};

export const rejectReturn = async (
  work: OrdersWork,
  { returnId, reason }: ActionParams<"v1.orders.rejectReturn">,
): Promise<Return> => {
  const { stored, found } = await lockReturn(work, returnId);
  if (planRejection(found) === "nothing to do") return found;
  const rejected: Return = { ...found, status: "rejected", rejection: reason, updatedAt: work.now };
  await setReturn(work.trx, rejected);
  work.emit("return.rejected", stored.order.id, { ...about(stored, found), reason });
  return rejected;
};

/** Payments has settled the money of a return, possibly with less than it was worth. */
export const settleReturn = async (work: OrdersWork, { returnId, amount }: EventData<"return.refunded">): Promise<void> => {
  const { found } = await lockReturn(work, returnId);
  const status = transitions[found.status].settle;
  if (status !== undefined) await setReturn(work.trx, { ...found, status, refund: amount, updatedAt: work.now });
};
