import type { estypes } from "@elastic/elasticsearch";
import type { Sort } from "@molecart/mixins/contracts/products.ts";
import { attributeName } from "./index-entry.ts";
import {
  FIELDS,
  type Field,
  fields,
  MATCH,
  MAX_ALIKE,
  PRICE_BOUNDS,
  SUGGESTED_FIELDS,
  WHOLE_NAME,
  WHOLE_SKU,
} from "./relevance.ts";
import type { Counted, FacetCounts, RelatedQuery, SearchQuery } from "./search-engine.ts";
import { editsAllowed, folded } from "./words.ts";

type Query = estypes.QueryDslQueryContainer;
type Aggregation = estypes.AggregationsAggregationContainer;

/** Values of one facet that are counted, the most frequent ones. */
const MAX_VALUES = 1_000;

const worth = (filter: Query, boost: number): Query => ({ constant_score: { filter, boost } });

/** A word where it is worth most; see relevance.ts. */
const wordQuery = (word: string, isLast: boolean, forgiving: boolean, among: readonly Field[]): Query => {
  const edits = forgiving ? editsAllowed(word) : 0;
  return {
    dis_max: {
      queries: among.flatMap((field): Query[] => [
        worth({ term: { [field]: { value: word } } }, FIELDS[field] * MATCH.word),
        ...(isLast ? [worth({ prefix: { [field]: { value: word } } }, FIELDS[field] * MATCH.beginning)] : []),
        ...(edits > 0 && field !== "sku" ? [worth(fuzzy(field, word, edits), FIELDS[field] * MATCH.alike)] : []),
      ]),
    },
  };
};

const fuzzy = (field: Field, value: string, fuzziness: number): Query => ({
  fuzzy: { [field]: { value, fuzziness, prefix_length: 1, max_expansions: MAX_ALIKE, transpositions: true } },
});

const textQuery = (words: readonly string[], forgiving: boolean, among: readonly Field[] = fields): Query => {
  const all: Query = {
    bool: {
      must: words.map((word, index) => wordQuery(word, index === words.length - 1, forgiving, among)),
      should: [worth({ term: { name_key: { value: words.join(" ") } } }, WHOLE_NAME)],
    },
  };
  if (!among.includes("sku")) return all;
  return {
    bool: { should: [all, worth({ term: { whole_sku: { value: words.join("") } } }, WHOLE_SKU)], minimum_should_match: 1 },
  };
};

const PUBLISHED: Query = { term: { published: { value: true } } };
const ANY_AVAILABLE: Query = { term: { available: { value: true } } };
const NONE_AVAILABLE: Query = { bool: { must_not: [ANY_AVAILABLE] } };
const AVAILABLE_VARIANT: Query = { term: { "variants.available": { value: true } } };

const inVariant = (filter: readonly Query[]): Query => ({
  nested: { path: "variants", query: { bool: { filter: [...filter] } } },
});

type Name = "category" | "brand" | "price" | "availability" | "attributes";

/** The filters of a query, so that each facet can leave out its own. */
class Filters {
  readonly #query: SearchQuery;
  /** By name: the values asked for. */
  readonly attributes = new Map<string, string[]>();

  constructor(query: SearchQuery) {
    this.#query = query;
    for (const attribute of query.attributes ?? []) {
      const name = attributeName(attribute);
      this.attributes.set(name, [...(this.attributes.get(name) ?? []), attribute]);
    }
  }

  /** What one variant must have; without the values of one name, where that is given. */
  ofVariant(except?: string): Query[] {
    return [...this.attributes].flatMap(([name, values]) =>
      name === except ? [] : [{ terms: { "variants.attributes": values } }],
    );
  }

  without(...left: Name[]): Query[] {
    const { categories, brands, minPrice, maxPrice, available } = this.#query;
    const has = (name: Name): boolean => !left.includes(name);
    const variant = [
      ...(has("attributes") ? this.ofVariant() : []),
      ...(has("availability") && available === true ? [AVAILABLE_VARIANT] : []),
    ];
    return [
      ...(has("category") && categories !== undefined ? [{ terms: { category_slug: [...categories] } }] : []),
      ...(has("brand") && brands !== undefined ? [{ terms: { brand_key: brands.map(folded) } }] : []),
      ...(has("price") && (minPrice !== undefined || maxPrice !== undefined)
        ? [
            {
              range: {
                price: { ...(minPrice !== undefined && { gte: minPrice }), ...(maxPrice !== undefined && { lte: maxPrice }) },
              },
            },
          ]
        : []),
      ...(variant.length > 0 ? [inVariant(variant)] : []),
      ...(has("availability") && available === false ? [NONE_AVAILABLE] : []),
    ];
  }

  get wantsAvailable(): boolean | undefined {
    return this.#query.available;
  }
}

const all = (filter: readonly Query[]): Query => ({ bool: { filter: [...filter] } });
const counted = (field: string): Aggregation => ({ terms: { field, size: MAX_VALUES } });

/** Products by the attributes of their variants. */
const attributeCounts = (filters: Filters, name?: string): Aggregation => ({
  // The variant filters are asked of the variants below, all together.
  filter: all(filters.wantsAvailable === false ? filters.without("attributes") : filters.without("attributes", "availability")),
  aggs: {
    variants: {
      nested: { path: "variants" },
      aggs: {
        fitting: {
          filter: all([...filters.ofVariant(name), ...(filters.wantsAvailable === true ? [AVAILABLE_VARIANT] : [])]),
          aggs: {
            values: {
              terms: {
                field: "variants.attributes",
                size: MAX_VALUES,
                ...(name !== undefined && { include: `${literally(name)}:.*` }),
              },
              aggs: { products: { reverse_nested: {} } },
            },
          },
        },
      },
    },
  },
});

/** A name as a regular expression of Lucene that matches just it. */
const literally = (name: string): string => name.replace(/[^\p{L}\p{N}]/gu, "\\$&");

const attributeAggregation = (index: number): string => `attributes_${index}`;

const facetAggregations = (filters: Filters): Record<string, Aggregation> => ({
  category: { filter: all(filters.without("category")), aggs: { values: counted("category_slug") } },
  brand: {
    filter: all(filters.without("brand")),
    aggs: { values: { ...counted("brand_key"), aggs: { spelling: { terms: { field: "brand_name", size: 1 } } } } },
  },
  price: {
    filter: all(filters.without("price")),
    aggs: {
      values: {
        range: {
          field: "price",
          ranges: PRICE_BOUNDS.map((from, i) => ({
            from,
            ...(i + 1 < PRICE_BOUNDS.length && { to: PRICE_BOUNDS[i + 1] as number }),
          })),
        },
      },
    },
  },
  availability: {
    filter: all(filters.without("availability", "attributes")),
    aggs: {
      available: { filter: inVariant([...filters.ofVariant(), AVAILABLE_VARIANT]) },
      unavailable: { filter: all([...(filters.attributes.size > 0 ? [inVariant(filters.ofVariant())] : []), NONE_AVAILABLE]) },
    },
  },
  attributes: attributeCounts(filters),
  ...Object.fromEntries(
    [...filters.attributes.keys()].map((name, index) => [attributeAggregation(index), attributeCounts(filters, name)]),
  ),
});

const SORTS: Record<Sort, (estypes.SortOptions & object)[]> = {
  relevance: [{ _score: { order: "desc" } }, { name_length: { order: "asc" } }, { id: { order: "asc" } }],
  price: [{ price: { order: "asc" } }, { id: { order: "asc" } }],
  "-price": [{ price: { order: "desc" } }, { id: { order: "asc" } }],
  name: [{ name_key: { order: "asc" } }, { id: { order: "asc" } }],
  "-name": [{ name_key: { order: "desc" } }, { id: { order: "asc" } }],
  newest: [{ created_at: { order: "desc" } }, { id: { order: "asc" } }],
};

/** The name of the aggregation that counts what has the words, whatever the filters say. */
export const WORDED = "worded";

/** A page with its facets. The filters come after the facets (`post_filter`), which have their own. */
export const searchBody = (
  query: SearchQuery,
  words: readonly string[] | undefined,
  forgiving: boolean,
): estypes.SearchRequest => {
  const filters = new Filters(query);
  const sort = query.sort === "relevance" && words === undefined ? "newest" : query.sort;
  return {
    size: query.limit + 1,
    _source: false,
    track_total_hits: true,
    query: { bool: { filter: [PUBLISHED], ...(words !== undefined && { must: [textQuery(words, forgiving)] }) } },
    post_filter: all(filters.without()),
    sort: SORTS[sort],
    ...(query.after && { search_after: [...query.after.values] }),
    aggs: { [WORDED]: { filter: { match_all: {} } }, ...facetAggregations(filters) },
  };
};

/** As many as Elasticsearch gives in one answer, and leaves room for their spellings. */
const MAX_BRANDS = 30_000;

export const brandsBody = (): estypes.SearchRequest => ({
  size: 0,
  _source: false,
  query: PUBLISHED,
  sort: SORTS.newest,
  aggs: {
    brand: {
      filter: { match_all: {} },
      aggs: {
        values: {
          terms: { field: "brand_key", size: MAX_BRANDS },
          aggs: { spelling: { terms: { field: "brand_name", size: 1 } } },
        },
      },
    },
  },
});

export const suggestBody = (words: readonly string[], forgiving: boolean, limit: number): estypes.SearchRequest => ({
  size: limit,
  _source: false,
  track_total_hits: true,
  query: { bool: { filter: [PUBLISHED], must: [textQuery(words, forgiving, SUGGESTED_FIELDS)] } },
  sort: SORTS.relevance,
  aggs: {
    brand: {
      filter: textQuery(words, false, ["brand"]),
      aggs: {
        values: { terms: { field: "brand_key", size: limit }, aggs: { spelling: { terms: { field: "brand_name", size: 1 } } } },
      },
    },
  },
});

/** Each step weighs more than all below it together. */
const NEARNESS = { category: 4, family: 2, brand: 1 };

/** The price decides among products that are equally near: a share of less than one, the larger the nearer. */
export const relatedBody = ({ productId, category, family, brand, price, limit }: RelatedQuery): estypes.SearchRequest => ({
  size: limit,
  _source: false,
  track_total_hits: false,
  query: {
    function_score: {
      query: { bool: { filter: [PUBLISHED], must_not: [{ term: { id: { value: productId } } }] } },
      functions: [
        { filter: { term: { category_slug: { value: category } } }, weight: NEARNESS.category },
        { filter: { terms: { category_slug: [...family] } }, weight: NEARNESS.family },
        { filter: { term: { brand_key: { value: folded(brand) } } }, weight: NEARNESS.brand },
        { exp: { price: { origin: price, scale: Math.max(1, price), decay: 0.5 } }, weight: 0.9 },
      ],
      score_mode: "sum",
      boost_mode: "replace",
    },
  },
  sort: [{ _score: { order: "desc" } }, { id: { order: "asc" } }],
});

interface Bucket {
  key: string;
  doc_count: number;
  products?: { doc_count: number };
  spelling?: { buckets: Bucket[] };
}
interface Filtered {
  doc_count: number;
  values?: { buckets: Bucket[] };
  variants?: { fitting: { values: { buckets: Bucket[] } } };
  available?: { doc_count: number };
  unavailable?: { doc_count: number };
}
export type Aggregations = Record<string, Filtered>;

const byValue = ({ values }: Filtered): Counted[] =>
  (values?.buckets ?? []).map(({ key, doc_count }) => ({ value: key, count: doc_count }));

const byProduct = ({ variants }: Filtered): Counted[] =>
  (variants?.fitting.values.buckets ?? []).map(({ key, products }) => ({ value: key, count: products?.doc_count ?? 0 }));

/** By the commonest way of writing it. */
export const bySpelling = ({ values }: Filtered): Counted[] =>
  (values?.buckets ?? []).map(({ key, doc_count, spelling }) => ({ value: spelling?.buckets[0]?.key ?? key, count: doc_count }));

export const facetsOf = (query: SearchQuery, found: Aggregations): FacetCounts => {
  const named = (name: string): Filtered => found[name] as Filtered;
  const asked = [...new Filters(query).attributes.keys()];
  const { available, unavailable } = named("availability");
  return {
    categories: byValue(named("category")),
    brands: bySpelling(named("brand")),
    attributes: [
      ...byProduct(named("attributes")).filter(({ value }) => !asked.includes(attributeName(value))),
      ...asked.flatMap((_, index) => byProduct(named(attributeAggregation(index)))),
    ],
    prices: byValue(named("price")).map(({ count }) => count),
    available: available?.doc_count ?? 0,
    unavailable: unavailable?.doc_count ?? 0,
  };
};
