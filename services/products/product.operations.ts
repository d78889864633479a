import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { NewProduct, Product, ProductChange } from "@molecart/mixins/contracts/products.ts";
import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import { type OutboxEntry, outgoing, type Restatement } from "@molecart/mixins/document-store/outbox.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { CategoryTree } from "./category.ts";
import { type ProductDocument, toProduct } from "./product.document.ts";
import { CategoryNotFound, ProductBusy, ProductNotFound, SkuTaken, SlugTaken, VersionConflict } from "./product.errors.ts";
import { findProduct, findProductIdBySlug, findProductsBySku, insertProduct, setProduct } from "./product.repository.ts";
import { announcementOf, changedProduct, currentAnnouncementOf, distinctSlug, newProduct } from "./product.ts";
import type { ProductsConfig } from "./products.config.ts";

export interface ProductDesk {
  documents: Collection<ProductDocument>;
  categories: CategoryTree;
  clock: Clock;
  config: ProductsConfig;
}

/** Two of the staff at one product do not meet more often than this. */
const MAX_TRIES = 5;

const termsOf = ({ clock, config }: ProductDesk) => ({ at: isoTime(clock.now()), currency: config.currency });

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

const requireCategory = ({ categories }: ProductDesk, category: string): void => {
  if (!categories.has(category)) throw new CategoryNotFound(category);
};

export const createProduct = async (desk: ProductDesk, request: NewProduct): Promise<Product> => {
  requireCategory(desk, request.category);
  const product = newProduct(request, newId(), termsOf(desk));
  try {
    return await insert(desk, product);
  } catch (error) {
    // Two products may have one name; nobody has asked for this slug.
    if (request.slug !== undefined || !(error instanceof SlugTaken)) throw error;
    return insert(desk, { ...product, slug: distinctSlug(product.slug, product.id) });
  }
};

const insert = async ({ documents }: ProductDesk, product: Product): Promise<Product> => {
  try {
    await insertProduct(documents, product, eventOf(undefined, product));
    return product;
  } catch (error) {
    throw await explain(documents, product, error);
  }
};

/** Changes the version that is there, or only the expected one. Somebody else's write in between makes it begin again. */
export const updateProduct = async (
  desk: ProductDesk,
  { productId, change, expectedVersion }: ActionParams<"v1.products.update">,
): Promise<Product> => {
  if (change.category !== undefined) requireCategory(desk, change.category);
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const before = await findProduct(desk.documents, productId);
    if (before === undefined) throw new ProductNotFound(productId);
    if (expectedVersion !== undefined && before.version !== expectedVersion)
      throw new VersionConflict(productId, expectedVersion, before.version);
    const after = await write(desk, before, change);
    if (after !== undefined) return after;
  }
  throw new ProductBusy(productId);
};

const write = async (desk: ProductDesk, before: Product, change: ProductChange): Promise<Product | undefined> => {
  const after = changedProduct(before, change, termsOf(desk));
  try {
    return (await setProduct(desk.documents, after, before.version, eventOf(before, after))) ? after : undefined;
  } catch (error) {
    throw await explain(desk.documents, after, error);
  }
};

/** Answers undefined when it was archived before. */
export const archiveProduct = async (desk: ProductDesk, productId: string): Promise<Product | undefined> => {
  const product = await findProduct(desk.documents, productId);
  if (product === undefined) throw new ProductNotFound(productId);
  if (product.status === "archived") return undefined;
  return updateProduct(desk, { productId, change: { status: "archived" } });
};

/** The store says that a key is taken; the customer is told which. */
const explain = async (documents: ProductDesk["documents"], product: Product, error: unknown): Promise<unknown> => {
  if (!(error instanceof DuplicateKey)) return error;
  const holder = await findProductIdBySlug(documents, product.slug);
  if (holder !== undefined && holder !== product.id) return new SlugTaken(product.slug);
  const skus = product.variants.map(({ sku }) => sku);
  const others = (await findProductsBySku(documents, skus)).filter(({ id }) => id !== product.id);
  const taken = others.flatMap(({ variants }) => variants).find(({ sku }) => skus.includes(sku));
  return taken === undefined ? error : new SkuTaken(taken.sku);
};
