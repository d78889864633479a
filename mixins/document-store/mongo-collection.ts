import { messageOf, Unavailable } from "../lib/errors.ts";
import {
  type Collection,
  DuplicateKey,
  type Filter,
  type FindOptions,
  type Identified,
  type IndexOptions,
  type Update,
} from "./collection.ts";

/** What is used of the driver's collection (mongodb 3.7, which the adapter brings). */
export interface DriverCollection {
  findOne(query: Filter): Promise<unknown>;
  find(query: Filter): DriverCursor;
  countDocuments(query: Filter): Promise<number>;
  insertOne(document: object): Promise<unknown>;
  insertMany(documents: object[]): Promise<unknown>;
  findOneAndUpdate(query: Filter, update: Update, options: { returnDocument: "after" }): Promise<{ value: unknown }>;
  updateMany(query: Filter, update: Update): Promise<{ matchedCount: number }>;
  deleteMany(query: Filter): Promise<{ deletedCount?: number }>;
  createIndex(fields: Record<string, 1>, options: { unique: boolean; sparse: boolean }): Promise<unknown>;
  dropIndex(name: string): Promise<unknown>;
}
interface DriverCursor {
  sort(fields: Record<string, 1 | -1>): DriverCursor;
  limit(limit: number): DriverCursor;
  toArray(): Promise<unknown[]>;
}

interface Log {
  error(message: string, detail: object): void;
}

const DUPLICATE_KEY = 11_000;
/** NamespaceNotFound, IndexNotFound. */
const NO_SUCH_INDEX = [26, 27];

/** Errors of the connection, and of a server that is starting, stopping, electing a primary, overloaded or full. */
const OUTAGE_NAMES = [
  "MongoNetworkError",
  "MongoNetworkTimeoutError",
  "MongoServerSelectionError",
  "MongoTimeoutError",
  "MongoWaitQueueTimeoutError",
  "MongoPoolClosedError",
  "MongoWriteConcernError",
];
const OUTAGE_CODES = [6, 7, 43, 50, 64, 89, 91, 133, 175, 189, 262, 365, 9001, 10058, 10107, 11600, 11602, 13435, 13436, 14031];
const CLOSED = /(topology|server|pool) (is |was )?(closed|destroyed)|must be connected/i;

const isOutage = (error: unknown): boolean => {
  const { name, code, message } = (error ?? {}) as { name?: string; code?: unknown; message?: string };
  return OUTAGE_NAMES.includes(name ?? "") || OUTAGE_CODES.includes(code as number) || CLOSED.test(message ?? "");
};

/** Names what the driver says in its own way: outages and duplicate keys. */
export const asStoreError = (name: string, error: unknown): unknown => {
  if ((error as { code?: unknown } | null)?.code === DUPLICATE_KEY) return new DuplicateKey(name, { cause: error });
  return isOutage(error) ? new Unavailable(`the MongoDB of ${name}`, { cause: error }) : error;
};

/** A MongoDB collection. Goes past the adapter where that would lose something: it takes 24 hexadecimal digits for an
 *  ObjectID, and has no conditional update. */
export class MongoCollection<D extends Identified> implements Collection<D> {
  readonly #name: string;
  readonly #driver: DriverCollection;
  readonly #indexes: readonly IndexOptions[];
  readonly #log: Log;
  /** Undefined after an outage: the server may have come back with another store, where keys are not unique yet. */
  #indexed: Promise<void> | undefined = Promise.resolve();

  constructor(name: string, driver: DriverCollection, indexes: readonly IndexOptions[], log: Log) {
    this.#name = name;
    this.#driver = driver;
    this.#indexes = indexes;
    this.#log = log;
  }

  /** Changes nothing where they are. */
  async ensureIndexes(): Promise<void> {
    for (const { fields, unique = false, sparse = false } of this.#indexes) {
      const keys = Object.fromEntries(fields.map((field) => [field, 1 as const]));
      await this.#driver.createIndex(keys, { unique, sparse });
    }
  }

  async dropIndex(fields: IndexOptions["fields"]): Promise<void> {
    await this.#ask(async () => {
      try {
        // As the server names an index that is made without a name.
        await this.#driver.dropIndex(fields.map((field) => `${field}_1`).join("_"));
      } catch (error) {
        if (!NO_SUCH_INDEX.includes((error as { code?: number }).code as number)) throw error;
      }
    });
  }

  async #indexAgain(): Promise<void> {
    try {
      await this.ensureIndexes();
    } catch (error) {
      if (isOutage(error)) throw error;
      // Another release may have made them otherwise: no reason to refuse what has worked so far.
      this.#log.error("The indexes could not be made", { collection: this.#name, error: messageOf(error) });
    }
  }

  get(id: string): Promise<D | undefined> {
    return this.findOne({ _id: id });
  }

  findOne(query: Filter): Promise<D | undefined> {
    return this.#ask(async () => ((await this.#driver.findOne(query)) ?? undefined) as D | undefined);
  }

  find({ query = {}, sort = [], limit = 0 }: FindOptions = {}): Promise<D[]> {
    const fields = Object.fromEntries(
      sort.map((field) => (field.startsWith("-") ? [field.slice(1), -1 as const] : [field, 1 as const])),
    );
    return this.#ask(() => this.#driver.find(query).sort(fields).limit(limit).toArray() as Promise<D[]>);
  }

  count(query: Filter = {}): Promise<number> {
    return this.#ask(() => this.#driver.countDocuments(query));
  }

  async insert(document: D): Promise<void> {
    await this.#ask(() => this.#driver.insertOne(document));
  }

  async insertMany(documents: readonly D[]): Promise<void> {
    if (documents.length > 0) await this.#ask(() => this.#driver.insertMany([...documents]));
  }

  async updateOne(query: Filter, update: Update): Promise<D | undefined> {
    const { value } = await this.#ask(() => this.#driver.findOneAndUpdate(query, update, { returnDocument: "after" }));
    return (value ?? undefined) as D | undefined;
  }

  async updateMany(query: Filter, update: Update): Promise<number> {
    return (await this.#ask(() => this.#driver.updateMany(query, update))).matchedCount;
  }

  async removeMany(query: Filter): Promise<number> {
    return (await this.#ask(() => this.#driver.deleteMany(query))).deletedCount ?? 0;
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    try {
      this.#indexed ??= this.#indexAgain();
      await this.#indexed;
      return await command();
    } catch (error) {
      const named = asStoreError(this.#name, error);
      if (named instanceof Unavailable) this.#indexed = undefined;
      throw named;
    }
  }
}
