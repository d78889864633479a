import { createHash } from "node:crypto";
import type { Product, SearchParams, SearchResult, Suggestions } from "@molecart/mixins/contracts/products.ts";
import type { Collection } from "@molecart/mixins/document-store/collection.ts";
import { decodeCursor, encodeCursor, InvalidCursor, isText } from "@molecart/mixins/lib/cursor.ts";
import type { CategoryTree } from "../category.ts";
import type { ProductDocument } from "../product.document.ts";
import { findProduct, findProducts } from "../product.repository.ts";
import { isPublished } from "../product.ts";
import { attributeName } from "./index-entry.ts";
import { ProductCache } from "./product-cache.ts";
import { PRICE_BOUNDS } from "./relevance.ts";
import type { Counted, FacetCounts, Place, SearchEngine } from "./search-engine.ts";
import { folded, wordsTyped } from "./words.ts";

export interface ShowcaseOptions {
  documents: Collection<ProductDocument>;
  categories(): CategoryTree;
  engine: SearchEngine;
}

/** What is told of each facet: nobody reads more, and what is chosen is always among it. */
const MAX_VALUES = 100;
const MAX_ATTRIBUTES = 20;

/** What a broker shows of the catalogue: hits of the index, read from the store, and the products that were asked for last. */
export class Showcase {
  readonly #options: ShowcaseOptions;
  readonly #cache = new ProductCache();

  constructor(options: ShowcaseOptions) {
    this.#options = options;
  }

  get(productId: string): Promise<Product | undefined> {
    return this.#cache.get(productId, () => findProduct(this.#options.documents, productId));
  }

  /** These have changed. */
  drop(productIds: readonly string[]): void {
    for (const id of productIds) this.#cache.drop(id);
  }

  async search(params: SearchParams): Promise<SearchResult> {
    const { q, category, brand, attribute, minPrice, maxPrice, available, sort = "relevance", limit, cursor } = params;
    const { engine } = this.#options;
    const asked = fingerprint([q, category, brand, attribute, minPrice, maxPrice, available, sort]);
    const found = await engine.search({
      text: q,
      categories: category === undefined ? undefined : this.#categories.withDescendants(category),
      brands: brand?.length ? brand : undefined,
      attributes: attribute?.length ? attribute : undefined,
      minPrice,
      maxPrice,
      available,
      sort,
      limit,
      after: cursor === undefined ? undefined : placeIn(cursor, asked),
    });
    return {
      items: await this.#published(found.productIds),
      facets: this.#facets(found.facets, params),
      total: found.total,
      approximate: found.alike,
      nextCursor: found.next === undefined ? null : encodeCursor([asked, found.next.alike, found.next.values]),
    };
  }

  async suggest(q: string, limit: number): Promise<Suggestions> {
    const { productIds, brands } = await this.#options.engine.suggest(q, limit);
    const products = await this.#published(productIds);
    return {
      products: products.map(({ id, slug, name }) => ({ productId: id, slug, name })),
      brands,
      categories: this.#categories.named(wordsTyped(q)).slice(0, limit),
    };
  }

  /** All of them, the most frequent first. */
  async brands(): Promise<Counted[]> {
    return byFrequency(await this.#options.engine.brands());
  }

  async related({ id, category, brand, price }: Product, limit: number): Promise<Product[]> {
    const family = this.#categories.family(category);
    return this.#published(
      await this.#options.engine.related({ productId: id, category, family, brand, price: price.amount, limit }),
    );
  }

  get #categories(): CategoryTree {
    return this.#options.categories();
  }

  /** In this order. What is no longer published, and not yet out of the index, is left out. */
  async #published(productIds: readonly string[]): Promise<Product[]> {
    const products = await findProducts(this.#options.documents, productIds);
    const byId = new Map(products.filter(isPublished).map((product) => [product.id, product]));
    return productIds.flatMap((id) => byId.get(id) ?? []);
  }

  #facets(counts: FacetCounts, { brand = [], attribute = [] }: SearchParams): SearchResult["facets"] {
    const chosenBrands = new Set(brand.map(folded));
    return {
      category: byFrequency(this.#withParents(counts.categories)),
      brand: most(counts.brands, ({ value }) => chosenBrands.has(folded(value))),
      attributes: byAttribute(counts.attributes, attribute),
      price: counts.prices.flatMap((count, range) => {
        const above = PRICE_BOUNDS[range + 1];
        return count === 0
          ? []
          : [{ minPrice: PRICE_BOUNDS[range] as number, maxPrice: above === undefined ? null : above - 1, count }];
      }),
      availability: { available: counts.available, unavailable: counts.unavailable },
    };
  }

  /** A category counts what is below it, as its filter does. */
  #withParents(counted: readonly Counted[]): Counted[] {
    const counts = new Map<string, number>();
    for (const { value, count } of counted)
      for (const slug of this.#categories.withAncestors(value)) counts.set(slug, (counts.get(slug) ?? 0) + count);
    return [...counts].map(([value, count]) => ({ value, count }));
  }
}

const byFrequency = (counted: readonly Counted[]): Counted[] =>
  [...counted].sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));

const most = (counted: readonly Counted[], isChosen: (one: Counted) => boolean): Counted[] =>
  byFrequency(counted).filter((one, index) => index < MAX_VALUES || isChosen(one));

/** The names that say something of most products first. */
const byAttribute = (counted: readonly Counted[], chosen: readonly string[]): SearchResult["facets"]["attributes"] => {
  const names = new Map<string, Counted[]>();
  for (const one of counted) {
    const name = attributeName(one.value);
    names.set(name, [...(names.get(name) ?? []), one]);
  }
  const chosenNames = new Set(chosen.map(attributeName));
  return [...names]
    .map(([name, values]) => ({
      name,
      count: values.reduce((sum, { count }) => sum + count, 0),
      values: most(values, ({ value }) => chosen.includes(value)).map(({ value, count }) => ({
        value: value.slice(name.length + 1),
        count,
      })),
    }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
    .filter(({ name }, index) => index < MAX_ATTRIBUTES || chosenNames.has(name))
    .map(({ name, values }) => ({ name, values }));
};

/** Of everything but the page: a cursor of another search must not be taken for one of this. */
const fingerprint = (search: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(search)).digest("base64url").slice(0, 12);

const isPlaceValue = (value: unknown): value is string | number => isText(value) || Number.isFinite(value);

const isCursor = (value: unknown): value is [string, boolean, (string | number)[]] => {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [asked, alike, values] = value;
  return isText(asked) && typeof alike === "boolean" && Array.isArray(values) && values.length >= 2 && values.every(isPlaceValue);
};

const placeIn = (cursor: string, asked: string): Place => {
  const [askedThen, alike, values] = decodeCursor(cursor, isCursor);
  if (askedThen !== asked) throw new InvalidCursor();
  return { alike, values };
};
