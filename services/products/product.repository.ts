import type { CategoryNode, Product } from "@molecart/mixins/contracts/products.ts";
import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import type { OutboxEntry } from "@molecart/mixins/document-store/outbox.ts";
import { type CategoriesDocument, type ProductDocument, toDocument, toProduct } from "./product.document.ts";

type Documents = Collection<ProductDocument>;

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

/** A page of all products, in the order of their ids. */
export const findProductsAfter = async (documents: Documents, productId: string, limit: number): Promise<Product[]> =>
  (await documents.find({ query: { _id: { $gt: productId } }, sort: ["_id"], limit })).map(toProduct);

/** Products that were written at this time or later. */
export const findChangedSince = async (documents: Documents, time: string): Promise<Product[]> =>
  (await documents.find({ query: { updatedAt: { $gte: time } } })).map(toProduct);

export const insertProduct = (documents: Documents, product: Product, event: OutboxEntry): Promise<void> =>
  documents.insert(toDocument(product, [event]));

export const insertProducts = (documents: Documents, products: readonly [Product, OutboxEntry][]): Promise<void> =>
  documents.insertMany(products.map(([product, event]) => toDocument(product, [event])));

/** Writes the product's new version and its event if `version` is still the stored one; answers whether it was. */
export const setProduct = async (
  documents: Documents,
  product: Product,
  version: number,
  event: OutboxEntry,
): Promise<boolean> => {
  const { _id, outbox: _, ...fields } = toDocument(product, []);
  return (await documents.updateOne({ _id, version }, { $set: fields, $push: { outbox: event } })) !== undefined;
};

/** The stored tree; `initial` is stored first when there is none. */
export const findOrInsertCategories = async (
  categories: Collection<CategoriesDocument>,
  initial: CategoryNode[],
): Promise<CategoryNode[]> => {
  const stored = await categories.get("tree");
  if (stored !== undefined) return stored.categories;
  try {
    await categories.insert({ _id: "tree", categories: initial });
    return initial;
  } catch (error) {
    // Another broker has stored it since.
    const winner = error instanceof DuplicateKey ? await categories.get("tree") : undefined;
    if (winner === undefined) throw error;
    return winner.categories;
  }
};
