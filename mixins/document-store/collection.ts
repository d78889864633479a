import { MolecartError } from "../lib/errors.ts";

/** The key of every document is the service's own text; never one that the store makes up. */
export interface Identified {
  _id: string;
}

/** MongoDB's query language as far as NeDB knows it too: equality, `$in` `$nin` `$ne` `$lt` `$lte` `$gt` `$gte` `$exists`
 *  `$elemMatch`, `$or` `$and` `$not`, and dotted paths, which go through arrays. */
export type Filter = Readonly<Record<string, unknown>>;

/** MongoDB's update operators as far as NeDB knows them too: `$set` `$unset` `$inc` `$min` `$max` `$push` (`$each`, `$slice`)
 *  `$pull` `$addToSet` `$pop`. Operators only: a whole document would replace what another writer has added meanwhile. */
export type Update = Readonly<Record<`$${string}`, Readonly<Record<string, unknown>>>>;

export interface FindOptions {
  query?: Filter;
  /** Field names, each with a leading `-` for descending. */
  sort?: readonly string[];
  limit?: number;
}

/** One unique or sparse index. NeDB indexes one field: of several it takes the first, and refuses a unique index over several. */
export interface IndexOptions {
  fields: readonly [string, ...string[]];
  /** Over an array (`variants.sku`): no value may be in two documents. Twice in one document is allowed, by both stores. Give
   *  every document a value: MongoDB takes a missing one, and an empty array, for one and the same (null). */
  unique?: boolean;
  /** Leaves out documents without the field. */
  sparse?: boolean;
}

/** One collection of a document store. Each write concerns single documents and is atomic and durable for each; what must
 *  hold together belongs into one document. Every method rejects with `Unavailable` when the store is out of reach. Field
 *  names must not begin with `$` or contain a dot: keep keys that others choose as values. */
export interface Collection<D extends Identified> {
  get(id: string): Promise<D | undefined>;
  findOne(query: Filter): Promise<D | undefined>;
  find(options?: FindOptions): Promise<D[]>;
  count(query?: Filter): Promise<number>;
  /** Rejects with `DuplicateKey` when the `_id` or the value of a unique index is taken. */
  insert(document: D): Promise<void>;
  /** In one go, but not all or nothing: after a crash or a `DuplicateKey` some of them may be there. */
  insertMany(documents: readonly D[]): Promise<void>;
  /** Changes one document that matches, as one step that nothing comes between, and answers it as it is then; undefined when
   *  none matches. Put into the query what the change relies on (a version, a status). Rejects with `DuplicateKey`. */
  updateOne(query: Filter, update: Update): Promise<D | undefined>;
  /** Answers how many matched. */
  updateMany(query: Filter, update: Update): Promise<number>;
  removeMany(query: Filter): Promise<number>;
}

/** The stores do not both say which key; a caller that needs to know looks for the holder. */
export class DuplicateKey extends MolecartError {
  readonly retryable = false;
  constructor(collection: string, options?: ErrorOptions) {
    super("DUPLICATE_KEY", 409, `${collection} has a document with this key`, { collection }, options);
  }
}

/** An opened store. */
export interface DocumentStore {
  readonly kind: "nedb" | "mongo";
  collection<D extends Identified>(name: string): Collection<D>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
