import { products } from "@molecart/mixins/contracts/products.ts";
import { documentStore } from "@molecart/mixins/document-store.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { Context } from "moleculer";
import { CategoryTree } from "./category.ts";
import { demoCategories, demoProducts } from "./demo/index.ts";
import { seedDemo } from "./demo.operations.ts";
import { type CategoriesDocument, PRODUCT_INDEXES, type ProductDocument } from "./product.document.ts";
import { ProductNotFound } from "./product.errors.ts";
import { archiveProduct, createProduct, restate, updateProduct } from "./product.operations.ts";
import { findOrInsertCategories, findProductsBySku } from "./product.repository.ts";
import { isPublished, itemsOf } from "./product.ts";
import { productsConfig } from "./products.config.ts";
import { Showcase } from "./search/showcase.ts";
import { SqliteIndex } from "./search/sqlite-index.ts";

export default implement(products, {
  mixins: [
    documentStore<ProductDocument, { categories: CategoriesDocument }>({
      name: "products",
      collection: "products",
      indexes: PRODUCT_INDEXES,
      outbox: { restate },
      also: { categories: {} },
    }),
  ],

  vars: (broker) => ({
    config: productsConfig(runtimeOf(broker).env),
    categories: new CategoryTree([]),
    showcase: undefined as unknown as Showcase,
  }),

  methods: {
    /** Shows written products here at once, and lets the other brokers know. The writes themselves have succeeded. */
    async tell(written: readonly { id: string; version: number }[]): Promise<void> {
      await this.showcase.refresh(written.map(({ id }) => id)).catch((error) => this.warnOfDelay(error));
      for (const { id, version } of written) this.broker.broadcast("products.changed", { productId: id, version });
    },
    warnOfDelay(error: unknown): void {
      this.logger.warn("The search shows a change later", { error: messageOf(error) });
    },
  },

  actions: {
    async get({ params: { productId, includeUnpublished } }) {
      const product = await this.showcase.get(productId);
      if (product === undefined || !(includeUnpublished || isPublished(product))) throw new ProductNotFound(productId);
      return product;
    },

    search({ params }) {
      return this.showcase.search(params);
    },

    async related({ params: { productId, limit } }) {
      const product = await this.showcase.get(productId);
      if (product === undefined) throw new ProductNotFound(productId);
      return { items: await this.showcase.related(product, limit) };
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

  events: {
    "products.changed": {
      async handler(this: { broker: { nodeID: string }; showcase: Showcase; warnOfDelay(error: unknown): void }, ctx: Context) {
        if (ctx.nodeID === this.broker.nodeID) return;
        const { productId } = ctx.params as { productId: string };
        await this.showcase.refresh([productId]).catch((error) => this.warnOfDelay(error));
      },
    },
  },

  async started() {
    this.categories = new CategoryTree(await findOrInsertCategories(this.collections.categories, demoCategories));
    this.showcase = new Showcase({
      documents: this.documents,
      categories: this.categories,
      index: new SqliteIndex(),
      clock: this.clock,
      catchUpEveryMs: this.config.catchUpEveryMs,
      onError: (error) => this.warnOfDelay(error),
    });
    await this.showcase.open();
  },

  async stopped() {
    await this.showcase?.close();
  },
});
