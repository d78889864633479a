import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { Product, Sort } from "@molecart/mixins/contracts/products.ts";
import type { Counted, Hits, IndexQuery, Position, ProductIndex } from "./product-index.ts";
import { folded, matchExpression } from "./words.ts";

/** The texts themselves are not kept (`content = ''`): hits are read from the store. Prefixes of two and three letters have an
 *  index of their own, for the search while typing. */
const SCHEMA = `
  create table product (
    row integer primary key,
    id text not null unique,
    version integer not null,
    category text not null,
    brand text not null,
    brand_key text not null,
    name_key text not null,
    price integer not null,
    created_at text not null
  );
  create virtual table product_text using fts5(
    name, brand, category, attributes, sku, description,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
  );`;

/** What a hit in each column of product_text is worth. */
const WEIGHTS = "10, 6, 4, 3, 6, 1";

/** Rounded, so that the same hit has the same position on every node. The better, the smaller. */
const SCORE = `cast(round(bm25(product_text, ${WEIGHTS}) * 1000000) as integer)`;

const PRICE = "($minPrice is null or price >= $minPrice) and ($maxPrice is null or price <= $maxPrice)";
const CATEGORY = "($categories is null or category in (select value from json_each($categories)))";
const BRAND = "($brand is null or brand_key = $brand)";

/** What matches text and price; the facets leave out one of the other filters each. */
const BASE = {
  browse: `select *, 0 as score from product where ${PRICE}`,
  text: `select product.*, ${SCORE} as score from product_text join product on row = product_text.rowid
         where product_text match $match and ${PRICE}`,
};

const ORDER: Record<Sort, { key: string; descending?: true }> = {
  relevance: { key: "score" },
  price: { key: "price" },
  "-price": { key: "price", descending: true },
  name: { key: "name_key" },
  "-name": { key: "name_key", descending: true },
  newest: { key: "created_at", descending: true },
};

const pageSql = (base: string, { key, descending }: { key: string; descending?: true }): string => `
  select id, ${key} as key from (${base})
  where ${CATEGORY} and ${BRAND}
    and ($afterId is null or ${key} ${descending ? "<" : ">"} $afterKey or (${key} = $afterKey and id > $afterId))
  order by key ${descending ? "desc" : "asc"}, id
  limit $limit`;

const countsSql = (base: string): string => `
  with base as materialized (${base})
  select 'total' as facet, '' as value, count(*) as count from base where ${CATEGORY} and ${BRAND}
  union all
  select 'category', category, count(*) from base where ${BRAND} group by category
  union all
  select 'brand', brand, count(*) from base where ${CATEGORY} group by brand`;

const RELATED = `
  select id from product where id <> $id
  order by category = $category desc, category in (select value from json_each($family)) desc,
    brand_key = $brand desc, abs(price - $price), id
  limit $limit`;

type Counts = Pick<Hits, "total" | "categories" | "brands">;
type Parameters = Record<string, SQLInputValue>;

/** Counts do not depend on the page and are asked for again with each: kept until the index changes. */
const MAX_KEPT_COUNTS = 200;

const NOTHING: Hits = { productIds: [], next: undefined, total: 0, categories: [], brands: [] };

/** A full-text index in the memory of this process. */
export class SqliteIndex implements ProductIndex {
  readonly #db = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();
  readonly #counts = new Map<string, Counts>();

  constructor() {
    this.#db.exec(SCHEMA);
  }

  put(product: Product, categoryNames: readonly string[]): void {
    const { id, version, category, brand, name, description, price, createdAt, variants } = product;
    const indexed = this.versionOf(id);
    if (indexed !== undefined && indexed >= version) return;
    this.remove(id);
    this.#counts.clear();
    const { lastInsertRowid: row } = this.#run(
      `insert into product (id, version, category, brand, brand_key, name_key, price, created_at)
       values ($id, $version, $category, $brand, $brandKey, $nameKey, $price, $createdAt)`,
      { id, version, category, brand, brandKey: folded(brand), nameKey: folded(name), price: price.amount, createdAt },
    );
    this.#run(
      `insert into product_text (rowid, name, brand, category, attributes, sku, description)
       values ($row, $name, $brand, $category, $attributes, $sku, $description)`,
      {
        row,
        name,
        brand,
        category: categoryNames.join(" "),
        attributes: variants.flatMap(({ attributes }) => Object.entries(attributes).flat()).join(" "),
        sku: variants.map(({ sku }) => sku).join(" "),
        description,
      },
    );
  }

  remove(productId: string): void {
    const found = this.#get("select row from product where id = $id", { id: productId });
    if (found === undefined) return;
    this.#counts.clear();
    const row = found.row as number;
    this.#run("delete from product_text where rowid = $row", { row });
    this.#run("delete from product where row = $row", { row });
  }

  versionOf(productId: string): number | undefined {
    return this.#get("select version from product where id = $id", { id: productId })?.version as number | undefined;
  }

  batch(changes: () => void): void {
    this.#db.exec("begin");
    try {
      changes();
      this.#db.exec("commit");
    } catch (error) {
      this.#db.exec("rollback");
      throw error;
    }
  }

  search({ text = "", categories, brand, minPrice, maxPrice, sort, limit, after }: IndexQuery): Hits {
    const searched = text.trim() !== "";
    const match = searched ? matchExpression(text) : undefined;
    if (searched && match === undefined) return NOTHING;
    const base = match === undefined ? BASE.browse : BASE.text;
    const order = ORDER[sort === "relevance" && match === undefined ? "newest" : sort];
    const filters = {
      ...(match !== undefined && { match }),
      categories: categories === undefined ? null : JSON.stringify(categories),
      brand: brand === undefined ? null : folded(brand),
      minPrice: minPrice ?? null,
      maxPrice: maxPrice ?? null,
    };
    const [afterKey = null, afterId = null] = after ?? [];
    const rows = this.#all(pageSql(base, order), { ...filters, afterKey, afterId, limit: limit + 1 });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      ...this.#countsOf(base, filters),
      productIds: page.map(({ id }) => id as string),
      next: rows.length > limit && last !== undefined ? ([last.key, last.id] as unknown as Position) : undefined,
    };
  }

  #countsOf(base: string, filters: Parameters): Counts {
    const key = JSON.stringify(filters);
    const kept = this.#counts.get(key);
    if (kept !== undefined) return kept;
    const rows = this.#all(countsSql(base), filters) as unknown as (Counted & { facet: string })[];
    const facet = (name: string) => rows.filter((row) => row.facet === name).map(({ value, count }) => ({ value, count }));
    const counts = { total: facet("total")[0]?.count ?? 0, categories: facet("category"), brands: facet("brand") };
    if (this.#counts.size >= MAX_KEPT_COUNTS) this.#counts.clear();
    this.#counts.set(key, counts);
    return counts;
  }

  related({ id, category, brand, price }: Product, family: readonly string[], limit: number): string[] {
    const parameters = { id, category, family: JSON.stringify(family), brand: folded(brand), price: price.amount, limit };
    return this.#all(RELATED, parameters).map((row) => row.id as string);
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
