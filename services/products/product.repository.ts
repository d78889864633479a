import type { HistoryEntry, Product, ProductStatus } from "@molecart/mixins/contracts/products.ts";
import type { Collection } from "@molecart/mixins/document-store/collection.ts";
import type { OutboxEntry } from "@molecart/mixins/document-store/outbox.ts";
import { type ProductDocument, type ProductRecords, toDocument, toProduct } from "./product.document.ts";
import { MAX_HISTORY } from "./product.history.ts";

type Documents = Collection<ProductDocument>;

/** A product that changes, with all that is written beside it. */
export interface ProductWrite {
  product: Product;
  event: OutboxEntry;
  entry: HistoryEntry;
  imported?: string | undefined;
  /** A slug that it gives up. */
  formerSlug?: string | undefined;
}

/** Slugs that a product is still found by. */
const MAX_FORMER_SLUGS = 20;

export const findProduct = async (documents: Documents, productId: string): Promise<Product | undefined> => {
  const found = await documents.get(productId);
  return found && toProduct(found);
};

/** Those that there are, in no order. */
export const findProducts = async (documents: Documents, productIds: readonly string[]): Promise<Product[]> =>
  productIds.length === 0 ? [] : (await documents.find({ query: { _id: { $in: productIds } } })).map(toProduct);

export const findProductsBySku = async (documents: Documents, skus: readonly string[]): Promise<Product[]> =>
  (await documents.find({ query: { "variants.sku": { $in: skus } } })).map(toProduct);

export const findProductIdBySlug = async (documents: Documents, slug: string): Promise<string | undefined> =>
  (await documents.findOne({ slug }))?._id;

/** The product that has this slug now; else the one that gave it up last. */
export const findProductBySlug = async (documents: Documents, slug: string): Promise<Product | undefined> => {
  const found = await documents.findOne({ slug });
  if (found !== undefined) return toProduct(found);
  const [former] = await documents.find({ query: { formerSlugs: slug }, sort: ["-updatedAt"], limit: 1 });
  return former && toProduct(former);
};

/** The documents of products that a file may mean: by id, by slug and by SKU, each once. */
export const findDocumentsOf = async (
  documents: Documents,
  { ids, slugs, skus }: { ids: readonly string[]; slugs: readonly string[]; skus: readonly string[] },
): Promise<ProductDocument[]> => {
  const found = await Promise.all([
    ids.length === 0 ? [] : documents.find({ query: { _id: { $in: ids } } }),
    slugs.length === 0 ? [] : documents.find({ query: { slug: { $in: slugs } } }),
    documents.find({ query: { "variants.sku": { $in: skus } } }),
  ]);
  return [...new Map(found.flat().map((document) => [document._id, document])).values()];
};

/** A page of all products, in the order of their ids. */
export const findProductsAfter = async (
  documents: Documents,
  productId: string,
  limit: number,
  { status, categories }: { status?: ProductStatus | undefined; categories?: readonly string[] | undefined } = {},
): Promise<Product[]> => {
  const query = {
    _id: { $gt: productId },
    ...(status !== undefined && { status }),
    ...(categories !== undefined && { category: { $in: categories } }),
  };
  return (await documents.find({ query, sort: ["_id"], limit })).map(toProduct);
};

export const findProductIdsIn = async (documents: Documents, categories: readonly string[], limit: number): Promise<string[]> =>
  (await documents.find({ query: { category: { $in: categories } }, limit })).map(({ _id }) => _id);

/** Documents of one read: after an import there may be a hundred thousand of them. */
const CHANGED_BATCH = 1_000;

/** Products that were written at this time or later: which ones, and nothing more of them. */
export const findChangedSince = async (documents: Documents, time: string, batch = CHANGED_BATCH): Promise<{ id: string }[]> => {
  const changed: { id: string }[] = [];
  let [from, after] = [time, ""];
  for (;;) {
    const query = { updatedAt: { $gte: from }, $or: [{ updatedAt: { $gt: from } }, { _id: { $gt: after } }] };
    const found = await documents.find({ query, sort: ["updatedAt", "_id"], limit: batch });
    changed.push(...found.map(({ _id }) => ({ id: _id })));
    const last = found.at(-1);
    if (last === undefined || found.length < batch) return changed;
    [from, after] = [last.updatedAt, last._id];
  }
};

/** Products whose events have not left yet. */
export const countUnsent = (documents: Documents): Promise<number> => documents.count({ "outbox.id": { $gt: "" } });

export const insertProduct = (
  documents: Documents,
  product: Product,
  event: OutboxEntry,
  records: ProductRecords = {},
): Promise<void> => documents.insert(toDocument(product, [event], records));

export const insertProducts = (
  documents: Documents,
  products: readonly (readonly [Product, OutboxEntry, ProductRecords?])[],
): Promise<void> => documents.insertMany(products.map(([product, event, records]) => toDocument(product, [event], records)));

/** Writes the product's new version, its event and its history if `version` is still the stored one; answers whether it was. */
export const setProduct = async (
  documents: Documents,
  { product, event, entry, imported, formerSlug }: ProductWrite,
  version: number,
): Promise<boolean> => {
  const { _id, outbox: _, ...fields } = toDocument(product, []);
  const written = await documents.updateOne(
    { _id, version },
    {
      $set: { ...fields, ...(imported !== undefined && { imported }) },
      $push: {
        outbox: event,
        history: { $each: [JSON.stringify(entry)], $slice: -MAX_HISTORY },
        ...(formerSlug !== undefined && { formerSlugs: { $each: [formerSlug], $slice: -MAX_FORMER_SLUGS } }),
      },
    },
  );
  return written !== undefined;
};
