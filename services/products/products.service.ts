import { products } from "@molecart/mixins/contracts/products.ts";
import { documentStore } from "@molecart/mixins/document-store.mixin.ts";
import type { HealthCheckedService } from "@molecart/mixins/health.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { Context } from "moleculer";
import { CategoryTree } from "./category.ts";
import { demoCategories, demoProducts } from "./demo/index.ts";
import { seedDemo } from "./demo.operations.ts";
import { type CategoriesDocument, PRODUCT_INDEXES, type ProductDocument } from "./product.document.ts";
import { ProductNotFound } from "./product.errors.ts";
import { archiveProduct, createProduct, updateProduct } from "./product.operations.ts";
import { findOrInsertCategories, findProductsBySku } from "./product.repository.ts";
import { isPublished, itemsOf } from "./product.ts";
import { productsConfig } from "./products.config.ts";
import { AVAILABILITY_INDEXES, type AvailabilityDocument } from "./search/availability.ts";
import type { LeaseDocument } from "./search/lease.ts";
import { SearchDesk } from "./search/search-desk.ts";

export default implement(products, {
  mixins: [
    documentStore<ProductDocument, { categories: CategoriesDocument; availability: AvailabilityDocument; search: LeaseDocument }>(
      {
        name: "products",
        collection: "products",
        indexes: PRODUCT_INDEXES,
        outbox: true,
        also: { categories: {}, availability: { indexes: AVAILABILITY_INDEXES }, search: {} },
      },
    ),
  ],

  vars: (broker) => ({
    config: productsConfig(runtimeOf(broker).env),
    categories: new CategoryTree([]),
    search: undefined as unknown as SearchDesk,
  }),

  methods: {
    /** Shows written products here at once, and lets the other brokers know. The writes themselves have succeeded. */
    async tell(written: readonly { id: string }[]): Promise<void> {
      const productIds = written.map(({ id }) => id);
      await this.search.show(productIds);
      if (productIds.length > 0) this.broker.broadcast("products.changed", { productIds });
    },
  },

  actions: {
    async get({ params: { productId, includeUnpublished } }) {
      const product = await this.search.showcase.get(productId);
      if (product === undefined || !(includeUnpublished || isPublished(product))) throw new ProductNotFound(productId);
      return product;
    },

    search({ params }) {
      return this.search.showcase.search(params);
    },

    async related({ params: { productId, limit } }) {
      const product = await this.search.showcase.get(productId);
      if (product === undefined) throw new ProductNotFound(productId);
      return { items: await this.search.showcase.related(product, limit) };
    },

    suggest({ params: { q, limit } }) {
      return this.search.showcase.suggest(q, limit);
    },

    checkIndex() {
      this.search.keeper.want("check");
      return this.search.keeper.status();
    },

    rebuildIndex() {
      this.search.keeper.want("rebuild");
      return this.search.keeper.status();
    },

    indexStatus() {
      return this.search.keeper.status();
    },

    categories() {
      return { items: [...this.categories.roots] };
    },

    async items({ params: { skus } }) {
      return { items: itemsOf(await findProductsBySku(this.documents, skus), skus) };
    },

    async create({ params }) {
      const product = await createProduct(this, params);
      await this.tell([product]);
      return product;
    },

    async update({ params }) {
      const product = await updateProduct(this, params);
      await this.tell([product]);
      return product;
    },

    async remove({ params: { productId } }) {
      const archived = await archiveProduct(this, productId);
      if (archived !== undefined) await this.tell([archived]);
      return null;
    },

    async seedDemo() {
      const created = await seedDemo(this, demoProducts);
      await this.tell(created);
      return { created: created.length, stock: demoProducts.flatMap(({ stock }) => stock) };
    },
  },

  durable: {
    "product.created": {
      handler({ params }) {
        return this.search.followWrite(params.product);
      },
    },
    "product.updated": {
      handler({ params }) {
        return this.search.followWrite(params.product);
      },
    },
    "product.deleted": {
      handler({ params }) {
        return this.search.follow([params.productId]);
      },
    },
    "availability.changed": {
      async handler({ params }) {
        const productIds = await this.search.keeper.hear(params.items);
        await this.search.follow(productIds);
        if (productIds.length > 0) this.broker.broadcast("products.changed", { productIds });
      },
    },
  },

  events: {
    "products.changed": {
      async handler(this: { broker: { nodeID: string }; search: SearchDesk }, ctx: Context) {
        if (ctx.nodeID === this.broker.nodeID) return;
        const { productIds } = ctx.params as { productIds: string[] };
        await this.search.show(productIds);
      },
    },
  },

  async started() {
    this.categories = new CategoryTree(await findOrInsertCategories(this.collections.categories, demoCategories));
    this.search = await SearchDesk.open({
      config: this.config,
      documents: this.documents,
      availability: this.collections.availability,
      leases: this.collections.search,
      categories: () => this.categories,
      askAvailability: async (skus) => (await this.call("v1.inventory.availability", { skus: [...skus] })).items,
      clock: this.clock,
      log: this.logger,
    });
    const { healthChecks } = this as unknown as HealthCheckedService;
    (this as unknown as HealthCheckedService).healthChecks = { ...healthChecks, search: () => this.search.checkHealth() };
  },

  async stopped() {
    await this.search?.close();
  },
});
