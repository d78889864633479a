import { products } from "@molecart/mixins/contracts/products.ts";
import { documentStore } from "@molecart/mixins/document-store.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { Poller } from "@molecart/mixins/messaging/poller.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { Context, Service } from "moleculer";
import type { CategoriesDocument } from "./category.document.ts";
import { changeCategory, createCategory, loadCategories, removeCategory, settleAliases } from "./category.operations.ts";
import { CategoryTree } from "./category.ts";
import { demoCategories, demoProducts } from "./demo/index.ts";
import { seedDemo } from "./demo.operations.ts";
import {
  IMPORT_ERROR_INDEXES,
  IMPORT_INDEXES,
  type ImportDocument,
  type ImportErrorsDocument,
} from "./import/import.document.ts";
import {
  cancelImport,
  exportPage,
  getImport,
  listImportErrors,
  listImports,
  startImport,
  takeImportPart,
} from "./import/import.operations.ts";
import { PRODUCT_INDEXES, type ProductDocument } from "./product.document.ts";
import { ProductNotFound } from "./product.errors.ts";
import {
  archiveProduct,
  createProduct,
  historyOf,
  listProducts,
  restate,
  updateProduct,
} from "./product.operations.ts";
import { findProductBySlug, findProductsBySku } from "./product.repository.ts";
import { isPublished, itemsOf } from "./product.ts";
import { productsConfig } from "./products.config.ts";
import { Showcase } from "./search/showcase.ts";
import { SqliteIndex } from "./search/sqlite-index.ts";

/** Another broker may have changed the tree, or died while products followed it. */
const CATEGORIES_EVERY_MS = 30_000;
/** A piece of an import: some hundreds of writes. */
const IMPORT_PART_TIMEOUT_MS = 30_000;

interface Also {
  [collection: string]: { _id: string };
  categories: CategoriesDocument;
  imports: ImportDocument;
  import_errors: ImportErrorsDocument;
}

export default implement(products, {
  mixins: [
    documentStore<ProductDocument, Also>({
      name: "products",
      collection: "products",
      indexes: PRODUCT_INDEXES,
      outbox: { restate },
      migrations: new URL("./migrations/", import.meta.url),
      also: { categories: {}, imports: { indexes: IMPORT_INDEXES }, import_errors: { indexes: IMPORT_ERROR_INDEXES } },
    }),
  ],

  vars: (broker) => ({
    config: productsConfig(runtimeOf(broker).env),
    categories: new CategoryTree([]),
    showcase: undefined as unknown as Showcase,
    /** Gives products whose category was renamed or removed their new one. */
    settling: undefined as unknown as Poller,
  }),

  methods: {
    /** Shows written products here at once, and lets the other brokers know. The writes themselves have succeeded. */
    async tell(written: readonly { id: string; version: number }[]): Promise<void> {
      await this.showcase.refresh(written.map(({ id }) => id)).catch((error) => this.warnOfDelay(error));
      const productIds = written.map(({ id }) => id);
      if (productIds.length > 0) this.broker.broadcast("products.changed", { productIds });
    },
    async reloadCategories(): Promise<void> {
      await loadCategories(this, demoCategories);
    },
    /** Products follow the tree, and the other brokers read it again. */
    tellCategories(): void {
      this.broker.broadcast("products.categoriesChanged", { version: this.categories.version });
      this.settling.wake();
    },
    async settleCategories(): Promise<"more" | number> {
      const written = await settleAliases(this);
      if (written.length === 0) return CATEGORIES_EVERY_MS;
      await this.tell(written);
      return "more";
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
      return { items: [...this.categories.roots], version: this.categories.version };
    },

    async items({ params: { skus } }) {
      return { items: itemsOf(await findProductsBySku(this.documents, skus), skus) };
    },

    async getBySlug({ params: { slug, includeUnpublished } }) {
      const product = await findProductBySlug(this.documents, slug);
      if (product === undefined || !(includeUnpublished || isPublished(product))) throw new ProductNotFound(slug);
      return product;
    },

    list({ params }) {
      return listProducts(this, params);
    },

    async history({ params: { productId } }) {
      return { items: await historyOf(this, productId) };
    },

    async brands() {
      const { facets } = await this.showcase.search({ limit: 1 });
      return { items: facets.brand };
    },

    async create({ params: { by, ...request } }) {
      const product = await createProduct(this, request, { by });
      await this.tell([product]);
      return product;
    },

    async update({ params }) {
      const product = await updateProduct(this, params);
      await this.tell([product]);
      return product;
    },

    async remove({ params }) {
      const archived = await archiveProduct(this, params);
      if (archived !== undefined) await this.tell([archived]);
      return null;
    },

    async createCategory({ params }) {
      const category = await createCategory(this, params);
      this.tellCategories();
      return category;
    },

    async changeCategory({ params: { category, change } }) {
      const changed = await changeCategory(this, category, change);
      this.tellCategories();
      return changed;
    },

    async removeCategory({ params: { category, target } }) {
      await removeCategory(this, category, target);
      this.tellCategories();
      return null;
    },

    startImport({ params }) {
      return startImport(this, params);
    },
    takeImportPart: {
      timeout: IMPORT_PART_TIMEOUT_MS,
      handler({ params }) {
        return takeImportPart(this, params);
      },
    },
    getImport({ params: { importId } }) {
      return getImport(this, importId);
    },
    listImports({ params }) {
      return listImports(this, params);
    },
    listImportErrors({ params }) {
      return listImportErrors(this, params);
    },
    cancelImport({ params: { importId } }) {
      return cancelImport(this, importId);
    },
    exportPage({ params }) {
      return exportPage(this, params);
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
        // A broker of the release before names one product.
        const { productId, productIds = [productId] } = ctx.params as { productId: string; productIds?: string[] };
        await this.showcase.refresh(productIds).catch((error) => this.warnOfDelay(error));
      },
    },
    "products.categoriesChanged": {
      async handler(
        this: { broker: { nodeID: string }; reloadCategories(): Promise<void>; logger: Service["logger"] },
        ctx: Context,
      ) {
        if (ctx.nodeID === this.broker.nodeID) return;
        await this.reloadCategories().catch((error) =>
          this.logger.warn("The categories are read again later", { error: messageOf(error) }),
        );
      },
    },
  },

  async started() {
    await this.reloadCategories();
    this.showcase = new Showcase({
      documents: this.documents,
      categories: this.categories,
      index: new SqliteIndex(),
      clock: this.clock,
      catchUpEveryMs: this.config.catchUpEveryMs,
      onError: (error) => this.warnOfDelay(error),
    });
    await this.showcase.open();
    this.settling = new Poller({
      round: () => this.settleCategories(),
      maxSleepMs: CATEGORIES_EVERY_MS,
      onError: (error) => this.logger.warn("Products follow their categories later", { error: messageOf(error) }),
    });
    this.settling.start();
  },

  async stopped() {
    await this.settling?.stop();
    await this.showcase?.close();
  },
});
