import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import type { SqliteDatabase, SqliteStatement } from "kysely";

type Row = Record<string, unknown>;
type Converter = (value: unknown) => unknown;

/** SQLite has neither jsonb nor boolean: the declared type of the result's column says what was meant, so that rows look as
 *  they do from PostgreSQL. */
const converters: Record<string, Converter> = {
  jsonb: (value) => JSON.parse(value as string),
  boolean: (value) => value === 1,
};

const toSqlite = (value: unknown): SQLInputValue => {
  if (value === undefined) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (value instanceof Date) return value.toISOString();
  return value as SQLInputValue;
};

class Statement implements SqliteStatement {
  readonly #statement: StatementSync;
  readonly #conversions: [column: string, convert: Converter][];
  readonly reader: boolean;

  constructor(statement: StatementSync) {
    this.#statement = statement;
    const columns = statement.columns();
    this.reader = columns.length > 0;
    this.#conversions = columns.flatMap(({ name, type }) => {
      const convert = converters[type?.toLowerCase() ?? ""];
      return convert ? [[name, convert] as [string, Converter]] : [];
    });
  }

  all(parameters: readonly unknown[]): unknown[] {
    const rows = this.#statement.all(...parameters.map(toSqlite)) as Row[];
    if (this.#conversions.length > 0) for (const row of rows) this.#convert(row);
    return rows;
  }

  run(parameters: readonly unknown[]) {
    return this.#statement.run(...parameters.map(toSqlite));
  }

  *iterate(parameters: readonly unknown[]): IterableIterator<unknown> {
    for (const row of this.#statement.iterate(...parameters.map(toSqlite)) as IterableIterator<Row>) {
      this.#convert(row);
      yield row;
    }
  }

  #convert(row: Row): void {
    for (const [column, convert] of this.#conversions) {
      const value = row[column];
      if (value !== null && value !== undefined) row[column] = convert(value);
    }
  }
}

/** What there is to do when SQLite has rolled back by itself, as it does on a full disk. An error here would hide that one. */
const nothing: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  *iterate() {},
};

/** Enough for every query shape of a service; a shape with a varying number of placeholders could otherwise grow the cache without end. */
const MAX_CACHED_STATEMENTS = 300;

/** For another connection's lock. Writers are one; `verify`, backups and a recovery come beside it. */
const BUSY_TIMEOUT_MS = 5_000;

/** Node's SQLite in the shape that Kysely's SqliteDialect asks for. Statements are prepared once. */
export class SqliteConnection implements SqliteDatabase {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, Statement>();
  readonly #begin: string;

  constructor(path: string | URL, { readOnly = false } = {}) {
    // A deferred transaction that reads and then writes fails at once with SQLITE_BUSY when another process writes between.
    this.#begin = readOnly ? "begin" : "begin immediate";
    // From the first statement on: after a kill -9, whoever opens the file first recovers it, and a reader may be that one.
    this.#db = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT_MS });
    if (readOnly) return;
    // FULL: a commit that was answered survives a power cut. WAL: `verify` and backups can read while the shop runs.
    this.#db.exec("pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; pragma cache_size = -4000");
  }

  prepare(sql: string): SqliteStatement {
    if (sql === "rollback" && !this.#db.isTransaction) return nothing;
    const text = sql === "begin" ? this.#begin : sql;
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = new Statement(this.#db.prepare(text));
      if (this.#statements.size >= MAX_CACHED_STATEMENTS) this.#statements.delete(this.#statements.keys().next().value as string);
      this.#statements.set(text, statement);
    }
    return statement;
  }

  close(): void {
    this.#statements.clear();
    if (this.#db.isOpen) this.#db.close();
  }
}
