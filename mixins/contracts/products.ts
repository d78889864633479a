import { type Static, Type } from "typebox";
import { Currency, Exactly, Id, Money, NoParams, Nothing, Sku, Time } from "./common.ts";
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
};
export const NewProduct = Exactly(Editable);
export type NewProduct = Static<typeof NewProduct>;
export const ProductChange = Type.Partial(Exactly(Editable), { additionalProperties: false, minProperties: 1 });
export type ProductChange = Static<typeof ProductChange>;

export const Sort = Type.Enum(["relevance", "price", "-price", "name", "-name", "newest"]);
export type Sort = Static<typeof Sort>;

/** What a person has typed, not necessarily to its end. */
const SearchText = Type.String({ maxLength: 200 });

export const SearchParams = Exactly({
  q: Type.Optional(SearchText),
  /** With all categories below it. */
  category: Type.Optional(Slug),
  /** Any of these, in any case, with or without accents. */
  brand: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 20 })),
  /** `colour:red`, exactly as the facet says it. Values of one name are alternatives; one variant must have them for all names. */
  attribute: Type.Optional(Type.Array(Type.String({ maxLength: 160, pattern: "^[^:]*:" }), { maxItems: 20 })),
  /** Minor units, inclusive. */
  minPrice: Type.Optional(Type.Integer({ minimum: 0 })),
  maxPrice: Type.Optional(Type.Integer({ minimum: 0 })),
  /** true: a variant of the asked attributes is in stock. false: nothing of the product is. */
  available: Type.Optional(Type.Boolean()),
  sort: Type.Optional(Sort),
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
});
export type SearchParams = Static<typeof SearchParams>;

const Facet = Type.Array(Exactly({ value: Type.String(), count: Type.Integer() }));
/** Each is counted under the other filters: a count is the `total` of the same search with that value. The most frequent
 *  values come first; of very many, only those. */
export const Facets = Exactly({
  category: Facet,
  brand: Facet,
  attributes: Type.Array(Exactly({ name: Type.String(), values: Facet })),
  /** Ranges to be sent back as they are; the last one has no end. */
  price: Type.Array(
    Exactly({ minPrice: Type.Integer(), maxPrice: Type.Union([Type.Integer(), Type.Null()]), count: Type.Integer() }),
  ),
  availability: Exactly({ available: Type.Integer(), unavailable: Type.Integer() }),
});
export const SearchResult = Exactly({
  items: Type.Array(Product),
  facets: Facets,
  total: Type.Integer(),
  /** Nothing has the words as they were typed; these have words like them. */
  approximate: Type.Boolean(),
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});
export type SearchResult = Static<typeof SearchResult>;

export const Suggestions = Exactly({
  products: Type.Array(Exactly({ productId: Id, slug: Type.String(), name: Type.String() })),
  brands: Type.Array(Type.String()),
  categories: Type.Array(Exactly({ slug: Type.String(), name: Type.String() })),
});
export type Suggestions = Static<typeof Suggestions>;

/** Of the index that the answering broker searches. */
export const IndexStatus = Exactly({
  engine: Type.Enum(["sqlite", "elasticsearch"]),
  /** ready: it answers. building: it is made for the first time. unavailable: it is out of reach. */
  state: Type.Enum(["ready", "building", "unavailable"]),
  /** What is done with it on this broker at the moment. */
  job: Type.Union([Exactly({ kind: Type.Enum(["check", "rebuild"]), startedAt: Time, products: Type.Integer() }), Type.Null()]),
  /** The last comparison with the catalogue, repaired at once. */
  lastCheck: Type.Union([
    Exactly({
      at: Time,
      products: Type.Integer(),
      /** Not in the index, in it with an old state, in it without being in the catalogue. */
      missing: Type.Integer(),
      stale: Type.Integer(),
      surplus: Type.Integer(),
      /** Whether inventory has answered for all SKUs. */
      stockCompared: Type.Boolean(),
    }),
    Type.Null(),
  ]),
});
export type IndexStatus = Static<typeof IndexStatus>;

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
    /** While somebody types: names of products and brands that have all the words, and categories. */
    suggest: {
      params: Exactly({ q: SearchText, limit: Type.Integer({ minimum: 1, maximum: 20, default: 5 }) }),
      result: Suggestions,
      idempotent: true,
    },
    /** For operators. Both start their work and answer at once; `indexStatus` tells how far it is. */
    checkIndex: { params: NoParams, result: IndexStatus, idempotent: true },
    rebuildIndex: { params: NoParams, result: IndexStatus, idempotent: true },
    indexStatus: { params: NoParams, result: IndexStatus, idempotent: true },
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
});
