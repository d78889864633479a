import type { Sort } from "@molecart/mixins/contracts/products.ts";
import { Best } from "./best.ts";
import { attributeName, type PublishedEntry } from "./index-entry.ts";
import { PRICE_BOUNDS } from "./relevance.ts";
import type { Counted, FacetCounts, RelatedQuery, SearchQuery } from "./search-engine.ts";
import { folded, nameKeyOf, wordsOf } from "./words.ts";

/** Texts by small numbers, which are never taken back: a shop's brands and attributes come again. */
class Dictionary {
  readonly texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.length;
      this.texts.push(text);
      this.#numbers.set(text, number);
    }
    return number;
  }
  find(text: string): number | undefined {
    return this.#numbers.get(text);
  }
}

/** What a row's place in a search for words is made of. */
export interface Scores {
  /** By row; 0 where the words are not. */
  scores: Uint32Array;
  /** What scoring rows there are, so that few hits among many products cost little. */
  rows: Uint32Array;
}

/** The filters of a query, in numbers. */
interface Filters {
  /** Which categories, and which brands; undefined: all. */
  categories: Uint8Array | undefined;
  brands: Uint8Array | undefined;
  minPrice: number;
  maxPrice: number;
  available: boolean | undefined;
  /** By attribute: which of the names asked for it satisfies, as a bit. */
  attributeBits: Uint32Array;
  /** By attribute: the bit of its name, when that is asked for. */
  nameBits: Uint32Array;
  allNames: number;
}

/** What is true of a product's variants, as bits: one has the attributes asked for; one of these can be sold; any at all can. */
const FITS = 1;
const FITS_AVAILABLE = 2;
const ANY_AVAILABLE = 4;

const CATEGORY = 1;
const BRAND = 2;
const PRICE = 4;

const FIRST_CAPACITY = 1_024;

/** What the filters, facets and orders need of every product, in arrays by row: a pass over 100,000 products takes some
 *  milliseconds, where SQL needs hundreds. */
export class Columns {
  /** Sparse: a row without a product has no id. */
  readonly ids: (string | undefined)[] = [];
  readonly #nameKeys: string[] = [];
  #nameLengths = new Uint16Array(FIRST_CAPACITY);
  #categories = new Uint32Array(FIRST_CAPACITY);
  #brands = new Uint32Array(FIRST_CAPACITY);
  #prices = new Float64Array(FIRST_CAPACITY);
  #createdAt = new Float64Array(FIRST_CAPACITY);
  /** Of each variant: 1 if it is available, how many attributes it has, and these. */
  readonly #variants: (readonly number[])[] = [];

  readonly #categoryNames = new Dictionary();
  /** As they are spelled; and for each, the number of its folded text. */
  readonly #spellings = new Dictionary();
  readonly #brandKeys = new Dictionary();
  #keyOfSpelling = new Uint32Array(256);
  readonly #attributes = new Dictionary();

  /** One more than the highest row. */
  get size(): number {
    return this.ids.length;
  }

  set(row: number, entry: PublishedEntry): void {
    if (row >= this.#prices.length) this.#grow(row + 1);
    while (this.ids.length <= row) this.ids.push(undefined);
    const words = wordsOf(entry.name);
    this.ids[row] = entry.id;
    this.#nameKeys[row] = nameKeyOf(entry.name);
    this.#nameLengths[row] = words.length;
    this.#categories[row] = this.#categoryNames.numberOf(entry.category);
    this.#brands[row] = this.#spelling(entry.brand);
    this.#prices[row] = entry.price;
    this.#createdAt[row] = entry.createdAt;
    this.#variants[row] = entry.variants.flatMap(({ available, attributes }) => {
      const numbers = attributes.map((attribute) => this.#attributes.numberOf(attribute));
      return [available ? 1 : 0, numbers.length, ...numbers];
    });
  }

  clear(row: number): void {
    this.ids[row] = undefined;
    this.#variants[row] = [];
  }

  nameKey(row: number): string {
    return this.#nameKeys[row] as string;
  }

  #spelling(brand: string): number {
    const spelling = this.#spellings.numberOf(brand);
    if (spelling >= this.#keyOfSpelling.length) this.#keyOfSpelling = grown(this.#keyOfSpelling, spelling + 1);
    this.#keyOfSpelling[spelling] = this.#brandKeys.numberOf(folded(brand));
    return spelling;
  }

  #grow(rows: number): void {
    this.#nameLengths = grown(this.#nameLengths, rows);
    this.#categories = grown(this.#categories, rows);
    this.#brands = grown(this.#brands, rows);
    this.#prices = grown(this.#prices, rows);
    this.#createdAt = grown(this.#createdAt, rows);
  }

  #filters({ categories, brands, attributes = [], minPrice, maxPrice, available }: SearchQuery): Filters {
    const attributeBits = new Uint32Array(this.#attributes.texts.length);
    const nameBits = new Uint32Array(this.#attributes.texts.length);
    const names = [...new Set(attributes.map(attributeName))];
    for (const attribute of attributes) {
      const number = this.#attributes.find(attribute);
      if (number !== undefined) attributeBits[number] = 1 << names.indexOf(attributeName(attribute));
    }
    if (names.length > 0) {
      const bits = new Map(names.map((name, index) => [name, 1 << index]));
      this.#attributes.texts.forEach((text, number) => {
        nameBits[number] = bits.get(attributeName(text)) ?? 0;
      });
    }
    return {
      categories: categories && mask(this.#categoryNames, categories),
      brands: brands && mask(this.#brandKeys, brands.map(folded)),
      minPrice: minPrice ?? Number.NEGATIVE_INFINITY,
      maxPrice: maxPrice ?? Number.POSITIVE_INFINITY,
      available,
      attributeBits,
      nameBits,
      allNames: (1 << names.length) - 1,
    };
  }

  /** Which of the filters by category, brand and price a row does not pass. */
  #failures(row: number, { categories, brands, minPrice, maxPrice }: Filters): number {
    const price = this.#prices[row] as number;
    return (
      (categories === undefined || categories[this.#categories[row] as number] === 1 ? 0 : CATEGORY) |
      (brands === undefined || brands[this.#keyOfSpelling[this.#brands[row] as number] as number] === 1 ? 0 : BRAND) |
      (price >= minPrice && price <= maxPrice ? 0 : PRICE)
    );
  }

  #variantFacts(row: number, { attributeBits, allNames }: Filters): number {
    const variants = this.#variants[row] as readonly number[];
    let facts = 0;
    for (let at = 0; at < variants.length; ) {
      const end = at + 2 + (variants[at + 1] as number);
      let bits = 0;
      if (allNames !== 0) for (let i = at + 2; i < end; i++) bits |= attributeBits[variants[i] as number] as number;
      if (variants[at] === 1) facts |= bits === allNames ? FITS | FITS_AVAILABLE | ANY_AVAILABLE : ANY_AVAILABLE;
      else if (bits === allNames) facts |= FITS;
      at = end;
    }
    return facts;
  }

  #isWanted(facts: number, available: boolean | undefined): boolean {
    if (available === undefined) return (facts & FITS) !== 0;
    return available ? (facts & FITS_AVAILABLE) !== 0 : (facts & (FITS | ANY_AVAILABLE)) === FITS;
  }

  /** Counts all facets and the total in one pass: a row that fails one filter counts for the facet of that filter alone. */
  count(query: SearchQuery, scored: Scores | undefined): { total: number; facets: FacetCounts } {
    const filters = this.#filters(query);
    const { available, attributeBits, nameBits, allNames } = filters;
    const categories = new Uint32Array(this.#categoryNames.texts.length);
    const spellings = new Uint32Array(this.#spellings.texts.length);
    const attributes = new Uint32Array(this.#attributes.texts.length);
    const countedFor = new Int32Array(attributes.length).fill(-1);
    const prices = new Uint32Array(PRICE_BOUNDS.length);
    let [total, inStock, soldOut] = [0, 0, 0];
    const simple = allNames === 0;

    const visit = (row: number): void => {
      const failures = this.#failures(row, filters);
      if (failures !== 0 && failures !== CATEGORY && failures !== BRAND && failures !== PRICE) return;
      const facts = this.#variantFacts(row, filters);
      const wanted = this.#isWanted(facts, available);
      if (wanted) {
        if (failures === 0) total += 1;
        if ((failures & ~CATEGORY) === 0) bump(categories, this.#categories[row] as number);
        if ((failures & ~BRAND) === 0) bump(spellings, this.#brands[row] as number);
        if ((failures & ~PRICE) === 0) bump(prices, priceRange(this.#prices[row] as number));
      }
      if (failures !== 0) return;
      if ((facts & FITS_AVAILABLE) !== 0) inStock += 1;
      if ((facts & (FITS | ANY_AVAILABLE)) === FITS) soldOut += 1;
      if (available === false && (facts & ANY_AVAILABLE) !== 0) return;
      const variants = this.#variants[row] as readonly number[];
      for (let at = 0; at < variants.length; ) {
        const end = at + 2 + (variants[at + 1] as number);
        if (available !== true || variants[at] === 1) {
          let missing = allNames;
          if (!simple) for (let i = at + 2; i < end; i++) missing &= ~(attributeBits[variants[i] as number] as number);
          // Of a variant that lacks one name's values only, the values that it has of that name are alternatives.
          if ((missing & (missing - 1)) === 0) {
            for (let i = at + 2; i < end; i++) {
              const attribute = variants[i] as number;
              if (missing !== 0 && nameBits[attribute] !== missing) continue;
              if (countedFor[attribute] === row) continue;
              countedFor[attribute] = row;
              bump(attributes, attribute);
            }
          }
        }
        at = end;
      }
    };
    this.#forEach(scored, visit);

    return {
      total,
      facets: {
        categories: listed(categories, this.#categoryNames),
        brands: this.#brandCounts(spellings),
        attributes: listed(attributes, this.#attributes),
        prices: [...prices],
        available: inStock,
        unavailable: soldOut,
      },
    };
  }

  #forEach(scored: Scores | undefined, visit: (row: number) => void): void {
    if (scored === undefined) {
      for (let row = 0; row < this.ids.length; row++) if (this.ids[row] !== undefined) visit(row);
    } else {
      for (const row of scored.rows) if (this.ids[row] !== undefined) visit(row);
    }
  }

  #brandCounts(spellings: Uint32Array): Counted[] {
    const brands = new Map<number, Counted & { most: number }>();
    spellings.forEach((count, spelling) => {
      if (count === 0) return;
      const value = this.#spellings.texts[spelling] as string;
      const key = this.#keyOfSpelling[spelling] as number;
      const known = brands.get(key);
      if (known === undefined) brands.set(key, { value, count, most: count });
      else {
        known.count += count;
        if (count > known.most || (count === known.most && value < known.value)) {
          known.value = value;
          known.most = count;
        }
      }
    });
    return [...brands.values()].map(({ value, count }) => ({ value, count }));
  }

  /** The rows of a page and one more, if there is one. */
  page(query: SearchQuery, sort: Sort, scored: Scores | undefined, limit: number): number[] {
    const filters = this.#filters(query);
    const compare = this.#order(sort, scored);
    const after = query.after && this.#comesAfter(sort, scored, query.after.values);
    const best = new Best(limit, compare);
    this.#forEach(scored, (row) => {
      if (after?.(row) === false || this.#failures(row, filters) !== 0) return;
      if (
        filters.allNames === 0 && filters.available === undefined
          ? true
          : this.#isWanted(this.#variantFacts(row, filters), filters.available)
      )
        best.offer(row);
    });
    return best.rows;
  }

  /** A row's values in an order; see Place. */
  valuesOf(row: number, sort: Sort, scored: Scores | undefined): (number | string)[] {
    const id = this.ids[row] as string;
    switch (sort) {
      case "relevance":
        return [scored?.scores[row] as number, this.#nameLengths[row] as number, id];
      case "price":
      case "-price":
        return [this.#prices[row] as number, id];
      case "name":
      case "-name":
        return [this.#nameKeys[row] as string, id];
      case "newest":
        return [this.#createdAt[row] as number, id];
      default:
        return sort satisfies never;
    }
  }

  #order(sort: Sort, scored: Scores | undefined): (a: number, b: number) => number {
    const byId = (a: number, b: number): number => ((this.ids[a] as string) < (this.ids[b] as string) ? -1 : 1);
    switch (sort) {
      case "relevance": {
        const scores = scored?.scores as Uint32Array;
        const lengths = this.#nameLengths;
        return (a, b) =>
          (scores[b] as number) - (scores[a] as number) || (lengths[a] as number) - (lengths[b] as number) || byId(a, b);
      }
      case "price":
        return (a, b) => (this.#prices[a] as number) - (this.#prices[b] as number) || byId(a, b);
      case "-price":
        return (a, b) => (this.#prices[b] as number) - (this.#prices[a] as number) || byId(a, b);
      case "name":
        return (a, b) => compareTexts(this.#nameKeys[a] as string, this.#nameKeys[b] as string) || byId(a, b);
      case "-name":
        return (a, b) => compareTexts(this.#nameKeys[b] as string, this.#nameKeys[a] as string) || byId(a, b);
      case "newest":
        return (a, b) => (this.#createdAt[b] as number) - (this.#createdAt[a] as number) || byId(a, b);
      default:
        return sort satisfies never;
    }
  }

  #comesAfter(sort: Sort, scored: Scores | undefined, place: readonly (number | string)[]): (row: number) => boolean {
    const descending = DESCENDING[sort];
    return (row) => {
      const values = this.valuesOf(row, sort, scored);
      for (let i = 0; i < values.length; i++) {
        const [own, other] = [values[i] as number | string, place[i] as number | string];
        if (own !== other) return own > other !== (descending[i] === true);
      }
      return false;
    };
  }

  related({ productId, category, family, brand, price, limit }: RelatedQuery): string[] {
    const inFamily = mask(this.#categoryNames, family);
    const sameCategory = this.#categoryNames.find(category);
    const sameBrand = this.#brandKeys.find(folded(brand));
    const distance = (row: number): number => {
      const own = this.#categories[row] as number;
      const ownBrand = this.#keyOfSpelling[this.#brands[row] as number] as number;
      return (own === sameCategory ? 0 : 4) + (inFamily[own] === 1 ? 0 : 2) + (ownBrand === sameBrand ? 0 : 1);
    };
    const best = new Best(limit, (a, b) => {
      const nearer = distance(a) - distance(b);
      if (nearer !== 0) return nearer;
      const cheaper = Math.abs((this.#prices[a] as number) - price) - Math.abs((this.#prices[b] as number) - price);
      return cheaper !== 0 ? cheaper : (this.ids[a] as string) < (this.ids[b] as string) ? -1 : 1;
    });
    this.#forEach(undefined, (row) => {
      if (this.ids[row] !== productId) best.offer(row);
    });
    return best.rows.map((row) => this.ids[row] as string);
  }
}

const DESCENDING: Record<Sort, readonly boolean[]> = {
  relevance: [true],
  price: [],
  "-price": [true],
  name: [],
  "-name": [true],
  newest: [true],
};

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const priceRange = (price: number): number => {
  let range = PRICE_BOUNDS.length - 1;
  while (range > 0 && price < (PRICE_BOUNDS[range] as number)) range -= 1;
  return range;
};

const bump = (counts: Uint32Array, index: number): void => {
  counts[index] = (counts[index] as number) + 1;
};

const listed = (counts: Uint32Array, { texts }: Dictionary): Counted[] =>
  texts.flatMap((value, number) => {
    const count = counts[number] as number;
    return count === 0 ? [] : [{ value, count }];
  });

const mask = (dictionary: Dictionary, texts: readonly string[]): Uint8Array => {
  const wanted = new Uint8Array(dictionary.texts.length);
  for (const text of texts) {
    const number = dictionary.find(text);
    if (number !== undefined) wanted[number] = 1;
  }
  return wanted;
};

type Numbers = Uint16Array | Uint32Array | Float64Array;

/** The same values with room for so many, and for as many again. */
const grown = <A extends Numbers>(values: A, needed: number): A => {
  const larger = new (values.constructor as new (length: number) => A)(Math.max(2 * values.length, needed));
  larger.set(values as never);
  return larger;
};
