import type { Sort } from "@molecart/mixins/contracts/products.ts";
import type { IndexEntry } from "./index-entry.ts";

export interface SearchQuery {
  /** What a person has typed. Undefined, or without anything in it: everything is found. */
  text?: string | undefined;
  /** Any of these slugs. */
  categories?: readonly string[] | undefined;
  /** Any of these, in any case, with or without accents. */
  brands?: readonly string[] | undefined;
  /** `name:value`. Any value of a name; of all names in one variant. */
  attributes?: readonly string[] | undefined;
  /** Minor units, inclusive. */
  minPrice?: number | undefined;
  maxPrice?: number | undefined;
  /** true: one of the variants with these attributes can be sold. false: no variant at all can. */
  available?: boolean | undefined;
  sort: Sort;
  limit: number;
  /** Of the last hit of the page before. */
  after?: Place | undefined;
}

/** A hit's values in its sort order, the product's id at the end. With `alike`, in an order of products with words like those
 *  typed. */
export interface Place {
  alike: boolean;
  values: readonly (number | string)[];
}

export interface Counted {
  value: string;
  count: number;
}

/** Each under the other filters, in no order. */
export interface FacetCounts {
  /** As products have them: what is below a category is not in its count. */
  categories: Counted[];
  /** A brand that is spelled in several ways is named as most of these products have it. */
  brands: Counted[];
  /** `name:value` */
  attributes: Counted[];
  /** By PRICE_BOUNDS. */
  prices: number[];
  available: number;
  unavailable: number;
}

export interface Hits {
  productIds: string[];
  /** The last hit's place if there are more. */
  next: Place | undefined;
  /** Over all pages. */
  total: number;
  /** No product has the words as typed; these have words like them. */
  alike: boolean;
  facets: FacetCounts;
}

export interface RelatedQuery {
  productId: string;
  category: string;
  /** The slugs of the top category's whole tree. */
  family: readonly string[];
  brand: string;
  price: number;
  limit: number;
}

export interface Suggested {
  productIds: string[];
  brands: string[];
}

/** Written into an index that is being made, until it takes the place of the one that answers. */
export interface Rebuild {
  put(entries: readonly IndexEntry[]): Promise<void>;
  /** From here on the new index answers and is written to, and the old one is gone. In one step: no search is without one. */
  finish(): Promise<void>;
  /** The new one is gone. */
  abandon(): Promise<void>;
}

/** The catalogue, to be found: one interface, two engines. What they answer is the same (see the conformance suite); how soon
 *  a `put` is seen is not: at once embedded, within a second in Elasticsearch. Methods reject with `Unavailable` when the
 *  index cannot be had. */
export interface SearchEngine {
  readonly kind: "sqlite" | "elasticsearch";
  search(query: SearchQuery): Promise<Hits>;
  suggest(text: string, limit: number): Promise<Suggested>;
  /** Of all published products; the facets' spelling. */
  brands(): Promise<Counted[]>;
  /** The nearest first: the same category, then the same family of categories, the same brand, a similar price. */
  related(query: RelatedQuery): Promise<string[]>;

  /** Adds or replaces, each unless a later version of it is there. Rejects with `EntriesRefused` after taking over the others. */
  put(entries: readonly IndexEntry[]): Promise<void>;
  /** Of the entries after this id, in the order of ids, drafts' and archived products' included. */
  versionsAfter(productId: string, limit: number): Promise<{ id: string; version: number }[]>;
  /** Entries of products that the catalogue does not have. */
  remove(productIds: readonly string[]): Promise<void>;

  /** Whether it must be made anew: there is none, or one of an older make. */
  needsRebuild(): Promise<boolean>;
  beginRebuild(): Promise<Rebuild>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
