import type { Product } from "@molecart/mixins/contracts/products.ts";
import { isPublished } from "../product.ts";

/** Whether a SKU can be sold, as inventory has told. */
export interface SkuAvailability {
  sku: string;
  available: boolean;
  /** Inventory's: the higher is the later. */
  version: number;
}

export interface IndexedVariant {
  sku: string;
  available: boolean;
  /** `name:value` */
  attributes: string[];
}

export interface PublishedEntry {
  id: string;
  version: number;
  published: true;
  name: string;
  brand: string;
  category: string;
  /** From the top down. */
  categoryNames: readonly string[];
  description: string;
  /** Minor units. */
  price: number;
  /** Milliseconds since the epoch. */
  createdAt: number;
  variants: IndexedVariant[];
}

/** What an index knows of a product. Of a draft or an archived one it knows that there is nothing to find: an entry that is gone
 *  could come back by a late message, one that says so cannot. */
export type IndexEntry = PublishedEntry | { id: string; version: number; published: false };

/** Turns of availability before the product's own version counts up. */
const TURNS = 1_000_000;

/** Grows with each write of the product and with each turn of availability of its SKUs; made of what was read, the product
 *  first, so that of two entries the higher was made of the later state. */
const versionOf = ({ version }: Product, availability: readonly SkuAvailability[]): number =>
  version * TURNS +
  Math.min(
    availability.reduce((sum, one) => sum + one.version, 0),
    TURNS - 1,
  );

/** Whether an entry has this version of the product, or a later one. */
export const isOfWrite = (entryVersion: number, productVersion: number): boolean => entryVersion >= productVersion * TURNS;

export const entryOf = (
  product: Product,
  categoryNames: readonly string[],
  availability: readonly SkuAvailability[],
): IndexEntry => {
  const { id, name, brand, category, description, price, createdAt, variants } = product;
  const version = versionOf(product, availability);
  if (!isPublished(product)) return { id, version, published: false };
  const available = new Set(availability.filter((one) => one.available).map(({ sku }) => sku));
  return {
    id,
    version,
    published: true,
    name,
    brand,
    category,
    categoryNames,
    description,
    price: price.amount,
    createdAt: Date.parse(createdAt),
    variants: variants.map(({ sku, attributes }) => ({
      sku,
      available: available.has(sku),
      attributes: Object.entries(attributes).map(([key, value]) => `${key}:${value}`),
    })),
  };
};

/** Of `name:value`; a name goes to the first colon. */
export const attributeName = (attribute: string): string => attribute.slice(0, attribute.indexOf(":"));
