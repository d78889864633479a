import { type Static, Type } from "typebox";
import { Currency, Exactly, Id, Money, NoParams, Nothing, Sku, TaxClass, Time } from "./common.ts";
import { contract } from "./contract.ts";

const Slug = Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 120 });
export const ProductStatus = Type.Enum(["draft", "published", "archived"]);
export type ProductStatus = Static<typeof ProductStatus>;

/** What something costs: a `Money` that is never negative. */
const Price = Exactly({ amount: Type.Integer({ minimum: 0, maximum: 1_000_000_000_000 }), currency: Currency });

export const Variant = Exactly({
  sku: Sku,
  attributes: Type.Record(Type.String({ maxLength: 50 }), Type.String({ maxLength: 100 })),
  price: Price,
});
export type Variant = Static<typeof Variant>;

export const Product = Exactly({
  id: Id,
  slug: Slug,
  name: Type.String({ minLength: 1, maxLength: 200 }),
  brand: Type.String({ minLength: 1, maxLength: 100 }),
  /** The category's slug. */
  category: Slug,
  description: Type.String({ maxLength: 5000 }),
  /** The lowest price of its variants. */
  price: Price,
  variants: Type.Array(Variant, { minItems: 1, maxItems: 100 }),
  images: Type.Array(Type.String({ format: "uri", maxLength: 500 }), { maxItems: 20 }),
  status: ProductStatus,
  /** `standard` where it is absent. */
  taxClass: Type.Optional(TaxClass),
  /** Counts the writes; grows by one with each. */
  version: Type.Integer({ minimum: 1 }),
  createdAt: Time,
  updatedAt: Time,
});
export type Product = Static<typeof Product>;

const Editable = {
  slug: Type.Optional(Slug),
  name: Product.properties.name,
  brand: Product.properties.brand,
  category: Product.properties.category,
  description: Product.properties.description,
  variants: Product.properties.variants,
  images: Type.Optional(Product.properties.images),
  status: Type.Optional(ProductStatus),
  taxClass: Type.Optional(TaxClass),
};
export const NewProduct = Exactly(Editable);
export type NewProduct = Static<typeof NewProduct>;
export const ProductChange = Type.Partial(Exactly(Editable), { additionalProperties: false, minProperties: 1 });
export type ProductChange = Static<typeof ProductChange>;

export const Sort = Type.Enum(["relevance", "price", "-price", "name", "-name", "newest"]);
export type Sort = Static<typeof Sort>;

export const SearchParams = Exactly({
  q: Type.Optional(Type.String({ maxLength: 200 })),
  category: Type.Optional(Slug),
  brand: Type.Optional(Type.String({ maxLength: 100 })),
  /** Minor units. */
  minPrice: Type.Optional(Type.Integer({ minimum: 0 })),
  maxPrice: Type.Optional(Type.Integer({ minimum: 0 })),
  sort: Type.Optional(Sort),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
});
export type SearchParams = Static<typeof SearchParams>;

const Facet = Type.Array(Exactly({ value: Type.String(), count: Type.Integer() }));
export const SearchResult = Exactly({
  items: Type.Array(Product),
  facets: Exactly({ category: Facet, brand: Facet }),
  total: Type.Integer(),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});
export type SearchResult = Static<typeof SearchResult>;

export interface CategoryNode {
  slug: string;
  name: string;
  children: CategoryNode[];
}
/** A tree of any depth. */
export const Category = Type.Cyclic(
  {
    Category: Type.Object({ slug: Type.String(), name: Type.String(), children: Type.Array(Type.Ref("Category")) }),
  },
  "Category",
);

/** One SKU as a basket or an order needs it. */
export const Item = Exactly({
  sku: Sku,
  productId: Id,
  name: Type.String(),
  unitPrice: Money,
  /** False for a draft or archived product. */
  sellable: Type.Boolean(),
  /** `standard` where it is absent. */
  taxClass: Type.Optional(TaxClass),
});
export type Item = Static<typeof Item>;

const ProductEvent = Type.Object({ product: Type.Object(Product.properties) });

export const products = contract({
  name: "products",
  version: 1,
  actions: {
    /** `includeUnpublished`: staff see drafts and archived products; everyone else is told that there is none. */
    get: {
      params: Exactly({ productId: Id, includeUnpublished: Type.Boolean({ default: false }) }),
      result: Product,
      idempotent: true,
    },
    search: { params: SearchParams, result: SearchResult, idempotent: true },
    related: {
      params: Exactly({ productId: Id, limit: Type.Integer({ minimum: 1, maximum: 20, default: 6 }) }),
      result: Exactly({ items: Type.Array(Product) }),
      idempotent: true,
    },
    categories: { params: NoParams, result: Exactly({ items: Type.Array(Category) }), idempotent: true },
    /** The items that exist among `skus`; an unknown SKU is left out. */
    items: {
      params: Exactly({ skus: Type.Array(Sku, { minItems: 1, maxItems: 200 }) }),
      result: Exactly({ items: Type.Array(Item) }),
      idempotent: true,
    },
    create: { params: NewProduct, result: Product },
    update: {
      params: Exactly({ productId: Id, change: ProductChange, expectedVersion: Type.Optional(Type.Integer({ minimum: 1 })) }),
      result: Product,
    },
    /** A soft delete: the product is archived, so that past orders keep their reference. */
    remove: { params: Exactly({ productId: Id }), result: Nothing, idempotent: true },
    /** Embedded demo shop only: fills an empty catalogue; answers the SKUs and the stock that the demo gives each. */
    seedDemo: {
      params: NoParams,
      result: Exactly({ created: Type.Integer(), stock: Type.Array(Exactly({ sku: Sku, onHand: Type.Integer() })) }),
      idempotent: true,
    },
  },
  events: {
    "product.created": ProductEvent,
    "product.updated": ProductEvent,
    "product.deleted": Type.Object({ productId: Id, skus: Type.Array(Sku) }),
  },
  errors: {
    PRODUCT_NOT_FOUND: "No such product",
    SLUG_TAKEN: "Another product has this slug",
    SKU_TAKEN: "Another product has a variant with this SKU",
    CATEGORY_NOT_FOUND: "No such category",
    MIXED_CURRENCIES: "The variants of a product must be priced in the shop's currency",
    VERSION_CONFLICT: "The product was changed since it was read",
    INVALID_CURSOR: "The cursor does not belong to this search",
    DEMO_NOT_AVAILABLE: "The demo shop exists in the embedded mode only",
  },
  refusals: {
    get: { PRODUCT_NOT_FOUND: 404 },
    search: { INVALID_CURSOR: 400 },
    related: { PRODUCT_NOT_FOUND: 404 },
    categories: {},
    items: {},
    create: { SLUG_TAKEN: 409, SKU_TAKEN: 409, CATEGORY_NOT_FOUND: 422, MIXED_CURRENCIES: 422 },
    update: {
      PRODUCT_NOT_FOUND: 404,
      SLUG_TAKEN: 409,
      SKU_TAKEN: 409,
      VERSION_CONFLICT: 409,
      CATEGORY_NOT_FOUND: 422,
      MIXED_CURRENCIES: 422,
    },
    remove: { PRODUCT_NOT_FOUND: 404 },
    seedDemo: { DEMO_NOT_AVAILABLE: 409 },
  },
});
