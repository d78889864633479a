import { afterAll, beforeEach, expect, test } from "@jest/globals";
import type { Collection, DocumentStore } from "@molecart/mixins/document-store/collection.ts";
import {
  type MigrationStore,
  migrateDocuments,
  type SchemaDocument,
} from "@molecart/mixins/document-store/document-migrations.ts";
import { openMongo } from "@molecart/mixins/document-store/open-mongo.ts";
import { openNedb } from "@molecart/mixins/document-store/open-nedb.ts";
import { documentStores } from "../support/document-stores.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

interface Thing {
  _id: string;
  name?: string;
  runs?: number;
}

const MIGRATIONS = new URL("../support/document-migrations/", import.meta.url);
const NAMES = ["0001_things_are_counted", "0002_names_are_not_unique"];
const log = { info() {}, warn() {}, error() {} };

afterAll(() => removeDataDirs());

for (const { store, servers, settings } of documentStores) {
  describeWith(servers, `Migrations of documents in ${store}`, () => {
    let where: { file: string; url: string | undefined };

    const open = async (
      prepare: (store: MigrationStore) => Promise<void>,
      indexes: readonly { fields: [string]; unique: true }[] = [],
    ): Promise<DocumentStore> => {
      const collections = { things: indexes, schema: [] };
      const { file, url } = where;
      return url === undefined
        ? openNedb({ file: (name) => `${file}-${name}.nedb`, collections, prepare, log })
        : openMongo({
            name: "things",
            url,
            collections,
            prepare,
            owner: { broker: { logger: log }, schema: { collection: "things" }, logger: log } as never,
          });
    };
    const migrate = (migrated: MigrationStore) =>
      migrateDocuments(migrated, { name: "things", folder: MIGRATIONS, book: migrated.collection<SchemaDocument>("schema") });

    /** A store as it was before, with the handle that migrations get. */
    const opened = async <T>(
      run: (things: Collection<Thing>, migrated: MigrationStore, book: Collection<SchemaDocument>) => Promise<T>,
    ): Promise<T> => {
      let handle: MigrationStore | undefined;
      const one = await open(
        async (migrated) => {
          handle = migrated;
        },
        [{ fields: ["name"], unique: true }],
      );
      try {
        return await run(one.collection<Thing>("things"), handle as MigrationStore, one.collection<SchemaDocument>("schema"));
      } finally {
        await one.close();
      }
    };
    const noted = async (book: Collection<SchemaDocument>) =>
      (await book.find({ query: { _id: { $ne: "lock" } }, sort: ["_id"] })).map(({ _id }) => _id);

    beforeEach(() => {
      where = { file: `${temporaryDataDir()}/things`, url: Object.values(settings("things"))[0] };
    });

    test("run once, in their order, whoever starts at the same time", async () => {
      await opened(async (things, migrated, book) => {
        await things.insert({ _id: "counter", name: "a", runs: 0 });
        await Promise.all([migrate(migrated), migrate(migrated), migrate(migrated)]);
        await migrate(migrated);
        expect(await things.get("counter")).toMatchObject({ runs: 1 });
        expect(await noted(book)).toEqual(NAMES);
        expect(await book.get("lock")).toMatchObject({ holder: null });
      });
    });

    test("that fail are run again, and those behind them wait", async () => {
      await opened(async (things, migrated, book) => {
        await things.insertMany([
          { _id: "counter", name: "a", runs: 0 },
          { _id: "obstacle", name: "b" },
        ]);
        await expect(migrate(migrated)).rejects.toThrow("there is an obstacle");
        expect(await noted(book)).toEqual([]);
        await things.removeMany({ _id: "obstacle" });
        await migrate(migrated);
        expect([await noted(book), await things.get("counter")]).toMatchObject([NAMES, { runs: 2 }]);
      });
    });

    test("of a broker that has died are taken over when its lease has ended", async () => {
      await opened(async (things, migrated, book) => {
        await things.insert({ _id: "counter", name: "a", runs: 1 });
        await book.insert({ _id: "lock", holder: "dead", leaseEnd: Date.now() + 700 });
        await migrate(migrated);
        expect(Date.now()).toBeGreaterThan((await book.get("lock"))?.leaseEnd ?? 0);
        expect(await noted(book)).toEqual(NAMES);
      });
    });

    test("of a newer program are refused by name, and nothing is changed", async () => {
      await opened(async (things, migrated, book) => {
        await things.insert({ _id: "counter", name: "a", runs: 0 });
        await book.insert({ _id: "0007_things_fly" });
        await expect(migrate(migrated)).rejects.toMatchObject({
          type: "SCHEMA_NEWER_THAN_PROGRAM",
          message: expect.stringContaining("0007_things_fly"),
        });
        expect(await things.get("counter")).toMatchObject({ runs: 0 });
      });
    });

    test("come before the indexes, and can drop one", async () => {
      await opened(async (things) => things.insert({ _id: "counter", name: "same", runs: 0 }));
      const migrated = await open(migrate);
      try {
        await migrated.collection<Thing>("things").insert({ _id: "other", name: "same" });
        expect(await migrated.collection<Thing>("things").count({ name: "same" })).toBe(2);
      } finally {
        await migrated.close();
      }
    });
  });
}
