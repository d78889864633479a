import { createHash } from "node:crypto";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { Columns, type Scores } from "./columns.ts";
import type { IndexEntry, PublishedEntry } from "./index-entry.ts";
import { FIELDS, type Field, fields, MATCH, MAX_ALIKE, SUGGESTED_FIELDS, WHOLE_NAME, WHOLE_SKU } from "./relevance.ts";
import type { Counted, Hits, RelatedQuery, SearchQuery, Suggested } from "./search-engine.ts";
import { editsAllowed, editsBetween, folded, wholeSku, wordsOf, wordsTyped } from "./words.ts";

/** Of this file's tables and of what is put into them: an index of another one is made anew. */
const SCHEMA_VERSION = 1;

/** `product` has what the columns are made of when the file is opened again. The texts are kept as their index alone
 *  (`content = ''`), with the columns that a word is in (`detail = column`), and with the beginnings of up to three letters,
 *  for the search while typing. Texts come as folded words, so the tokenizer only splits. */
const SCHEMA = `
  create table product (
    row integer primary key,
    id text not null unique,
    version integer not null,
    /* Null: a draft or an archived product. */
    entry text,
    texts_hash text
  );
  create virtual table product_text using fts5(
    name, brand, sku, category, attributes, description, whole_sku,
    content = '', contentless_delete = 1, detail = column, tokenize = 'unicode61 remove_diacritics 0', prefix = '1 2 3'
  );
  create table word (word text primary key) without rowid;
  create table meta (name text primary key, value text not null) without rowid;
  pragma user_version = ${SCHEMA_VERSION};`;

type Parameters = Record<string, SQLInputValue>;

/** Counts do not depend on the page, and are the same for all who look at a category. */
const MAX_KEPT_COUNTS = 200;
/** Of each search for words, 4 bytes for each product of the catalogue. */
const MAX_KEPT_SCORES = 16;

const NOTHING: Hits = {
  productIds: [],
  next: undefined,
  total: 0,
  alike: false,
  facets: { categories: [], brands: [], attributes: [], prices: [], available: 0, unavailable: 0 },
};

/** A word typed: what is looked for of it, the best first. */
type Term = { word: string; isLast: boolean; alike: readonly string[] };

const textsOf = ({ name, brand, categoryNames, variants, description }: PublishedEntry): Record<Field | "whole_sku", string> => ({
  name: wordsOf(name).join(" "),
  brand: wordsOf(brand).join(" "),
  sku: variants.flatMap(({ sku }) => wordsOf(sku)).join(" "),
  category: categoryNames.flatMap(wordsOf).join(" "),
  attributes: variants.flatMap(({ attributes }) => attributes.flatMap(wordsOf)).join(" "),
  description: wordsOf(description).join(" "),
  whole_sku: variants.map(({ sku }) => wholeSku(sku)).join(" "),
});

/** One full-text index in a SQLite file or in memory, with its columns. */
export class SqliteIndex {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #columns = new Columns();
  readonly #rows = new Map<string, number>();
  readonly #freeRows: number[] = [];
  /** Of published products' texts, but not of their SKUs: what a misspelt word may have meant. */
  readonly #words = new Set<string>();
  /** Until the index changes. */
  readonly #keptScores = new Kept<Scores>(MAX_KEPT_SCORES);
  readonly #keptCounts = new Kept<Pick<Hits, "total" | "facets">>(MAX_KEPT_COUNTS);

  /** Throws when the file is not such an index, or one of another make. */
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    try {
      // It can be made again from the catalogue: a power cut may take the last of it. A crash of the process does not.
      this.#db.exec("pragma journal_mode = wal; pragma synchronous = normal; pragma cache_size = -32000");
      this.#open();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  #open(): void {
    const { user_version: made } = this.#get("pragma user_version", {}) as { user_version: number };
    const { count } = this.#get("select count(*) as count from sqlite_master", {}) as { count: number };
    if (count === 0) {
      this.batch(() => this.#db.exec(SCHEMA));
      return;
    }
    if (made !== SCHEMA_VERSION) throw new Error(`An index of make ${made}, not ${SCHEMA_VERSION}`);
    let next = 1;
    for (const row of this.#prepare("select row, id, entry from product order by row").iterate() as Iterable<{
      row: number;
      id: string;
      entry: string | null;
    }>) {
      for (; next < row.row; next++) this.#freeRows.push(next);
      next = row.row + 1;
      this.#rows.set(row.id, row.row);
      if (row.entry !== null) this.#columns.set(row.row, JSON.parse(row.entry) as PublishedEntry);
      else this.#columns.clear(row.row);
    }
    for (const { word } of this.#prepare("select word from word").iterate() as Iterable<{ word: string }>) this.#words.add(word);
  }

  /** Several changes as one. */
  batch(changes: () => void): void {
    this.#db.exec("begin immediate");
    try {
      changes();
      this.#db.exec("commit");
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec("rollback");
      throw error;
    } finally {
      this.#keptScores.clear();
      this.#keptCounts.clear();
    }
  }

  meta(name: string): string | undefined {
    return this.#get("select value from meta where name = $name", { name })?.value as string | undefined;
  }
  setMeta(name: string, value: string): void {
    this.#run("insert into meta (name, value) values ($name, $value) on conflict (name) do update set value = excluded.value", {
      name,
      value,
    });
  }

  /** Inside of a batch. */
  put(entry: IndexEntry): void {
    const known = this.#rows.get(entry.id);
    const old =
      known === undefined
        ? undefined
        : this.#get("select version, entry, texts_hash from product where row = $row", { row: known });
    if (old !== undefined && (old.version as number) > entry.version) return;
    const row = known ?? this.#freeRows.pop() ?? Math.max(this.#columns.size, 1);
    const texts = entry.published ? textsOf(entry) : undefined;
    const hash = texts && createHash("sha1").update(JSON.stringify(texts)).digest("base64url");
    const kept = entry.published ? JSON.stringify({ ...entry, description: "", categoryNames: [] }) : null;
    if (old !== undefined && old.version === entry.version && old.texts_hash === (hash ?? null) && old.entry === kept) return;
    this.#run(
      `insert into product (row, id, version, entry, texts_hash) values ($row, $id, $version, $kept, $hash)
       on conflict (row) do update set version = excluded.version, entry = excluded.entry, texts_hash = excluded.texts_hash`,
      { row, id: entry.id, version: entry.version, kept, hash: hash ?? null },
    );
    if (old?.texts_hash !== (hash ?? null) || old === undefined) {
      if (typeof old?.texts_hash === "string") this.#run("delete from product_text where rowid = $row", { row });
      if (texts !== undefined) this.#putTexts(row, texts);
    }
    this.#rows.set(entry.id, row);
    if (entry.published) this.#columns.set(row, entry);
    else this.#columns.clear(row);
  }

  #putTexts(row: number, texts: ReturnType<typeof textsOf>): void {
    this.#run(
      `insert into product_text (rowid, name, brand, sku, category, attributes, description, whole_sku)
       values ($row, $name, $brand, $sku, $category, $attributes, $description, $whole_sku)`,
      { row, ...texts },
    );
    for (const field of fields) {
      if (field === "sku") continue;
      for (const word of texts[field].split(" ")) {
        if (this.#words.has(word) || editsAllowed(word) === 0) continue;
        this.#words.add(word);
        this.#run("insert or ignore into word (word) values ($word)", { word });
      }
    }
  }

  /** Inside of a batch. */
  remove(productId: string): void {
    const row = this.#rows.get(productId);
    if (row === undefined) return;
    this.#run("delete from product_text where rowid = $row", { row });
    this.#run("delete from product where row = $row", { row });
    this.#rows.delete(productId);
    this.#columns.clear(row);
    this.#freeRows.push(row);
  }

  versionOf(productId: string): number | undefined {
    return this.#get("select version from product where id = $id", { id: productId })?.version as number | undefined;
  }

  versionsAfter(productId: string, limit: number): { id: string; version: number }[] {
    const rows = this.#all("select id, version from product where id > $id order by id limit $limit", { id: productId, limit });
    return rows.map(({ id, version }) => ({ id: id as string, version: version as number }));
  }

  search(query: SearchQuery): Hits {
    const { text = "", limit } = query;
    const searched = text.trim() !== "";
    const words = searched ? wordsTyped(text) : [];
    if (searched && words.length === 0) return NOTHING;
    let scored = searched ? this.#keptScores.get(["words", words], () => this.#score(words, fields, false)) : undefined;
    let alike = false;
    // On further pages the first one has decided it: a product that comes meanwhile must not change the list.
    if (scored !== undefined && (query.after?.alike ?? scored.rows.length === 0)) {
      scored = this.#keptScores.get(["alike", words], () => this.#score(words, fields, true));
      alike = true;
    }
    const found = scored;
    const sort = query.sort === "relevance" && !searched ? "newest" : query.sort;
    const { categories, brands, attributes, minPrice, maxPrice, available } = query;
    const filters = [categories, brands, attributes, minPrice, maxPrice, available];
    const counts = this.#keptCounts.get([words, alike, filters], () => this.#columns.count(query, found));
    const rows = this.#columns.page(query, sort, found, limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      ...counts,
      alike: alike && counts.total > 0,
      productIds: page.map((row) => this.#columns.ids[row] as string),
      next: rows.length > limit && last !== undefined ? { alike, values: this.#columns.valuesOf(last, sort, found) } : undefined,
    };
  }

  suggest(text: string, limit: number): Suggested {
    const words = wordsTyped(text);
    if (words.length === 0) return { productIds: [], brands: [] };
    let scored = this.#keptScores.get(["suggested", words], () => this.#score(words, SUGGESTED_FIELDS, false));
    if (scored.rows.length === 0)
      scored = this.#keptScores.get(["suggested alike", words], () => this.#score(words, SUGGESTED_FIELDS, true));
    const rows = this.#columns.page({ sort: "relevance", limit }, "relevance", scored, limit);
    const branded = this.#keptScores.get(["brands", words], () => this.#score(words, ["brand"], false));
    const { brands } = this.#columns.count({ sort: "relevance", limit }, branded).facets;
    return {
      productIds: rows.map((row) => this.#columns.ids[row] as string),
      brands: brands
        .sort((a, b) => b.count - a.count || (folded(a.value) < folded(b.value) ? -1 : 1))
        .slice(0, limit)
        .map(({ value }) => value),
    };
  }

  brands(): Counted[] {
    const all = { sort: "newest", limit: 1 } as const;
    const noFilters = [undefined, undefined, undefined, undefined, undefined, undefined];
    return this.#keptCounts.get([[], false, noFilters], () => this.#columns.count(all, undefined)).facets.brands;
  }

  related(query: RelatedQuery): string[] {
    return this.#columns.related(query);
  }

  /** The rows that have all the words, and what each is worth. */
  #score(words: readonly string[], among: readonly Field[], forgiving: boolean): Scores {
    const size = this.#columns.size;
    const scores = new Uint32Array(size);
    /** How many of the words a row has, as long as it has had all. */
    const had = new Uint8Array(size);
    const terms = words.map(
      (word, index): Term => ({ word, isLast: index === words.length - 1, alike: forgiving ? this.#alike(word) : [] }),
    );
    terms.forEach((term, index) => {
      for (const { worth, rows } of this.#matches(term, among)) {
        for (const row of rows) {
          if (had[row] !== index) continue;
          had[row] = index + 1;
          scores[row] = (scores[row] as number) + worth;
        }
      }
    });
    const name = words.join(" ");
    const rows: number[] = [];
    for (let row = 0; row < size; row++) {
      if (had[row] !== words.length) scores[row] = 0;
      else {
        if (this.#columns.ids[row] === undefined) continue;
        if (this.#columns.nameKey(row) === name) scores[row] = (scores[row] as number) + WHOLE_NAME;
        rows.push(row);
      }
    }
    if (among.includes("sku")) {
      for (const row of this.#rowsOf(`{whole_sku} : "${words.join("")}"`)) {
        if (scores[row] === 0) rows.push(row);
        scores[row] = (scores[row] as number) + WHOLE_SKU;
      }
    }
    return { scores, rows: Uint32Array.from(rows) };
  }

  /** The rows of a word, those first where it is worth most. */
  #matches({ word, isLast, alike }: Term, among: readonly Field[]): { worth: number; rows: readonly number[] }[] {
    const ways = among.flatMap((field) => [
      { worth: FIELDS[field] * MATCH.word, match: `{${field}} : "${word}"` },
      ...(isLast ? [{ worth: FIELDS[field] * MATCH.beginning, match: `{${field}} : "${word}" *` }] : []),
      ...(alike.length > 0 && field !== "sku"
        ? [{ worth: FIELDS[field] * MATCH.alike, match: `{${field}} : (${alike.map((one) => `"${one}"`).join(" OR ")})` }]
        : []),
    ]);
    return ways.sort((a, b) => b.worth - a.worth).map(({ worth, match }) => ({ worth, rows: this.#rowsOf(match) }));
  }

  /** As one text: many times faster than a row for each. */
  #rowsOf(match: string): readonly number[] {
    try {
      const found = this.#get("select json_group_array(rowid) as rows from product_text where product_text match $match", {
        match,
      });
      return JSON.parse(found?.rows as string) as number[];
    } catch (error) {
      // Letters that are younger than the tokenizer separate words for it: it has no such word.
      if (/phrase queries are not supported/.test(String(error))) return [];
      throw error;
    }
  }

  /** Words of the catalogue that differ from this one by a slip or two, the nearest first. */
  #alike(word: string): string[] {
    const most = editsAllowed(word);
    if (most === 0) return [];
    const found: { known: string; edits: number }[] = [];
    for (const known of this.#words) {
      // People seldom miss the first letter, and it leaves a twentieth of the words to be compared.
      if (known.charCodeAt(0) !== word.charCodeAt(0) || Math.abs(known.length - word.length) > most) continue;
      const edits = editsBetween(known, word, most);
      if (edits !== undefined && edits > 0) found.push({ known, edits });
    }
    return found
      .sort((a, b) => a.edits - b.edits || (a.known < b.known ? -1 : 1))
      .slice(0, MAX_ALIKE)
      .map(({ known }) => known);
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
  #all(sql: string, parameters: Parameters) {
    return this.#prepare(sql).all(parameters);
  }
  #get(sql: string, parameters: Parameters) {
    return this.#prepare(sql).get(parameters);
  }
  #run(sql: string, parameters: Parameters) {
    return this.#prepare(sql).run(parameters);
  }
}

/** What was asked for last. */
class Kept<T> {
  readonly #values = new Map<string, T>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: readonly unknown[], make: () => T): T {
    const text = JSON.stringify(key);
    const value = this.#values.get(text) ?? make();
    this.#values.delete(text);
    this.#values.set(text, value);
    if (this.#values.size > this.#most) this.#values.delete(this.#values.keys().next().value as string);
    return value;
  }
  clear(): void {
    this.#values.clear();
  }
}
