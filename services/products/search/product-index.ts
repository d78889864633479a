import type { Product, Sort } from "@molecart/mixins/contracts/products.ts";

export interface IndexQuery {
  /** What a person has typed. */
  text?: string | undefined;
  /** Any of these. */
  categories?: readonly string[] | undefined;
  /** In any case, with or without accents. */
  brand?: string | undefined;
  /** Minor units, inclusive. */
  minPrice?: number | undefined;
  maxPrice?: number | undefined;
  sort: Sort;
  limit: number;
  /** The position of the last hit of the page before. */
  after?: Position | undefined;
}

/** Where a hit stands in its sort order. */
export type Position = readonly [key: string | number, productId: string];

export interface Counted {
  value: string;
  count: number;
}

export interface Hits {
  productIds: string[];
  /** The last hit's position if there are more. */
  next: Position | undefined;
  /** Over all pages. */
  total: number;
  /** Per category as products have it, under all filters but the category; per brand, under all filters but the brand. */
  categories: Counted[];
  brands: Counted[];
}

/** Published products, to be found. */
export interface ProductIndex {
  /** Adds or replaces a product, unless this version or a later one is indexed. `categoryNames` from the top down. */
  put(product: Product, categoryNames: readonly string[]): void;
  remove(productId: string): void;
  search(query: IndexQuery): Hits;
  /** The nearest first: the same category, then the same family of categories, the same brand, a similar price. */
  related(product: Product, family: readonly string[], limit: number): string[];
  /** The indexed version; undefined when it is not indexed. */
  versionOf(productId: string): number | undefined;
  /** Several changes as one. */
  batch(changes: () => void): void;
  close(): void;
}
