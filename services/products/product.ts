import type { EventData } from "@molecart/mixins/contracts/index.ts";
import type { Item, NewProduct, Product, ProductChange, Variant } from "@molecart/mixins/contracts/products.ts";
import type { Money } from "@molecart/mixins/lib/money.ts";
import { MixedCurrencies, SkuTaken } from "./product.errors.ts";

/** The time of a write, ISO 8601, and the currency of the shop that it is made in. */
export interface Terms {
  at: string;
  currency: string;
}

/** With its fields in one order, however it was read or made: what is told of a version is the same text everywhere. */
export const inOrder = (product: Product): Product => ({
  id: product.id,
  slug: product.slug,
  name: product.name,
  brand: product.brand,
  category: product.category,
  description: product.description,
  price: product.price,
  variants: product.variants,
  images: product.images,
  status: product.status,
  ...(product.taxClass !== undefined && { taxClass: product.taxClass }),
  version: product.version,
  createdAt: product.createdAt,
  updatedAt: product.updatedAt,
});

export const newProduct = (request: NewProduct, id: string, { at, currency }: Terms): Product => {
  const { slug, images = [], status = "published", ...rest } = request;
  return inOrder({
    ...rest,
    id,
    slug: slug ?? slugOf(request.name, id),
    images,
    status,
    price: startingPrice(request.variants, currency),
    version: 1,
    createdAt: at,
    updatedAt: at,
  });
};

export const changedProduct = (product: Product, change: ProductChange, { at, currency }: Terms): Product => {
  const changed = { ...product, ...change };
  return inOrder({
    ...changed,
    price: startingPrice(changed.variants, currency),
    version: product.version + 1,
    updatedAt: at,
  });
};

/** The lowest price of the variants, which must be sold in the shop's currency and each under its own SKU. */
const startingPrice = (variants: readonly Variant[], currency: string): Money => {
  const foreign = variants.find(({ price }) => price.currency !== currency);
  if (foreign) throw new MixedCurrencies(foreign.price.currency, currency);
  const skus = variants.map(({ sku }) => sku);
  const repeated = skus.find((sku, index) => skus.indexOf(sku) !== index);
  if (repeated !== undefined) throw new SkuTaken(repeated);
  return { amount: Math.min(...variants.map(({ price }) => price.amount)), currency };
};

const MAX_SLUG_LENGTH = 100;

/** "Tollgate Café Lock" becomes "tollgate-cafe-lock". A name in another script leaves nothing for a slug: then the id says it. */
export const slugOf = (name: string, id: string, kind = "product"): string => {
  const slug = name
    .normalize("NFD")
    .replace(/[\u0300-\u036f'’]/g, "")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_SLUG_LENGTH)
    .replace(/^-+|-+$/g, "");
  return slug === "" ? distinctSlug(kind, id) : slug;
};

/** The slug of a product whose name another one has too. The end of an id is random. */
export const distinctSlug = (slug: string, id: string): string =>
  `${slug}-${id
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "")
    .slice(-8)}`;

export type Announcement =
  | { type: "product.created" | "product.updated"; data: EventData<"product.updated"> }
  | { type: "product.deleted"; data: EventData<"product.deleted"> };

/** What the world is told of a write. To archive a product is to delete it; an archived one that is published again is told
 *  of as an update, which carries the whole product. */
export const announcementOf = (before: Product | undefined, after: Product): Announcement => {
  if (before === undefined) return { type: "product.created", data: { product: after } };
  const isArchived = after.status === "archived" && before.status !== "archived";
  if (!isArchived) return { type: "product.updated", data: { product: after } };
  return { type: "product.deleted", data: { productId: after.id, skus: after.variants.map(({ sku }) => sku) } };
};

/** A product as it is, to those who may have missed how it came to be so. */
export const currentAnnouncementOf = (product: Product): Announcement =>
  product.status === "archived"
    ? { type: "product.deleted", data: { productId: product.id, skus: product.variants.map(({ sku }) => sku) } }
    : { type: "product.updated", data: { product } };

export const isPublished = ({ status }: Pick<Product, "status">): boolean => status === "published";

/** The items behind these SKUs, in their order; unknown ones are left out. */
export const itemsOf = (products: readonly Product[], skus: readonly string[]): Item[] => {
  const items = new Map(products.flatMap((product) => product.variants.map((variant) => [variant.sku, { product, variant }])));
  return [...new Set(skus)].flatMap((sku): Item[] => {
    const found = items.get(sku);
    if (found === undefined) return [];
    const { product, variant } = found;
    const { id: productId, name, taxClass } = product;
    const item = { sku, productId, name, unitPrice: variant.price, sellable: isPublished(product) };
    return [taxClass === undefined ? item : { ...item, taxClass }];
  });
};
