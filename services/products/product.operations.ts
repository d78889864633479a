import type { ActionParams, ActionResult } from "@molecart/mixins/contracts/index.ts";
import type { HistoryEntry, NewProduct, Product, ProductChange } from "@molecart/mixins/contracts/products.ts";
import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import { type OutboxEntry, outgoing, type Restatement } from "@molecart/mixins/document-store/outbox.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { decodeCursor, isText, page } from "@molecart/mixins/lib/cursor.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { CategoryTree } from "./category.ts";
import { type ProductDocument, toProduct } from "./product.document.ts";
import { CategoryNotFound, ProductBusy, ProductNotFound, SkuTaken, SlugTaken, VersionConflict } from "./product.errors.ts";
import { type Author, creationEntry, creatorOf, entryOf } from "./product.history.ts";
import {
  findProduct,
  findProductIdBySlug,
  findProductsAfter,
  findProductsBySku,
  insertProduct,
  type ProductWrite,
  setProduct,
} from "./product.repository.ts";
import { announcementOf, changedProduct, currentAnnouncementOf, distinctSlug, newProduct } from "./product.ts";
import type { ProductsConfig } from "./products.config.ts";

export interface ProductDesk {
  documents: Collection<ProductDocument>;
  categories: CategoryTree;
  /** Another broker may have changed the tree a moment ago. */
  reloadCategories(): Promise<unknown>;
  clock: Clock;
  config: ProductsConfig;
}

/** Two of the staff at one product do not meet more often than this. */
const MAX_TRIES = 5;

export const termsOf = ({ clock, config }: ProductDesk) => ({ at: isoTime(clock.now()), currency: config.currency });

/** The event of a write, to travel in it. */
export const eventOf = (before: Product | undefined, after: Product): OutboxEntry => {
  const { type, data } = announcementOf(before, after);
  return outgoing(type, after.id, data as never, after.updatedAt);
};

/** What the catalogue says of a product when all that it has said before is lost. */
export const restate = (document: ProductDocument): Restatement => {
  const product = toProduct(document);
  const { type, data } = currentAnnouncementOf(product);
  return { event: outgoing(type, product.id, data as never, product.updatedAt), while: { version: product.version } };
};

/** A change, with all that is stored beside it. */
export const writeOf = (before: Product, product: Product, author: Author): ProductWrite => ({
  product,
  event: eventOf(before, product),
  entry: entryOf(before, product, author),
  formerSlug: before.slug === product.slug ? undefined : before.slug,
});

const requireCategory = async (desk: ProductDesk, category: string): Promise<void> => {
  if (desk.categories.has(category)) return;
  await desk.reloadCategories();
  if (!desk.categories.has(category)) throw new CategoryNotFound(category);
};

export const createProduct = async (desk: ProductDesk, request: NewProduct, author: Author = {}): Promise<Product> => {
  await requireCategory(desk, request.category);
  const product = newProduct(request, newId(), termsOf(desk));
  try {
    return await insert(desk, product, author);
  } catch (error) {
    // Two products may have one name; nobody has asked for this slug.
    if (request.slug !== undefined || !(error instanceof SlugTaken)) throw error;
    return insert(desk, { ...product, slug: distinctSlug(product.slug, product.id) }, author);
  }
};

const insert = async ({ documents }: ProductDesk, product: Product, author: Author): Promise<Product> => {
  try {
    await insertProduct(documents, product, eventOf(undefined, product), { createdBy: creatorOf(author) });
    return product;
  } catch (error) {
    throw await explain(documents, product, error);
  }
};

/** Changes the version that is there, or only the expected one. Somebody else's write in between makes it begin again. */
export const updateProduct = async (
  desk: ProductDesk,
  { productId, change, expectedVersion, ...author }: ActionParams<"v1.products.update"> & Author,
): Promise<Product> => {
  if (change.category !== undefined) await requireCategory(desk, change.category);
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const before = await findProduct(desk.documents, productId);
    if (before === undefined) throw new ProductNotFound(productId);
    if (expectedVersion !== undefined && before.version !== expectedVersion)
      throw new VersionConflict(productId, expectedVersion, before.version);
    const after = await write(desk, before, change, author);
    if (after !== undefined) return after;
  }
  throw new ProductBusy(productId);
};

const write = async (desk: ProductDesk, before: Product, change: ProductChange, author: Author): Promise<Product | undefined> => {
  const after = changedProduct(before, change, termsOf(desk));
  try {
    return (await setProduct(desk.documents, writeOf(before, after, author), before.version)) ? after : undefined;
  } catch (error) {
    throw await explain(desk.documents, after, error);
  }
};

/** Answers undefined when it was archived before. */
export const archiveProduct = async (
  desk: ProductDesk,
  { productId, expectedVersion, by }: ActionParams<"v1.products.remove">,
): Promise<Product | undefined> => {
  const product = await findProduct(desk.documents, productId);
  if (product === undefined) throw new ProductNotFound(productId);
  if (product.status !== "archived")
    return updateProduct(desk, { productId, change: { status: "archived" }, expectedVersion, by });
  if (expectedVersion !== undefined && product.version !== expectedVersion)
    throw new VersionConflict(productId, expectedVersion, product.version);
  return undefined;
};

/** Newest first. The creation stands at the end as long as nothing before it was forgotten. */
export const historyOf = async ({ documents }: ProductDesk, productId: string): Promise<HistoryEntry[]> => {
  const document = await documents.get(productId);
  if (document === undefined) throw new ProductNotFound(productId);
  const { createdAt, createdBy, history = [] } = document;
  const entries = history.map((entry) => JSON.parse(entry) as HistoryEntry);
  return [...entries.toReversed(), creationEntry(createdAt, createdBy)];
};

/** All of them, for staff, in the order of their ids. A category means all below it too. */
export const listProducts = async (
  { documents, categories }: ProductDesk,
  { status, category, limit, cursor }: ActionParams<"v1.products.list">,
): Promise<ActionResult<"v1.products.list">> => {
  const after = cursor === undefined ? "" : decodeCursor(cursor, isText);
  const within = category === undefined ? undefined : categories.withDescendants(category);
  const found = await findProductsAfter(documents, after, limit + 1, { status, categories: within });
  return page(found, limit, ({ id }) => id);
};

/** The store says that a key is taken; the customer is told which. */
export const explain = async (documents: ProductDesk["documents"], product: Product, error: unknown): Promise<unknown> => {
  if (!(error instanceof DuplicateKey)) return error;
  const holder = await findProductIdBySlug(documents, product.slug);
  if (holder !== undefined && holder !== product.id) return new SlugTaken(product.slug);
  const skus = product.variants.map(({ sku }) => sku);
  const others = (await findProductsBySku(documents, skus)).filter(({ id }) => id !== product.id);
  const taken = others.flatMap(({ variants }) => variants).find(({ sku }) => skus.includes(sku));
  return taken === undefined ? error : new SkuTaken(taken.sku);
};
