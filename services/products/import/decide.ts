import type { ImportRecord, NewProduct, Product } from "@molecart/mixins/contracts/products.ts";
import type { CategoryTree } from "../category.ts";
import { type ProductDocument, toProduct } from "../product.document.ts";
import { CategoryNotFound, SkuTaken, SlugTaken } from "../product.errors.ts";
import { changedProduct, distinctSlug, newProduct, type Terms } from "../product.ts";

/** Which line of which import is written. */
export interface Origin {
  importId: string;
  line: number;
}

export type Outcome = "created" | "updated" | "unchanged";

export type Decision =
  | { kind: "create"; product: Product }
  | { kind: "update"; before: Product; after: Product }
  /** It is as the line says, or an earlier try at this line has made it so. */
  | { kind: "done"; outcome: Outcome; product: Pick<Product, "id" | "version"> };

export const stampOf = ({ importId, line }: Origin, outcome: "created" | "updated"): string => `${importId}:${line}:${outcome}`;

/** What an earlier try at this line has done. A stamp of a later line of the same import says that this line was done before. */
const doneBefore = ({ imported }: ProductDocument, { importId, line }: Origin): Outcome | undefined => {
  const [stampedId, stampedLine, outcome] = imported?.split(":") ?? [];
  if (stampedId !== importId || Number(stampedLine) < line) return undefined;
  return Number(stampedLine) === line ? (outcome as Outcome) : "updated";
};

/** The stored products around a record, by what names them. */
export class Shelf {
  readonly #byId = new Map<string, ProductDocument>();
  readonly #bySlug = new Map<string, ProductDocument>();
  readonly #bySku = new Map<string, ProductDocument>();

  constructor(documents: readonly ProductDocument[]) {
    for (const document of documents) {
      this.#byId.set(document._id, document);
      this.#bySlug.set(document.slug, document);
      for (const { sku } of document.variants) this.#bySku.set(sku, document);
    }
  }

  /** By id; else by slug; else by one of its SKUs. */
  find({ id, slug, variants }: ImportRecord): ProductDocument | undefined {
    if (id !== undefined) return this.#byId.get(id);
    const bySlug = slug === undefined ? undefined : this.#bySlug.get(slug);
    return bySlug ?? variants.map(({ sku }) => this.#bySku.get(sku)).find((document) => document !== undefined);
  }

  has(slug: string): boolean {
    return this.#bySlug.has(slug);
  }

  /** Throws where the product would have what is another one's. */
  requireFree({ id, slug, variants }: Product): void {
    const holder = this.#bySlug.get(slug);
    if (holder !== undefined && holder._id !== id) throw new SlugTaken(slug);
    const taken = variants.find(({ sku }) => (this.#bySku.get(sku)?._id ?? id) !== id);
    if (taken !== undefined) throw new SkuTaken(taken.sku);
  }
}

/** All that names the product of a record: its id, slug and SKUs. */
export const keysOf = ({ id, slug, variants }: ImportRecord): string[] => [
  ...(id === undefined ? [] : [`id:${id}`]),
  ...(slug === undefined ? [] : [slugKey(slug)]),
  ...variants.map(({ sku }) => `sku:${sku}`),
];

export const slugKey = (slug: string): string => `slug:${slug}`;

export const keysOfProduct = ({ id, slug, variants }: Product): string[] => [
  `id:${id}`,
  slugKey(slug),
  ...variants.map(({ sku }) => `sku:${sku}`),
];

const contentOf = ({ slug, name, brand, category, description, images, status, taxClass, variants }: Product): string =>
  JSON.stringify([
    [slug, name, brand, category, description, images, status, taxClass],
    variants.map(({ sku, price, attributes }) => [
      sku,
      price.amount,
      price.currency,
      Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)),
    ]),
  ]);

/** What a decision needs to know besides the record and the shelf. */
export interface Circumstances {
  categories: CategoryTree;
  newId(): string;
  /** A slug that a product is about to get. */
  isPromised(slug: string): boolean;
  terms: Terms;
}

/** What a line of a file does to the catalogue. Throws a refusal where it must not. */
export const decide = (record: ImportRecord, origin: Origin, shelf: Shelf, circumstances: Circumstances): Decision => {
  const { categories, terms } = circumstances;
  const category = categories.current(record.category);
  if (!categories.has(category)) throw new CategoryNotFound(record.category);
  const found = shelf.find(record);
  const { id, ...rest } = record;
  const request = { ...rest, category };
  if (found === undefined) {
    const product = created(request, id ?? circumstances.newId(), shelf, circumstances);
    shelf.requireFree(product);
    return { kind: "create", product };
  }
  const before = toProduct(found);
  const done = doneBefore(found, origin);
  if (done !== undefined) return { kind: "done", outcome: done, product: before };
  const after = changedProduct(before, request, terms);
  if (contentOf(before) === contentOf(after)) return { kind: "done", outcome: "unchanged", product: before };
  shelf.requireFree(after);
  return { kind: "update", before, after };
};

/** Nobody has asked for the slug of a product that comes without one. */
const created = (request: NewProduct, id: string, shelf: Shelf, { isPromised, terms }: Circumstances): Product => {
  const product = newProduct(request, id, terms);
  const isTaken = request.slug === undefined && (shelf.has(product.slug) || isPromised(product.slug));
  return isTaken ? { ...product, slug: distinctSlug(product.slug, id) } : product;
};
