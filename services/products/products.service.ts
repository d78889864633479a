import { products } from "@molecart/mixins/contracts/products.ts";
import { documentStore } from "@molecart/mixins/document-store.mixin.ts";
import type { HealthCheckedService } from "@molecart/mixins/health.ts";
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
import { archiveProduct, createProduct, historyOf, listProducts, restate, updateProduct } from "./product.operations.ts";
import { findProductBySlug, findProductsBySku } from "./product.repository.ts";
import { isPublished, itemsOf } from "./product.ts";
import { productsConfig } from "./products.config.ts";
import { AVAILABILITY_INDEXES, type AvailabilityDocument } from "./search/availability.ts";
import type { LeaseDocument } from "./search/lease.ts";
import { SearchDesk } from "./search/search-desk.ts";

/** Another broker may have changed the tree, or died while products followed it. */
const CATEGORIES_EVERY_MS = 30_000;
/** A piece of an import: some hundreds of writes. */
const IMPORT_PART_TIMEOUT_MS = 30_000;

interface Also {
  [collection: string]: { _id: string };
  categories: CategoriesDocument;
  imports: ImportDocument;
  import_errors: ImportErrorsDocument;
  availability: AvailabilityDocument;
  search: LeaseDocument;
}

export default implement(products, {
  mixins: [
    documentStore<ProductDocument, Also>({
      name: "products",
      collection: "products",
      indexes: PRODUCT_INDEXES,
      outbox: { restate },
      migrations: new URL("./migrations/", import.meta.url),
      also: {
        categories: {},
        imports: { indexes: IMPORT_INDEXES },
        import_errors: { indexes: IMPORT_ERROR_INDEXES },
        availability: { indexes: AVAILABILITY_INDEXES },
        search: {},
      },
    }),
  ],

  vars: (broker) => ({
    config: productsConfig(runtimeOf(broker).env),
    categories: new CategoryTree([]),
    followedRenames: 0,
    search: undefined as unknown as SearchDesk,
    /** Gives products whose category was renamed or removed their new one. */
    settling: undefined as unknown as Poller,
  }),

  methods: {
    /** Shows written products here at once, and lets the other brokers know. The writes themselves have succeeded. */
    async tell(written: readonly { id: string; version: number }[]): Promise<void> {
      const productIds = written.map(({ id }) => id);
      await this.search.show(productIds);
      if (productIds.length === 0) return;
      const versions = Object.fromEntries(written.map(({ id, version }) => [id, version]));
      this.broker.broadcast("products.changed", { productIds, versions });
    },
    async reloadCategories(): Promise<void> {
      await loadCategories(this, demoCategories);
      this.followRenames();
    },
    /** The index has the names of categories, and no product has changed with them. */
    followRenames(): void {
      if (this.categories.renames === this.followedRenames) return;
      this.followedRenames = this.categories.renames;
      this.search?.keeper.want("rebuild");
    },
    /** Products and index follow the tree, and the other brokers read it again. */
    tellCategories(): void {
      this.followRenames();
      this.broker.broadcast("products.categoriesChanged", { version: this.categories.version });
      this.settling.wake();
    },
    async settleCategories(): Promise<"more" | number> {
      const written = await settleAliases(this);
      this.followRenames();
      if (written.length === 0) return CATEGORIES_EVERY_MS;
      await this.tell(written);
      return "more";
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
      return { items: await this.search.showcase.brands() };
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
        // A broker of the release before names one product.
        const { productId, productIds = [productId] } = ctx.params as { productId: string; productIds?: string[] };
        await this.search.show(productIds);
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
    this.settling = new Poller({
      round: () => this.settleCategories(),
      maxSleepMs: CATEGORIES_EVERY_MS,
      onError: (error) => this.logger.warn("Products follow their categories later", { error: messageOf(error) }),
    });
    this.settling.start();
  },

  async stopped() {
    await this.settling?.stop();
    await this.search?.close();
  },
});
