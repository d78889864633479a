import type { CategoryNode, Product } from "@molecart/mixins/contracts/products.ts";
import type { IndexOptions } from "@molecart/mixins/document-store/collection.ts";
import type { OutboxEntry, WithOutbox } from "@molecart/mixins/document-store/outbox.ts";

type Variant = Product["variants"][number];

export interface ProductDocument extends WithOutbox, Omit<Product, "id" | "variants"> {
  /** Attributes as a list: staff choose their names, and a document's field must not contain a dot or begin with `$`. */
  variants: (Omit<Variant, "attributes"> & { attributes: [name: string, value: string][] })[];
}

/** The one document of the tree. */
export interface CategoriesDocument {
  _id: "tree";
  categories: CategoryNode[];
}

export const PRODUCT_INDEXES: readonly IndexOptions[] = [
  { fields: ["slug"], unique: true },
  { fields: ["variants.sku"], unique: true },
  { fields: ["updatedAt"] },
];

export const toDocument = ({ id, variants, ...rest }: Product, outbox: OutboxEntry[]): ProductDocument => ({
  ...rest,
  _id: id,
  variants: variants.map((variant) => ({ ...variant, attributes: Object.entries(variant.attributes) })),
  outbox,
});

export const toProduct = ({ _id, variants, outbox: _, ...rest }: ProductDocument): Product => ({
  ...rest,
  id: _id,
  variants: variants.map((variant) => ({ ...variant, attributes: Object.fromEntries(variant.attributes) })),
});
