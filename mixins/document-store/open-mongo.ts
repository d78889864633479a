import { Unavailable } from "../lib/errors.ts";
import type { Collection, DocumentStore, Identified, IndexOptions } from "./collection.ts";
import type { MigrationStore } from "./document-migrations.ts";
import { asStoreError, type DriverCollection, MongoCollection } from "./mongo-collection.ts";

export interface MongoOptions {
  /** The service's name; its database, unless the URL names one. */
  name: string;
  url: string;
  collections: Readonly<Record<string, readonly IndexOptions[]>>;
  /** Migrates the documents, before the indexes that they must agree with are made. */
  prepare?(store: MigrationStore): Promise<void>;
  /** The service: moleculer-db's adapter wants to know its owner, and logs through it. */
  owner: { broker: unknown; logger: { error(message: string, detail: object): void } };
}

interface MongoAdapter {
  db: { collection(name: string): DriverCollection; command(command: object): Promise<unknown> };
  init(broker: unknown, service: unknown): void;
  connect(): Promise<void>;
  client?: { close(): Promise<void> };
}
type MongoAdapterClass = new (url: string, options: object, database: string) => MongoAdapter;

const OPTIONS = {
  useNewUrlParser: true,
  useUnifiedTopology: true,
  poolSize: 10,
  // A caller is told after this time that there is no server; the driver's own is 30 seconds.
  serverSelectionTimeoutMS: 3_000,
  connectTimeoutMS: 3_000,
  // A server that holds the connection and says nothing: longer than any query of ours and than the write concern's own time,
  // and short enough that a shutdown (15 s) does not wait in vain.
  socketTimeoutMS: 6_000,
  // For one of the connections when all are in use, as they are with such a server. The driver's own is for ever.
  waitQueueTimeoutMS: 3_000,
  // What was answered as stored survives the loss of the primary.
  writeConcern: { w: "majority", j: true, wtimeout: 5_000 },
  ignoreUndefined: true,
};

const databaseOf = (url: string): string | undefined => /^[^:]+:\/\/[^/]+\/([^?]+)/.exec(url)?.[1];

/** Connects and makes the indexes. Rejects with `Unavailable` when there is no server yet. */
export const openMongo = async ({
  name,
  url,
  collections,
  prepare,
  owner,
}: MongoOptions): Promise<DocumentStore & { adapterOf(): unknown }> => {
  // Loaded only where it is used: the driver takes 20 MB of memory.
  const { default: Adapter } = (await import("moleculer-db-adapter-mongo")) as unknown as { default: MongoAdapterClass };
  const adapter = new Adapter(url, OPTIONS, databaseOf(url) ?? name);
  adapter.init(owner.broker, owner);
  const opened = new Map<string, MongoCollection<Identified>>();
  try {
    await adapter.connect();
    for (const [collection, indexes] of Object.entries(collections))
      opened.set(
        collection,
        new MongoCollection<Identified>(collection, adapter.db.collection(collection), indexes, owner.logger),
      );
    await prepare?.({
      collection: <D extends Identified>(one: string) => opened.get(one) as unknown as Collection<D>,
      dropIndex: async (one, fields) => opened.get(one)?.dropIndex(fields),
    });
    for (const one of opened.values()) await one.ensureIndexes();
  } catch (error) {
    await adapter.client?.close();
    // Of anything else, such as an index that the documents do not allow, MongoDB's own words say most.
    const named = asStoreError(name, error);
    throw named instanceof Unavailable ? named : error;
  }
  return {
    kind: "mongo",
    collection: <D extends Identified>(collection: string) => opened.get(collection) as unknown as Collection<D>,
    adapterOf: () => adapter,
    ping: async () => {
      try {
        await adapter.db.command({ ping: 1 });
      } catch (error) {
        throw asStoreError(name, error);
      }
    },
    close: async () => {
      await adapter.client?.close();
    },
  };
};
