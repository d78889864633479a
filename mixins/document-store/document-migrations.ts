import { readdir } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { SchemaNewerThanProgram } from "../database/migrate.ts";
import { isoTime } from "../lib/clock.ts";
import { Unavailable } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import { type Collection, DuplicateKey, type Identified, type IndexOptions } from "./collection.ts";

/** The store as a migration sees it, before the program's indexes are made. Collections go by the names of `also`; the service's
 *  own documents by `collection`. */
export interface MigrationStore {
  collection<D extends Identified>(name: string): Collection<D>;
  /** Nothing happens where there is none. An index that the program declares is made again afterwards. */
  dropIndex(name: string, fields: IndexOptions["fields"]): Promise<void>;
}

/** A migration's `up`. Document stores have no transaction over several documents: it must be one that a second run on top of a
 *  half of the first completes, because a broker may die in it. Field by field, with a query that finds only what is left. */
export type DocumentUp = (store: MigrationStore) => Promise<void>;

/** One for each migration that has been run, and one for the broker that is running them. */
export interface SchemaDocument extends Identified {
  appliedAt?: string;
  holder?: string | null;
  /** Milliseconds since the epoch. */
  leaseEnd?: number;
}

interface Migration {
  name: string;
  up: DocumentUp;
}

const LOCK = "lock";
/** Longer than a pause of the process and than the clocks of two machines differ. */
const LEASE_MS = 60_000;
const RENEW_EVERY_MS = 15_000;
const WAIT_MS = 200;
/** A broker that waits longer for another one's migration gives up its start, and is started again by whoever runs it. */
const WAIT_AT_MOST_MS = 10 * 60_000;

const migrationsIn = async (folder: URL): Promise<Migration[]> => {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".ts")).sort();
  return Promise.all(
    files.map(async (file) => {
      const { up } = (await import(new URL(file, folder).href)) as { up: DocumentUp };
      return { name: file.replace(/\.ts$/, ""), up };
    }),
  );
};

const appliedIn = async (book: Collection<SchemaDocument>): Promise<string[]> =>
  (await book.find({ query: { _id: { $ne: LOCK } } })).map(({ _id }) => _id);

/** Brings the documents up to the program's schema. Brokers that start together are safe: one of them holds a lease while it
 *  migrates, and the others wait for it. A store that a newer program has migrated is refused by the name of the migration. */
export const migrateDocuments = async (
  store: MigrationStore,
  { name, folder, book }: { name: string; folder: URL; book: Collection<SchemaDocument> },
): Promise<void> => {
  const migrations = await migrationsIn(folder);
  const missing = async (): Promise<Migration[]> => {
    const applied = await appliedIn(book);
    const unknown = applied.find((one) => !migrations.some((migration) => migration.name === one));
    if (unknown !== undefined) throw new SchemaNewerThanProgram(name, unknown);
    return migrations.filter((migration) => !applied.includes(migration.name));
  };
  if ((await missing()).length === 0) return;
  const holder = newId();
  const deadline = Date.now() + WAIT_AT_MOST_MS;
  while (!(await take(book, holder))) {
    if ((await missing()).length === 0) return;
    if (Date.now() > deadline) throw new Unavailable(`the schema of ${name}, which another broker migrates,`);
    await sleep(WAIT_MS);
  }
  const lease = new AbortController();
  const renewing = setInterval(() => {
    // Lost, or not to be renewed: the migration that runs is repeatable, and the next one is not begun.
    renew(book, holder).then(
      (held) => held || lease.abort(),
      () => lease.abort(),
    );
  }, RENEW_EVERY_MS);
  try {
    for (const { name: migration, up } of await missing()) {
      if (lease.signal.aborted) throw new Unavailable(`the lease on the schema of ${name}`);
      await up(store);
      await book.insert({ _id: migration, appliedAt: isoTime(Date.now()) });
    }
  } finally {
    clearInterval(renewing);
    await book.updateOne({ _id: LOCK, holder }, { $set: { holder: null, leaseEnd: 0 } });
  }
};

const take = async (book: Collection<SchemaDocument>, holder: string): Promise<boolean> => {
  const now = Date.now();
  const held = { holder, leaseEnd: now + LEASE_MS };
  if ((await book.updateOne({ _id: LOCK, leaseEnd: { $lt: now } }, { $set: held })) !== undefined) return true;
  try {
    await book.insert({ _id: LOCK, ...held });
    return true;
  } catch (error) {
    if (error instanceof DuplicateKey) return false;
    throw error;
  }
};

const renew = async (book: Collection<SchemaDocument>, holder: string): Promise<boolean> =>
  (await book.updateOne({ _id: LOCK, holder }, { $set: { leaseEnd: Date.now() + LEASE_MS } })) !== undefined;
