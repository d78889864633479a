import { type HistoryStep, orders } from "@molecart/mixins/contracts/orders.ts";
import { brokenOffAt } from "@molecart/mixins/database/broken-off.ts";
import { database } from "@molecart/mixins/database.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { decodeCursor, isText, page } from "@molecart/mixins/lib/cursor.ts";
import { maySee } from "@molecart/mixins/lib/ownership.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { OrderNotFound } from "./order.errors.ts";
import { cancelOrder, createOrder, finishParcelStop, type OrdersWork, quoteCart, react } from "./order.operations.ts";
import { findOrder, findOrders, findSteps, findUnsettled } from "./order.repository.ts";
import type { OrdersTables } from "./order.table.ts";
import { isSettled, unsettled } from "./order.ts";
import { ordersConfig } from "./orders.config.ts";
import { receiveReturn, rejectReturn, requestReturn, settleReturn } from "./return.operations.ts";
import { findReturns } from "./return.repository.ts";

/** Longer than any quote is good for, so that who comes late is told that it has expired. */
const QUOTES_KEEP_MS = 7 * 86_400_000;

export default implement(orders, {
  mixins: [
    database<OrdersTables>({
      name: "orders",
      migrations: new URL("./migrations/", import.meta.url),
      trims: (env) => [
        { table: "idempotency", column: "created_at", keepMs: ordersConfig(env).answersKeepMs },
        { table: "quote", column: "created_at", keepMs: QUOTES_KEEP_MS },
      ],
    }),
  ],

  vars: (broker) => ({ config: ordersConfig(runtimeOf(broker).env) }),

  actions: {
    create(ctx) {
      return createOrder(
        {
          database: this.database,
          transaction: this.transaction,
          call: ctx.call.bind(ctx),
          deadline: ctx.locals.deadline,
          config: this.config,
          now: () => this.clock.now(),
        },
        ctx.params,
      );
    },

    quote(ctx) {
      const { database, config } = this;
      return quoteCart({ database, config, call: ctx.call.bind(ctx), now: () => this.clock.now() }, ctx.params);
    },

    async get({ params: { orderId, viewer } }) {
      const stored = await findOrder(this.database.db, orderId);
      if (stored === undefined || !maySee(viewer, stored.customer.id)) throw new OrderNotFound(orderId);
      return stored.order;
    },

    async progress({ params: { orderId, viewer, after } }) {
      const stored = await findSteps(this.database.db, orderId);
      if (stored === undefined || !maySee(viewer, stored.ownerId)) throw new OrderNotFound(orderId);
      const { steps } = stored;
      const { seq, status } = steps.at(-1) as HistoryStep;
      return { steps: steps.filter((step) => step.seq > after), last: seq, status, settled: isSettled(steps) };
    },

    async list({ params: { userId, limit, cursor }, locals }) {
      const before = cursor && decodeCursor(cursor, isText);
      const filter = { userId, before, limit: limit + 1, options: brokenOffAt(this.database, locals.deadline) };
      return page(await findOrders(this.database.db, filter), limit, (order) => order.id);
    },

    async listAll({ params: { status, limit, cursor }, locals }) {
      const before = cursor && decodeCursor(cursor, isText);
      const filter = { status, before, limit: limit + 1, options: brokenOffAt(this.database, locals.deadline) };
      return page(await findOrders(this.database.db, filter), limit, (order) => order.id);
    },

    async listStuck({ params: { olderThanMinutes, limit, cursor } }) {
      const after = cursor && decodeCursor(cursor, isText);
      const before = isoTime(this.clock.now() - olderThanMinutes * 60_000);
      const stuck = await findUnsettled(this.database.db, { statuses: unsettled, before, after, limit: limit + 1 });
      return page(stuck, limit, ({ orderId }) => orderId);
    },

    cancel(ctx) {
      return this.transaction((work) => cancelOrder(work, ctx.params, this.clock.now()));
    },

    requestReturn({ params }) {
      return this.transaction((work) => requestReturn(work, params));
    },

    async listReturns({ params: { orderId, viewer } }) {
      const stored = await findOrder(this.database.db, orderId);
      if (stored === undefined || !maySee(viewer, stored.customer.id)) throw new OrderNotFound(orderId);
      return { items: await findReturns(this.database.db, orderId) };
    },

    receiveReturn({ params }) {
      return this.transaction((work) => receiveReturn(work, params));
    },

    rejectReturn({ params }) {
      return this.transaction((work) => rejectReturn(work, params));
    },
  },

  durable: {
    "stock.reserved": { handler: ({ params, locals }) => react(locals.work, params.orderId, "stock.reserved") },
    "stock.rejected": { handler: ({ params, locals }) => react(locals.work, params.orderId, "stock.rejected", "out_of_stock") },
    "payment.completed": { handler: ({ params, locals }) => react(locals.work, params.orderId, "payment.completed") },
    "payment.failed": {
      handler: ({ params, locals }) => react(locals.work, params.orderId, "payment.failed", `payment_failed: ${params.code}`),
    },
    "payment.refunded": {
      // A part of the money does not change the order's state.
      async handler({ params, locals }) {
        if (params.full) await react(locals.work, params.orderId, "payment.refunded", params.reason);
      },
    },
    "return.refunded": { handler: ({ params, locals }) => settleReturn(locals.work, params) },
    "reservation.expired": {
      handler: ({ params, locals }) => react(locals.work, params.orderId, "reservation.expired", "reservation_expired"),
    },
    "shipment.dispatched": { handler: ({ params, locals }) => react(locals.work, params.orderId, "shipment.dispatched") },
    "shipment.delivered": { handler: ({ params, locals }) => react(locals.work, params.orderId, "shipment.delivered") },
  },

  jobs: {
    "payment-due": {
      async handler(job) {
        await job.complete((work) => react(work, job.aggregateId, "payment.overdue", "payment_overdue"));
      },
    },
    "stop-parcel": {
      async handler(job: Job<OrdersWork, { reason: string }>) {
        const { cancelled } = await this.call("v1.shipping.cancel", { orderId: job.aggregateId });
        await job.complete((work) => finishParcelStop(work, job.aggregateId, cancelled, job.data.reason));
      },
    },
  },
});
