import { lockStore } from "../database/store-lock.ts";
import type { Collection, DocumentStore, Identified, IndexOptions } from "./collection.ts";
import type { MigrationStore } from "./document-migrations.ts";
import { NedbCollection } from "./nedb-collection.ts";

export interface NedbOptions {
  /** The first one's file is `<file>`, the others' are beside it. */
  file(collection: string): string;
  collections: Readonly<Record<string, readonly IndexOptions[]>>;
  /** Migrates the documents, before the indexes that they must agree with are made. */
  prepare?(store: MigrationStore): Promise<void>;
  log: { warn(message: string, detail: object): void };
}

/** Opens an embedded store, one file for each collection. This broker becomes its owner; a second is refused with `StoreInUse`. */
export const openNedb = async ({
  file,
  collections,
  prepare,
  log,
}: NedbOptions): Promise<DocumentStore & { adapterOf(name: string): unknown }> => {
  const names = Object.keys(collections);
  const { release } = lockStore(file(names[0] as string));
  const opened = new Map(
    names.map((name) => [name, new NedbCollection({ name, file: file(name), indexes: collections[name] ?? [], log })]),
  );
  const all = [...opened.values()];
  try {
    await Promise.all(all.map((collection) => collection.open()));
    await prepare?.({
      collection: <D extends Identified>(name: string) => opened.get(name) as unknown as Collection<D>,
      dropIndex: async (name, fields) => opened.get(name)?.dropIndex(fields),
    });
    await Promise.all(all.map((collection) => collection.ensureIndexes()));
  } catch (error) {
    release();
    throw error;
  }
  return {
    kind: "nedb",
    collection: <D extends Identified>(name: string) => opened.get(name) as unknown as Collection<D>,
    adapterOf: (name) => opened.get(name)?.adapter,
    ping: async () => {
      await Promise.all(all.map((collection) => collection.ping()));
    },
    close: async () => {
      await Promise.allSettled(all.map((collection) => collection.close()));
      release();
    },
  };
};
