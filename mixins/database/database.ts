import { mkdirSync } from "node:fs";
import { Socket } from "node:net";
import { dirname } from "node:path";
import { Kysely, PostgresDialect, SqliteAdapter, SqliteDialect, sql, type Transaction } from "kysely";
import pg from "pg";
import { delayMs } from "../lib/backoff.ts";
import { asDatabaseError, isRetryableConflict } from "./database-errors.ts";
import { SqliteConnection } from "./sqlite-connection.ts";
import { lockStore } from "./store-lock.ts";

export type DatabaseKind = "sqlite" | "postgres";

/** A service's own SQL store: SQLite file or PostgreSQL database behind one query language. */
export interface Database<DB> {
  readonly kind: DatabaseKind;
  /** For reads and single statements. Never inside `transaction`: SQLite has one connection, which the transaction holds. */
  readonly db: Kysely<DB>;
  /** All or nothing. Runs again (at most five times) when PostgreSQL reports a deadlock or a serialization failure, so `work` must have no
   *  effect outside the database. An outage is thrown as `Unavailable`. */
  transaction<T>(work: (trx: Transaction<DB>) => Promise<T>): Promise<T>;
  /** For changes of the schema, which may take long: on PostgreSQL a connection of its own without the limits of the others. */
  forMigrations<T>(work: (db: Kysely<DB>) => Promise<T>): Promise<T>;
  /** Rejects with `Unavailable` when the store does not answer. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** For errors and logs, such as `orders`. */
  name: string;
  /** `postgres://…`; absent: embedded. */
  url?: string | undefined;
  /** The embedded store's file. */
  file: string;
  /** Connections of this broker to PostgreSQL. */
  poolSize: number;
}

const MAX_CONFLICT_RETRIES = 5;
const CONFLICT_BACKOFF = { firstMs: 10, maxMs: 200, factor: 2 };

const INT8 = 20;
const TIMESTAMPTZ = 1184;

const parsers: Record<number, (value: string) => unknown> = {
  [INT8]: (value) => {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new RangeError(`bigint ${value} is beyond what a number holds exactly`);
    return number;
  },
  [TIMESTAMPTZ]: (value) => new Date(value).toISOString(),
};

/** Longer than any statement may take (10 s): who is silent for this time is frozen or out of reach, and would be waited for
 *  until TCP gives up, after a quarter of an hour or never. */
const MAX_SILENCE_MS = 12_000;

const newSocket = (): Socket => {
  const socket = new Socket();
  return socket.setTimeout(MAX_SILENCE_MS, () => {
    socket.destroy(Object.assign(new Error(`PostgreSQL is silent for ${MAX_SILENCE_MS} ms`), { code: "ETIMEDOUT" }));
  });
};

/** No statement, lock or abandoned transaction outlives these, whatever becomes of the broker that began it. */
const LIMITS = {
  statement_timeout: 10_000,
  lock_timeout: 5_000,
  idle_in_transaction_session_timeout: 15_000,
  stream: newSocket,
};

/** A migration may rewrite a large table, and the brokers that start meanwhile wait for its end on the migrator's lock: both are
 *  silent for as long. The migrations themselves wait for locks no longer than everybody; see `migrate`. */
const MIGRATION_LIMITS = {
  statement_timeout: 6 * 3_600_000,
  lock_timeout: 0,
  idle_in_transaction_session_timeout: 60_000,
};

const openPostgres = (options: DatabaseOptions & { url: string }, limits: Partial<typeof LIMITS> = LIMITS) => {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize,
    application_name: `molecart-${options.name}`,
    connectionTimeoutMillis: 5_000,
    // Before its silence is taken for a failure.
    idleTimeoutMillis: 10_000,
    keepAlive: true,
    ...limits,
    types: {
      getTypeParser: (oid: number, format?: string) =>
        (format !== "binary" && parsers[oid]) || pg.types.getTypeParser(oid, format as "text"),
    } as never,
  });
  // An idle connection that the server closes must not end the process; the next query opens another.
  pool.on("error", () => {});
  // Nor must one that is lost between two statements of a transaction, when the pool does not listen to it; the next
  // statement is told.
  pool.on("connect", (client) => client.on("error", () => {}));
  return new PostgresDialect({ pool });
};

/** SQLite takes back a schema change like any other write. Kysely does not rely on it, and a process that is killed in the
 *  middle of a migration would leave half a schema, at which every later start fails. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}

class TransactionalSqliteDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalSqliteAdapter();
  }
}

/** Opens a store. Embedded, this broker becomes its owner; a second owner is refused with `StoreInUse`. */
export const openDatabase = <DB>(options: DatabaseOptions): Database<DB> => {
  const { url, file, name } = options;
  const kind: DatabaseKind = url === undefined ? "sqlite" : "postgres";
  let release = (): void => {};
  let db: Kysely<DB>;
  if (url === undefined) {
    mkdirSync(dirname(file), { recursive: true });
    release = lockStore(file).release;
    db = new Kysely<DB>({ dialect: new TransactionalSqliteDialect({ database: new SqliteConnection(file) }) });
  } else {
    db = new Kysely<DB>({ dialect: openPostgres({ ...options, url }) });
  }

  const transaction = async <T>(work: (trx: Transaction<DB>) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await db.transaction().execute(work);
      } catch (error) {
        if (!isRetryableConflict(error) || attempt > MAX_CONFLICT_RETRIES) throw asDatabaseError(name, error);
        await new Promise((resolve) => setTimeout(resolve, delayMs(CONFLICT_BACKOFF, attempt)));
      }
    }
  };

  return {
    kind,
    db,
    transaction,
    forMigrations: async (work) => {
      if (url === undefined) return work(db);
      const patient = new Kysely<DB>({ dialect: openPostgres({ ...options, url, poolSize: 1 }, MIGRATION_LIMITS) });
      try {
        return await work(patient);
      } finally {
        await patient.destroy();
      }
    },
    ping: async () => {
      try {
        await sql`select 1`.execute(db);
      } catch (error) {
        throw asDatabaseError(name, error);
      }
    },
    close: async () => {
      await db.destroy();
      release();
    },
  };
};
