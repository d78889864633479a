import { inventory } from "@molecart/mixins/contracts/inventory.ts";
import { database } from "@molecart/mixins/database.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { inventoryConfig } from "./inventory.config.ts";
import { react, reserve } from "./reservation.operations.ts";
import { SkuNotFound } from "./stock.errors.ts";
import { countStock, makeKnown, restock, seedStock } from "./stock.operations.ts";
import { findAvailability, findStock } from "./stock.repository.ts";
import type { InventoryTables } from "./stock.table.ts";

export default implement(inventory, {
  mixins: [database<InventoryTables>({ name: "inventory", migrations: new URL("./migrations/", import.meta.url) })],

  vars: (broker) => ({ config: inventoryConfig(runtimeOf(broker).env) }),

  actions: {
    async get({ params: { sku } }) {
      const [stock] = await findStock(this.database.db, [sku]);
      if (stock === undefined) throw new SkuNotFound(sku);
      return stock;
    },

    async getMany({ params: { skus } }) {
      return { items: await findStock(this.database.db, skus) };
    },

    async availability({ params: { skus } }) {
      return { items: await findAvailability(this.database.db, skus) };
    },

    set({ params: { sku, onHand } }) {
      return this.transaction((work) => countStock(work, sku, onHand));
    },

    async seedDemo({ params: { items } }) {
      return { created: await this.transaction((work) => seedStock(work, items)) };
    },
  },

  durable: {
    "product.created": { handler: ({ params, locals }) => makeKnown(locals.work, params.product.variants) },
    "product.updated": { handler: ({ params, locals }) => makeKnown(locals.work, params.product.variants) },
    "order.created": {
      handler({ params, locals }) {
        return reserve(locals.work, params, this.config.reservationMs);
      },
    },
    "order.confirmed": { handler: ({ params, locals }) => react(locals.work, params.orderId, "order.confirmed") },
    "order.cancelled": { handler: ({ params, locals }) => react(locals.work, params.orderId, "order.cancelled") },
    "payment.failed": { handler: ({ params, locals }) => react(locals.work, params.orderId, "payment.failed") },
    "return.received": { handler: ({ params, locals }) => restock(locals.work, params.orderId, params.lines) },
  },

  jobs: {
    "reservation-expiry": {
      async handler(job) {
        await job.complete((work) => react(work, job.aggregateId, "reservation.overdue"));
      },
    },
  },
});
