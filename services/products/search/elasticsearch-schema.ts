import type { estypes } from "@elastic/elasticsearch";
import type { IndexEntry, PublishedEntry } from "./index-entry.ts";
import { folded, nameKeyOf, wholeSku, wordsOf } from "./words.ts";

/** Of the mapping and of what is put into it: an index of a lower one is made anew. */
export const SCHEMA_VERSION = 1;

/** What is searched for by words. They come folded, as the embedded engine has them, so the analyzer only splits; the
 *  beginnings of words have an index of their own, for the search while typing. */
const words = {
  type: "text",
  analyzer: "words",
  search_analyzer: "words",
  norms: false,
  index_prefixes: { min_chars: 1, max_chars: 10 },
} as const;
const keyword = { type: "keyword" } as const;

export const MAPPINGS: estypes.MappingTypeMapping = {
  dynamic: "strict",
  properties: {
    id: keyword,
    published: { type: "boolean" },
    name: words,
    brand: words,
    sku: words,
    category: words,
    attributes: words,
    description: words,
    whole_sku: keyword,
    name_key: keyword,
    name_length: { type: "short" },
    brand_name: keyword,
    brand_key: keyword,
    category_slug: keyword,
    price: { type: "long" },
    created_at: { type: "date", format: "epoch_millis" },
    /** Of any variant. */
    available: { type: "boolean" },
    /** Nested: a colour and a size count together only where one variant has them. */
    variants: { type: "nested", properties: { available: { type: "boolean" }, attributes: keyword } },
  },
};

/** One shard: the counts of facets are exact. It holds some millions of products. */
export const SETTINGS: estypes.IndicesIndexSettings = {
  number_of_shards: 1,
  auto_expand_replicas: "0-1",
  refresh_interval: "1s",
  analysis: { analyzer: { words: { type: "custom", tokenizer: "whitespace" } } },
};

export interface SearchDocument {
  id: string;
  published: boolean;
  [field: string]: unknown;
}

export const documentOf = (entry: IndexEntry): SearchDocument =>
  entry.published ? publishedDocument(entry) : { id: entry.id, published: false };

const publishedDocument = (entry: PublishedEntry): SearchDocument => {
  const { id, name, brand, category, categoryNames, description, price, createdAt, variants } = entry;
  const nameWords = wordsOf(name);
  return {
    id,
    published: true,
    name: nameWords.join(" "),
    brand: wordsOf(brand).join(" "),
    sku: variants.flatMap(({ sku }) => wordsOf(sku)).join(" "),
    category: categoryNames.flatMap(wordsOf).join(" "),
    attributes: variants.flatMap(({ attributes }) => attributes.flatMap(wordsOf)).join(" "),
    description: wordsOf(description).join(" "),
    whole_sku: variants.map(({ sku }) => wholeSku(sku)),
    name_key: nameKeyOf(name),
    name_length: nameWords.length,
    brand_name: brand,
    brand_key: folded(brand),
    category_slug: category,
    price,
    created_at: createdAt,
    available: variants.some(({ available }) => available),
    variants: variants.map(({ available, attributes }) => ({ available, attributes })),
  };
};
