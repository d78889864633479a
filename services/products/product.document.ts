import type { Product } from "@molecart/mixins/contracts/products.ts";
import type { IndexOptions } from "@molecart/mixins/document-store/collection.ts";
import type { OutboxEntry, WithOutbox } from "@molecart/mixins/document-store/outbox.ts";
import { inOrder } from "./product.ts";

type Variant = Product["variants"][number];

/** What a product's document has beside the product. */
export interface ProductRecords {
  /** A user's id, or `import:<id>`. */
  createdBy?: string | undefined;
  /** The last write by an import: `<import>:<line>:created` or `…:updated`. Tells a repeat of a part what it has done before. */
  imported?: string | undefined;
  /** The last changes, oldest first, each as JSON: the field names in it are not the store's business. */
  history?: string[] | undefined;
  /** Slugs that it has given up, oldest first. */
  formerSlugs?: string[] | undefined;
}

export interface ProductDocument extends WithOutbox, Omit<Product, "id" | "variants">, ProductRecords {
  /** Attributes as a list: staff choose their names, and a document's field must not contain a dot or begin with `$`. */
  variants: (Omit<Variant, "attributes"> & { attributes: [name: string, value: string][] })[];
}

export const PRODUCT_INDEXES: readonly IndexOptions[] = [
  { fields: ["slug"], unique: true },
  { fields: ["variants.sku"], unique: true },
  { fields: ["updatedAt", "_id"] },
  { fields: ["formerSlugs"], sparse: true },
];

export const toDocument = ({ id, variants, ...rest }: Product, outbox: OutboxEntry[], records: ProductRecords = {}) => ({
  ...rest,
  ...records,
  _id: id,
  variants: variants.map((variant) => ({ ...variant, attributes: Object.entries(variant.attributes) })),
  outbox,
});

export const toProduct = ({ _id, variants, ...rest }: ProductDocument): Product =>
  inOrder({
    ...rest,
    id: _id,
    variants: variants.map((variant) => ({ ...variant, attributes: Object.fromEntries(variant.attributes) })),
  });
