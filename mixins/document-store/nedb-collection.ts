import { existsSync } from "node:fs";
import DbService from "moleculer-db";
import { MolecartError, messageOf, Unavailable } from "../lib/errors.ts";
import {
  type Collection,
  DuplicateKey,
  type Filter,
  type FindOptions,
  type Identified,
  type IndexOptions,
  type Update,
} from "./collection.ts";
import { cutTornLine, escapeLineBreaks, syncFile } from "./nedb-file.ts";
import { type IdIndex, idsAfter } from "./nedb-paging.ts";

/** What is used of the adapter's datastore beyond the adapter's own methods. */
interface Datastore {
  indexes: Record<string, { unique: boolean; sparse: boolean }> & { _id: IdIndex };
  getAllData(): unknown[];
  ensureIndexAsync(options: { fieldName: string; unique: boolean; sparse: boolean }): Promise<void>;
  removeIndexAsync(fieldName: string): Promise<void>;
  updateAsync(query: Filter, update: Update, options: object): Promise<{ numAffected: number; affectedDocuments: unknown }>;
  loadDatabaseAsync(): Promise<void>;
  compactDatafileAsync(): Promise<void>;
}

export interface NedbAdapter {
  db: Datastore;
  init(broker: unknown, service: unknown): void;
  connect(): Promise<void>;
  find(options: FindOptions): Promise<unknown[]>;
  findOne(query: Filter): Promise<unknown>;
  count(options: FindOptions): Promise<number>;
  insert(document: object): Promise<unknown>;
  insertMany(documents: readonly object[]): Promise<unknown>;
  removeMany(query: Filter): Promise<number>;
}

const { MemoryAdapter } = DbService as unknown as { MemoryAdapter: new (options: object) => NedbAdapter };

export class StoreDamaged extends MolecartError {
  readonly retryable = false;
  constructor(file: string, options?: ErrorOptions) {
    super("STORE_DAMAGED", 500, `${file} has damaged lines. Restore it from a backup.`, { file }, options);
  }
}

export interface NedbCollectionOptions {
  name: string;
  file: string;
  indexes: readonly IndexOptions[];
  log: { warn(message: string, detail: object): void };
}

/** Appended lines that are worth a compaction (which rewrites the file, 100 ms for some ten thousand documents), at least. */
const MIN_LINES_TO_COMPACT = 5_000;

/** A collection in a NeDB file: all documents in memory, and each write appended as a line.
 *
 *  NeDB leaves three gaps, closed here. A write that answers is on the disk (NeDB does not flush; writers that come together
 *  share a flush). An append that fails leaves the document in memory and perhaps half a line in the file: nothing is read
 *  or written after it until the collection is loaded again from what the file holds. And the file is compacted by growth. */
export class NedbCollection<D extends Identified> implements Collection<D> {
  readonly adapter: NedbAdapter;
  readonly #options: NedbCollectionOptions;
  /** Writes run one after the other, so that none follows a failed one unnoticed. */
  #lastWrite: Promise<unknown> = Promise.resolve();
  #broken = false;
  #linesWritten = 0;
  #compactAt = MIN_LINES_TO_COMPACT;
  #flushing: Promise<void> | undefined;
  #nextFlush: Promise<void> | undefined;

  constructor(options: NedbCollectionOptions) {
    this.#options = options;
    this.adapter = new MemoryAdapter({
      filename: options.file,
      // The only damage that a crash leaves is the torn last line, which is cut before loading. Any other is not to be guessed about.
      corruptAlertThreshold: 0,
      afterSerialization: escapeLineBreaks,
      beforeDeserialization: (line: string) => line,
    });
  }

  /** Without indexes: `ensureIndexes` makes them. */
  async open(): Promise<void> {
    const { file, log } = this.#options;
    const tornBytes = existsSync(file) ? await cutTornLine(file) : 0;
    if (tornBytes > 0) log.warn("Cut off an unfinished write", { file, tornBytes });
    try {
      await this.adapter.connect();
    } catch (error) {
      throw /corrupt/.test(messageOf(error)) ? new StoreDamaged(file, { cause: error }) : error;
    }
  }

  async ensureIndexes(): Promise<void> {
    for (const index of this.#options.indexes) await this.#ensureIndex(index);
  }

  async dropIndex([fieldName]: IndexOptions["fields"]): Promise<void> {
    if (this.adapter.db.indexes[fieldName]) await this.adapter.db.removeIndexAsync(fieldName);
  }

  async #ensureIndex({ fields: [fieldName, ...others], unique = false, sparse = false }: IndexOptions): Promise<void> {
    const { db } = this.adapter;
    if (unique && others.length > 0) throw new Error(`${this.#options.name}: NeDB has no unique index over several fields`);
    // An index that the file knows is kept as it was made, even when asked for otherwise.
    const known = db.indexes[fieldName];
    if (known && (known.unique !== unique || known.sparse !== sparse)) await db.removeIndexAsync(fieldName);
    await db.ensureIndexAsync({ fieldName, unique, sparse });
  }

  get(id: string): Promise<D | undefined> {
    return this.findOne({ _id: id });
  }

  async findOne(query: Filter): Promise<D | undefined> {
    await this.#readable();
    return ((await this.adapter.findOne(query)) ?? undefined) as D | undefined;
  }

  async find(options: FindOptions = {}): Promise<D[]> {
    await this.#readable();
    const after = startOfPage(options);
    if (after !== undefined) return this.#findAfter(after, options);
    const found = (await this.adapter.find(options)) as D[];
    // An index over an array hands out a document once for each of the array's values that match.
    return [...new Map(found.map((document) => [document._id, document])).values()];
  }

  /** A page in the order of the ids. */
  async #findAfter(start: string, { query: { _id: _, ...rest } = {}, limit = 0 }: FindOptions): Promise<D[]> {
    const documents: D[] = [];
    let after: string | undefined = start;
    while (documents.length < limit && after !== undefined) {
      const ids = idsAfter(this.adapter.db.indexes._id, after, limit);
      const query = { ...rest, _id: { $in: ids } };
      documents.push(...((await this.adapter.find({ query, sort: ["_id"], limit: limit - documents.length })) as D[]));
      after = ids.length < limit ? undefined : ids.at(-1);
    }
    return documents;
  }

  async count(query: Filter = {}): Promise<number> {
    await this.#readable();
    return this.adapter.count({ query });
  }

  async insert(document: D): Promise<void> {
    await this.#write(1, () => this.adapter.insert(document));
  }

  async insertMany(documents: readonly D[]): Promise<void> {
    if (documents.length > 0) await this.#write(documents.length, () => this.adapter.insertMany(documents));
  }

  async updateOne(query: Filter, update: Update): Promise<D | undefined> {
    // Not by the adapter: its `update` makes Node print a deprecation warning.
    const { affectedDocuments } = await this.#write(1, () =>
      this.adapter.db.updateAsync(query, update, { returnUpdatedDocs: true }),
    );
    return (affectedDocuments ?? undefined) as D | undefined;
  }

  async updateMany(query: Filter, update: Update): Promise<number> {
    const { numAffected } = await this.#write(1, () => this.adapter.db.updateAsync(query, update, { multi: true }));
    this.#linesWritten += numAffected;
    return numAffected;
  }

  removeMany(query: Filter): Promise<number> {
    return this.#write(1, () => this.adapter.removeMany(query));
  }

  async ping(): Promise<void> {
    await this.#readable();
  }

  /** Resolves when all writes have ended and are on the disk. */
  async close(): Promise<void> {
    await this.#lastWrite;
    await (this.#nextFlush ?? this.#flushing);
  }

  async #readable(): Promise<void> {
    if (this.#broken) await this.#inTurn(() => this.#restore());
  }

  async #write<T>(lines: number, operation: () => Promise<T>): Promise<T> {
    const result = await this.#inTurn(async () => {
      await this.#restore();
      try {
        return await operation();
      } catch (error) {
        throw this.#explain(error);
      } finally {
        this.#linesWritten += lines;
        await this.#compactIfGrown();
      }
    });
    await this.#flush();
    return result;
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#lastWrite.then(step);
    this.#lastWrite = turn.catch(() => {});
    return turn;
  }

  /** Loads again what the file holds, if memory may hold more. */
  async #restore(): Promise<void> {
    if (!this.#broken) return;
    const { file, log } = this.#options;
    try {
      // Fails when the file is not there: NeDB would begin an empty one.
      await cutTornLine(file);
      await this.adapter.db.loadDatabaseAsync();
    } catch (error) {
      throw this.#unavailable(error);
    }
    this.#broken = false;
    log.warn("Loaded again after a failed write", { file });
  }

  #explain(error: unknown): unknown {
    const { errorType, code } = error as { errorType?: string; code?: unknown };
    if (errorType === "uniqueViolated") return new DuplicateKey(this.#options.name, { cause: error });
    // Errors of the file system have a code; all others are found before anything is changed.
    if (typeof code !== "string") return error;
    this.#broken = true;
    return this.#unavailable(error);
  }

  #unavailable(error: unknown): Unavailable {
    return new Unavailable(`the file of ${this.#options.name}`, { cause: error });
  }

  async #compactIfGrown(): Promise<void> {
    if (this.#linesWritten < this.#compactAt || this.#broken) return;
    const documents = this.adapter.db.getAllData().length;
    this.#compactAt = Math.max(MIN_LINES_TO_COMPACT, 2 * documents);
    if (this.#linesWritten < this.#compactAt) return;
    this.#linesWritten = 0;
    try {
      await this.adapter.db.compactDatafileAsync();
    } catch (error) {
      // The file is replaced at the end only: without a compaction it is longer, and complete.
      this.#options.log.warn("The file could not be compacted", { file: this.#options.file, error: messageOf(error) });
    }
  }

  /** Resolves when what was written before the call is on the disk. One flush serves all who wait for the one before it. */
  #flush(): Promise<void> {
    this.#nextFlush ??= (this.#flushing ?? Promise.resolve()).then(async () => {
      const flush = syncFile(this.#options.file);
      this.#flushing = flush.catch(() => {});
      this.#nextFlush = undefined;
      try {
        await flush;
      } catch (error) {
        this.#broken = true;
        throw this.#unavailable(error);
      }
    });
    return this.#nextFlush;
  }
}

/** The id after which a page begins; undefined where it is not a page in the order of the ids. */
const startOfPage = ({ query, sort, limit = 0 }: FindOptions): string | undefined => {
  const bound = query?._id as { $gt?: unknown } | undefined;
  const isPage = limit > 0 && sort?.length === 1 && sort[0] === "_id" && typeof bound?.$gt === "string";
  return isPage && Object.keys(bound).length === 1 ? (bound.$gt as string) : undefined;
};
