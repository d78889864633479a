/** Where words are looked for, and what finding one there is worth. A hit counts each word once, where it is worth most; that
 *  all words must be there is what makes a search precise. The sums are whole numbers which depend on nothing but the product
 *  and the question: they are the same in both engines, on every node and on every page, so that a cursor can name a place
 *  among them. */
export const FIELDS = { name: 10, brand: 6, sku: 6, category: 4, attributes: 3, description: 1 } as const;
export type Field = keyof typeof FIELDS;
export const fields = Object.keys(FIELDS) as Field[];

/** What is looked at while somebody types: what the product is called. */
export const SUGGESTED_FIELDS: readonly Field[] = ["name", "brand", "sku"];

/** The word itself, its beginning (of the last word typed only), a word like it (only where nothing has the words themselves). */
export const MATCH = { word: 4, beginning: 2, alike: 1 } as const;

/** The words are the whole name; together they are a SKU, whatever stands between its parts. */
export const WHOLE_NAME = 100;
export const WHOLE_SKU = 1_000;

/** Words of the catalogue that are tried for one that is misspelt. */
export const MAX_ALIKE = 50;

/** Lower bounds of the price facet's ranges, minor units. */
export const PRICE_BOUNDS = [
  0, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 10_000_000,
] as const;
