import { carts } from "@molecart/mixins/contracts/carts.ts";
import { type Call, implement } from "@molecart/mixins/implement.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { addItem, type CartDesk, setItem, viewCart } from "./cart.operations.ts";
import { cartStore } from "./cart.store.mixin.ts";
import { cartOf } from "./cart.ts";
import { cartsConfig } from "./carts.config.ts";

export default implement(carts, {
  mixins: [cartStore()],

  vars: (broker) => ({ config: cartsConfig(runtimeOf(broker).env) }),

  methods: {
    deskFor(ctx: { call: Call }): CartDesk {
      return { store: this.store, call: ctx.call.bind(ctx), pricing: this.config.pricing, log: this.logger };
    },
  },

  actions: {
    async get(ctx) {
      const { cartId } = ctx.params;
      return viewCart(this.deskFor(ctx), cartId, await this.store.read(cartId));
    },

    setItem(ctx) {
      return setItem(this.deskFor(ctx), ctx.params);
    },

    addItem(ctx) {
      return addItem(this.deskFor(ctx), ctx.params);
    },

    async removeItem(ctx) {
      const { cartId, sku } = ctx.params;
      return viewCart(this.deskFor(ctx), cartId, await this.store.removeLine(cartId, sku));
    },

    async saveItem(ctx) {
      const { cartId, sku } = ctx.params;
      return viewCart(this.deskFor(ctx), cartId, await this.store.saveLine(cartId, sku));
    },

    async restoreItem(ctx) {
      const { cartId, sku } = ctx.params;
      return viewCart(this.deskFor(ctx), cartId, await this.store.restoreLine(cartId, sku));
    },

    async removeSaved(ctx) {
      const { cartId, sku } = ctx.params;
      return viewCart(this.deskFor(ctx), cartId, await this.store.removeSaved(cartId, sku));
    },

    async clear({ params: { cartId } }) {
      await this.store.clear(cartId);
      return null;
    },

    async merge(ctx) {
      const { from, into } = ctx.params;
      return viewCart(this.deskFor(ctx), into, await this.store.merge(from, into));
    },

    async lines({ params: { cartId } }) {
      const { lines, revision } = await this.store.snapshot(cartId);
      return {
        lines: lines.map(({ sku, quantity, added }) => ({ sku, quantity, ...(added && { added: [...added] }) })),
        revision,
      };
    },
  },

  durable: {
    "order.created": {
      handler: ({ params: { customer, lines, cartRevision }, locals }) =>
        locals.work.subtract(cartOf(customer.id), lines, cartRevision),
    },
  },
});
