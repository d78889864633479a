import { attributeName, type PublishedEntry } from "../../services/products/search/index-entry.ts";
import { PRICE_BOUNDS } from "../../services/products/search/relevance.ts";
import type { Counted, SearchQuery } from "../../services/products/search/search-engine.ts";
import { folded, nameKeyOf, wordsOf } from "../../services/products/search/words.ts";

/** What a search should find, said as plainly as possible and without any thought of speed. */
export const found = (entries: readonly PublishedEntry[], query: SearchQuery): PublishedEntry[] => {
  const words = query.text?.trim() ? wordsOf(query.text) : undefined;
  if (words?.length === 0) return [];
  const scores = new Map(entries.map((entry) => [entry, words === undefined ? 0 : scoreOf(entry, words)]));
  const sort = query.sort === "relevance" && words === undefined ? "newest" : query.sort;
  const byId = (a: PublishedEntry, b: PublishedEntry) => (a.id < b.id ? -1 : 1);
  const text = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const name = (entry: PublishedEntry) => nameKeyOf(entry.name);
  const orders = {
    relevance: (a: PublishedEntry, b: PublishedEntry) =>
      (scores.get(b) as number) - (scores.get(a) as number) || wordsOf(a.name).length - wordsOf(b.name).length,
    price: (a: PublishedEntry, b: PublishedEntry) => a.price - b.price,
    "-price": (a: PublishedEntry, b: PublishedEntry) => b.price - a.price,
    name: (a: PublishedEntry, b: PublishedEntry) => text(name(a), name(b)),
    "-name": (a: PublishedEntry, b: PublishedEntry) => text(name(b), name(a)),
    newest: (a: PublishedEntry, b: PublishedEntry) => b.createdAt - a.createdAt,
  };
  return entries
    .filter((entry) => (words === undefined || (scores.get(entry) as number) > 0) && passes(entry, query))
    .sort((a, b) => orders[sort](a, b) || byId(a, b));
};

const passes = (entry: PublishedEntry, query: SearchQuery): boolean => {
  const { categories, brands, attributes = [], minPrice = 0, maxPrice = Number.POSITIVE_INFINITY, available } = query;
  const names = [...new Set(attributes.map(attributeName))];
  const fitting = entry.variants.filter((variant) =>
    names.every((name) => attributes.some((one) => attributeName(one) === name && variant.attributes.includes(one))),
  );
  return (
    (categories === undefined || categories.includes(entry.category)) &&
    (brands === undefined || brands.map(folded).includes(folded(entry.brand))) &&
    entry.price >= minPrice &&
    entry.price <= maxPrice &&
    fitting.length > 0 &&
    (available !== true || fitting.some((variant) => variant.available)) &&
    (available !== false || !entry.variants.some((variant) => variant.available))
  );
};

/** The worth of each field and of each way to match, as the README has them. */
const scoreOf = (entry: PublishedEntry, words: readonly string[]): number => {
  const skus = entry.variants.map(({ sku }) => sku);
  const texts: [string, number][] = [
    [entry.name, 10],
    [entry.brand, 6],
    [skus.join(" "), 6],
    [entry.categoryNames.join(" "), 4],
    [entry.variants.flatMap(({ attributes }) => attributes).join(" "), 3],
    [entry.description, 1],
  ];
  const worth = words.map((word, index) =>
    Math.max(
      ...texts.map(([text, weight]) => {
        const own = wordsOf(text);
        if (own.includes(word)) return 4 * weight;
        return index === words.length - 1 && own.some((one) => one.startsWith(word)) ? 2 * weight : 0;
      }),
    ),
  );
  const all = worth.includes(0) ? 0 : worth.reduce((sum, one) => sum + one, 0);
  const wholeName = all > 0 && wordsOf(entry.name).join(" ") === words.join(" ") ? 100 : 0;
  const wholeSku = skus.some((sku) => wordsOf(sku).join("") === words.join("")) ? 1_000 : 0;
  return all + wholeName + wholeSku;
};

const counts = (values: readonly string[], countOf: (value: string) => number): Counted[] =>
  [...new Set(values)].map((value) => ({ value, count: countOf(value) })).filter(({ count }) => count > 0);

/** By its definition: a value's count is the total of the same search with that value in the place of the facet's own filter. */
export const facets = (entries: readonly PublishedEntry[], query: SearchQuery) => {
  const total = (change: Partial<SearchQuery>) => found(entries, { ...query, ...change }).length;
  const others = (name: string) => (query.attributes ?? []).filter((one) => attributeName(one) !== name);
  const attributes = entries.flatMap(({ variants }) => variants.flatMap((variant) => variant.attributes));
  return {
    categories: counts(
      entries.map(({ category }) => category),
      (value) => total({ categories: [value] }),
    ),
    brands: counts(
      entries.map(({ brand }) => brand),
      (value) => total({ brands: [value] }),
    ),
    attributes: counts(attributes, (value) => total({ attributes: [...others(attributeName(value)), value] })),
    prices: PRICE_BOUNDS.map((from, range) => {
      const next = PRICE_BOUNDS[range + 1];
      return total({ minPrice: from, maxPrice: next === undefined ? undefined : next - 1 });
    }),
    available: total({ available: true }),
    unavailable: total({ available: false }),
  };
};
