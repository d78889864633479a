import { access } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { Kysely, SqliteDialect } from "kysely";
import { openDatabase } from "../database/database.ts";
import { SqliteConnection } from "../database/sqlite-connection.ts";
import type { Identified } from "../document-store/collection.ts";
import { openMongo } from "../document-store/open-mongo.ts";
import { type Environment, type EnvironmentReader, MONGO, POSTGRES, readEnvironment } from "../lib/config.ts";
import { MolecartError, messageOf } from "../lib/errors.ts";
import { readNedbLog } from "./nedb-log.ts";

/** A store that cannot be read proves nothing: the verification ends here, and says which one. */
export class StoreUnreadable extends MolecartError {
  readonly retryable = false;
  constructor(store: string, cause: unknown) {
    // An outage says what is away; its cause says why.
    const reason = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause;
    super("STORE_UNREADABLE", 500, `${store} cannot be read: ${messageOf(reason)}`, { store }, { cause });
  }
}

/** Opens the services' stores for reading, wherever their settings say that they are: as the store mixins do, but without owning
 *  an embedded store, and without waiting for a served one. */
export interface StoreReader {
  readonly env: Environment;
  readonly read: EnvironmentReader;
  /** Runs `run` on one unchanging view of a service's SQL store, whatever is written meanwhile. */
  sql<DB, T>(name: string, run: (db: Kysely<DB>) => Promise<T>): Promise<T>;
  /** All documents of a service's collections, each turned into its fact at once. The first collection is that which the
   *  service's file is named for. */
  documents<F>(name: string, collections: { [K in keyof F]: (document: never) => F[K] }): Promise<{ [K in keyof F]: F[K][] }>;
  redis<T>(name: string, url: string, run: (redis: Redis) => Promise<T>): Promise<T>;
}

const CONNECT_TIMEOUT_MS = 5_000;

const named = async <T>(store: string, run: () => Promise<T>): Promise<T> => {
  try {
    return await run();
  } catch (error) {
    throw error instanceof StoreUnreadable ? error : new StoreUnreadable(store, error);
  }
};

const withoutSecrets = (url: string): string => url.replace(/\/\/[^@/]*@/, "//");

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** Read-only, in SQLite's own sense: it takes no lock that a writer waits for, and sees what was committed when it began.
 *
 *  A store that was closed in good order has no write-ahead log, and a reader would make one, in its own name; the owner, who may
 *  be another user, would find a file that he cannot write. It is read as a file that does not change, and once more if an owner
 *  has come meanwhile. */
const readSqlite = async <DB, T>(file: string, run: (db: Kysely<DB>) => Promise<T>): Promise<T> => {
  await access(file);
  const log = `${file}-wal`;
  if (await exists(log)) return readConnected(new SqliteConnection(file, { readOnly: true }), run);
  const unchanging = pathToFileURL(file);
  unchanging.searchParams.set("immutable", "1");
  const outcome = await readConnected(new SqliteConnection(unchanging, { readOnly: true }), run).then(
    (facts) => ({ facts }),
    (error: unknown) => ({ error }),
  );
  if (await exists(log)) return readConnected(new SqliteConnection(file, { readOnly: true }), run);
  if ("error" in outcome) throw outcome.error;
  return outcome.facts;
};

const readConnected = async <DB, T>(database: SqliteConnection, run: (db: Kysely<DB>) => Promise<T>): Promise<T> => {
  const db = new Kysely<DB>({ dialect: new SqliteDialect({ database }) });
  try {
    return await db.transaction().execute(run);
  } finally {
    await db.destroy();
  }
};

const readPostgres = async <DB, T>(name: string, url: string, run: (db: Kysely<DB>) => Promise<T>): Promise<T> => {
  const database = openDatabase<DB>({ name, url, file: "", poolSize: 1 });
  try {
    await database.ping();
    return await database.db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute(run);
  } finally {
    await database.close();
  }
};

type ToFact = (document: Identified) => unknown;

const readMongo = async (name: string, url: string, collections: readonly [string, ToFact][]): Promise<unknown[][]> => {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const owner = { broker: {}, schema: { collection: collections[0]?.[0] }, logger: log };
  const store = await openMongo({ name, url, collections: Object.fromEntries(collections.map(([one]) => [one, []])), owner });
  try {
    return await Promise.all(collections.map(async ([one, toFact]) => (await store.collection(one).find()).map(toFact)));
  } finally {
    await store.close();
  }
};

const readRedis = async <T>(url: string, run: (redis: Redis) => Promise<T>): Promise<T> => {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // The command that fails tells it.
  let lastError: unknown;
  redis.on("error", (error) => {
    lastError = error;
  });
  try {
    await redis.connect();
    return await run(redis);
  } catch (error) {
    throw lastError ?? error;
  } finally {
    redis.disconnect();
  }
};

export const storeReader = (env: Environment): StoreReader => {
  const read = readEnvironment(env);
  return {
    env,
    read,
    sql: (name, run) => {
      const url = read.url(`${name.toUpperCase()}_DATABASE_URL`, POSTGRES);
      const file = `${read.dataDir}/${name}.db`;
      return url === undefined
        ? named(`The store of ${name} (${file})`, () => readSqlite(file, run))
        : named(`The store of ${name} (${withoutSecrets(url)})`, () => readPostgres(name, url, run));
    },
    documents: async <F>(name: string, collections: { [K in keyof F]: (document: never) => F[K] }) => {
      const wanted = Object.entries(collections) as [string, ToFact][];
      const url = read.url(`${name.toUpperCase()}_MONGO_URL`, MONGO);
      const fileOf = (one: string, index: number) => `${read.dataDir}/${index === 0 ? name : one}.nedb`;
      const found =
        url === undefined
          ? await Promise.all(
              wanted.map(([one, toFact], index) =>
                named(`The store of ${name} (${fileOf(one, index)})`, () => readNedbLog(fileOf(one, index), toFact)),
              ),
            )
          : await named(`The store of ${name} (${withoutSecrets(url)})`, () => readMongo(name, url, wanted));
      return Object.fromEntries(wanted.map(([one], index) => [one, found[index]])) as { [K in keyof F]: F[K][] };
    },
    redis: (name, url, run) => named(`The store of ${name} (${withoutSecrets(url)})`, () => readRedis(url, run)),
  };
};

/** Fetches a large table page by page, each row turned into its fact at once. */
export const inPages = async <R, F>(
  fetch: (after: R | undefined, limit: number) => Promise<R[]>,
  toFact: (row: R) => F,
): Promise<F[]> => {
  const facts: F[] = [];
  let last: R | undefined;
  for (;;) {
    const rows = await fetch(last, PAGE);
    for (const row of rows) facts.push(toFact(row));
    if (rows.length < PAGE) return facts;
    last = rows.at(-1);
  }
};

/** At one kilobyte a row, five megabytes in hand at a time. */
const PAGE = 5_000;
