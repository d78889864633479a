import { orders } from "@molecart/mixins/contracts/orders.ts";
import { database } from "@molecart/mixins/database.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { decodeCursor, isText, page } from "@molecart/mixins/lib/cursor.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { OrderNotFound } from "./order.errors.ts";
import { cancelOrder, createOrder, finishParcelStop, type OrdersWork, react } from "./order.operations.ts";
import { findOrder, findOrders, findUnsettled } from "./order.repository.ts";
import type { OrdersTables } from "./order.table.ts";
import { maySee, unsettled } from "./order.ts";
import { ordersConfig } from "./orders.config.ts";
import { receiveReturn, rejectReturn, requestReturn, settleReturn } from "./return.operations.ts";
import { findReturns } from "./return.repository.ts";

export default implement(orders, {
  mixins: [
    database<OrdersTables>({
      name: "orders",
      migrations: new URL("./migrations/", import.meta.url),
      trims: (env) => [{ table: "idempotency", column: "created_at", keepMs: ordersConfig(env).answersKeepMs }],
    }),
  ],

  vars: (broker) => ({ config: ordersConfig(runtimeOf(broker).env) }),

  actions: {
    create(ctx) {
      return createOrder(
        { database: this.database, transaction: this.transaction, call: ctx.call.bind(ctx), config: this.config },
        ctx.params,
      );
    },

    async get({ params: { orderId, viewer } }) {
      const stored = await findOrder(this.database.db, orderId);
      if (stored === undefined || !maySee(viewer, stored.customer.id)) throw new OrderNotFound(orderId);
      return stored.order;
    },

    async list({ params: { userId, limit, cursor } }) {
      const before = cursor && decodeCursor(cursor, isText);
      return page(await findOrders(this.database.db, { userId, before, limit: limit + 1 }), limit, (order) => order.id);
    },

    async listAll({ params: { status, limit, cursor } }) {
      const before = cursor && decodeCursor(cursor, isText);
      return page(await findOrders(this.database.db, { status, before, limit: limit + 1 }), limit, (order) => order.id);
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
