import { type Static, Type } from "typebox";
import { Currency, Exactly, Id, Money, NoParams, Nothing, Page, Paging, Sku, TaxClass, Time } from "./common.ts";
import { contract } from "./contract.ts";

export const Slug = Type.String({ pattern: "^[a-z0-9]+(-[a-z0-9]+)*$", maxLength: 120 });
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

/** Who has done it, as the gateway has verified it. */
const by = Type.Optional(Id);
const expectedVersion = Type.Optional(Type.Integer({ minimum: 1 }));

/** One write of a product. `by` is null where nobody was named (the demo, another service); `importId` names the import that it
 *  was a part of. Values are shortened: a history is for reading. */
export const HistoryEntry = Exactly({
  version: Type.Integer({ minimum: 1 }),
  at: Time,
  by: Type.Union([Id, Type.Null()]),
  importId: Type.Union([Id, Type.Null()]),
  action: Type.Enum(["created", "updated", "archived", "restored"]),
  /** Empty for `created`. What is not text stands as JSON. */
  changes: Type.Array(
    Exactly({
      field: Type.String(),
      from: Type.Union([Type.String(), Type.Null()]),
      to: Type.Union([Type.String(), Type.Null()]),
    }),
  ),
});
export type HistoryEntry = Static<typeof HistoryEntry>;

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

/** Where a category stands among the others of its parent (null: at the top); 0 is the first, absent: the last. */
const place = {
  parent: Type.Optional(Type.Union([Slug, Type.Null()])),
  position: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })),
};
const CategoryName = Type.String({ minLength: 1, maxLength: 100 });
export const NewCategory = Exactly({ slug: Type.Optional(Slug), name: CategoryName, ...place });
export type NewCategory = Static<typeof NewCategory>;
export const CategoryChange = Type.Partial(Exactly({ slug: Slug, name: CategoryName, ...place }), {
  additionalProperties: false,
  minProperties: 1,
});
export type CategoryChange = Static<typeof CategoryChange>;

export const ImportFormat = Type.Enum(["ndjson", "csv"]);
export type ImportFormat = Static<typeof ImportFormat>;

/** A product in a file. With an `id` it is the product of this id; else that of its `slug`; else that of its SKUs; else a new one.
 *  What is optional and absent stays as it is. */
export const ImportRecord = Exactly({ id: Type.Optional(Id), ...Editable });
export type ImportRecord = Static<typeof ImportRecord>;

/** How much of a file travels in one call; no product may be larger. */
export const IMPORT_PART_BYTES = 256 * 1024;

export const ImportError = Exactly({
  /** Of the file, from 1; where the product begins. */
  line: Type.Integer({ minimum: 1 }),
  /** `variants.0.price.amount`; empty for the whole product. */
  path: Type.String(),
  message: Type.String(),
});
export type ImportError = Static<typeof ImportError>;

export const Import = Exactly({
  id: Id,
  format: ImportFormat,
  fileName: Type.Union([Type.String(), Type.Null()]),
  status: Type.Enum(["open", "done", "failed", "cancelled"]),
  /** Of the whole file, where it was told. */
  sizeBytes: Type.Union([Type.Integer(), Type.Null()]),
  /** Bytes of the file whose products are stored: an upload goes on from here. */
  offset: Type.Integer(),
  lines: Type.Integer(),
  created: Type.Integer(),
  updated: Type.Integer(),
  /** Products that were there as the file has them. */
  unchanged: Type.Integer(),
  /** Products that were refused. */
  failed: Type.Integer(),
  /** The first ones. */
  errors: Type.Array(ImportError),
  /** Why it has failed. */
  reason: Type.Union([Type.String(), Type.Null()]),
  createdBy: Type.Union([Id, Type.Null()]),
  createdAt: Time,
  updatedAt: Time,
  finishedAt: Type.Union([Time, Type.Null()]),
});
export type Import = Static<typeof Import>;

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
    /** `version` grows with every change of the tree. */
    categories: {
      params: NoParams,
      result: Exactly({ items: Type.Array(Category), version: Type.Integer({ minimum: 0 }) }),
      idempotent: true,
    },
    /** The items that exist among `skus`; an unknown SKU is left out. */
    items: {
      params: Exactly({ skus: Type.Array(Sku, { minItems: 1, maxItems: 200 }) }),
      result: Exactly({ items: Type.Array(Item) }),
      idempotent: true,
    },
    create: { params: Exactly({ ...Editable, by }), result: Product },
    update: {
      params: Exactly({ productId: Id, change: ProductChange, expectedVersion, by }),
      result: Product,
    },
    /** A soft delete: the product is archived, so that past orders keep their reference. */
    remove: { params: Exactly({ productId: Id, expectedVersion, by }), result: Nothing, idempotent: true },
    /** By its slug, or by one that it had before and that no other product has now. */
    getBySlug: {
      params: Exactly({ slug: Slug, includeUnpublished: Type.Boolean({ default: false }) }),
      result: Product,
      idempotent: true,
    },
    /** For staff: all products, in the order of their ids. */
    list: {
      params: Exactly({ status: Type.Optional(ProductStatus), category: Type.Optional(Slug), ...Paging }),
      result: Page(Product),
      idempotent: true,
    },
    /** The last writes, newest first. */
    history: { params: Exactly({ productId: Id }), result: Exactly({ items: Type.Array(HistoryEntry) }), idempotent: true },
    /** Of published products. */
    brands: { params: NoParams, result: Exactly({ items: Facet }), idempotent: true },

    createCategory: { params: NewCategory, result: Category },
    changeCategory: { params: Exactly({ category: Slug, change: CategoryChange }), result: Category },
    /** With `target`, its products and subcategories move there; without, it must have none. */
    removeCategory: { params: Exactly({ category: Slug, target: Type.Optional(Slug) }), result: Nothing },

    startImport: {
      params: Exactly({
        format: ImportFormat,
        fileName: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
        sizeBytes: Type.Optional(Type.Integer({ minimum: 0 })),
        /** Of CSV; guessed from the first line where it is absent. */
        delimiter: Type.Optional(Type.Enum([",", ";", "\t", "|"])),
        by,
      }),
      result: Import,
    },
    /** Takes the next piece of the file, at most IMPORT_PART_BYTES of it, and answers up to where it was taken: whole products
     *  only. What was not taken is sent again with the next piece. Where `offset` is not the import's, nothing is taken. */
    takeImportPart: {
      params: Exactly({
        importId: Id,
        offset: Type.Integer({ minimum: 0 }),
        /** Base64. */
        content: Type.String({ maxLength: 4 * Math.ceil(IMPORT_PART_BYTES / 3) }),
        /** The file ends with it. */
        last: Type.Boolean(),
      }),
      /** `waitMs`: the store and the events behind it are not that fast; come again after this time. */
      result: Exactly({ import: Import, waitMs: Type.Integer({ minimum: 0 }) }),
      idempotent: true,
    },
    getImport: { params: Exactly({ importId: Id }), result: Import, idempotent: true },
    /** Newest first. */
    listImports: { params: Exactly(Paging), result: Page(Import), idempotent: true },
    listImportErrors: {
      params: Exactly({ importId: Id, cursor: Paging.cursor }),
      result: Page(ImportError),
      idempotent: true,
    },
    /** What it has brought stays. */
    cancelImport: { params: Exactly({ importId: Id }), result: Import, idempotent: true },
    /** A piece of the catalogue as an import takes it, in the order of the ids; the first one begins with the columns' names. */
    exportPage: {
      params: Exactly({ format: ImportFormat, status: Type.Optional(ProductStatus), cursor: Paging.cursor }),
      result: Exactly({ text: Type.String(), nextCursor: Type.Union([Type.String(), Type.Null()]) }),
      idempotent: true,
    },
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
    PRODUCT_BUSY: "The product is being changed by others",
    CATEGORY_TAKEN: "Another category has this slug",
    CATEGORY_NOT_EMPTY: "The category has products or subcategories; say where they go",
    CATEGORY_CYCLE: "A category cannot stand below itself",
    CATEGORY_LIMIT: "The tree of categories would become too large or too deep",
    CATEGORIES_BUSY: "The categories are being changed by others",
    IMPORT_NOT_FOUND: "No such import",
    IMPORT_CLOSED: "The import has ended",
    TOO_MANY_IMPORTS: "Too many imports are open",
    /** Of events, never of an answer. */
    ENTRIES_REFUSED: "The search index does not take a product",
    DEMO_NOT_AVAILABLE: "The demo shop exists in the embedded mode only",
  },
  refusals: {
    get: { PRODUCT_NOT_FOUND: 404 },
    search: { INVALID_CURSOR: 400 },
    related: { PRODUCT_NOT_FOUND: 404 },
    suggest: {},
    checkIndex: {},
    rebuildIndex: {},
    indexStatus: {},
    categories: {},
    items: {},
    create: { SLUG_TAKEN: 409, SKU_TAKEN: 409, CATEGORY_NOT_FOUND: 422, MIXED_CURRENCIES: 422 },
    update: {
      PRODUCT_NOT_FOUND: 404,
      SLUG_TAKEN: 409,
      SKU_TAKEN: 409,
      VERSION_CONFLICT: 412,
      CATEGORY_NOT_FOUND: 422,
      MIXED_CURRENCIES: 422,
      PRODUCT_BUSY: 503,
    },
    remove: { PRODUCT_NOT_FOUND: 404, VERSION_CONFLICT: 412, PRODUCT_BUSY: 503 },
    getBySlug: { PRODUCT_NOT_FOUND: 404 },
    list: { INVALID_CURSOR: 400 },
    history: { PRODUCT_NOT_FOUND: 404 },
    brands: {},
    createCategory: { CATEGORY_TAKEN: 409, CATEGORY_NOT_FOUND: 422, CATEGORY_LIMIT: 422, CATEGORIES_BUSY: 503 },
    changeCategory: {
      // The category itself, or the one that it is to stand below.
      CATEGORY_NOT_FOUND: [404, 422],
      CATEGORY_TAKEN: 409,
      CATEGORY_CYCLE: 422,
      CATEGORY_LIMIT: 422,
      CATEGORIES_BUSY: 503,
    },
    removeCategory: {
      // The category itself, or the target.
      CATEGORY_NOT_FOUND: [404, 422],
      CATEGORY_NOT_EMPTY: 409,
      CATEGORY_CYCLE: 422,
      CATEGORY_LIMIT: 422,
      CATEGORIES_BUSY: 503,
    },
    startImport: { TOO_MANY_IMPORTS: 409 },
    takeImportPart: { IMPORT_NOT_FOUND: 404, PRODUCT_BUSY: 503 },
    getImport: { IMPORT_NOT_FOUND: 404 },
    listImports: { INVALID_CURSOR: 400 },
    listImportErrors: { INVALID_CURSOR: 400, IMPORT_NOT_FOUND: 404 },
    cancelImport: { IMPORT_NOT_FOUND: 404, IMPORT_CLOSED: 409 },
    exportPage: { INVALID_CURSOR: 400 },
    seedDemo: { DEMO_NOT_AVAILABLE: 409 },
  },
  handles: ["product.created", "product.updated", "product.deleted", "availability.changed"],
});
