import { readdir } from "node:fs/promises";
import { type Kysely, sql } from "kysely";
import { type Migration, type MigrationProvider, Migrator } from "kysely/migration";
import { MolecartError } from "../lib/errors.ts";
import type { DatabaseKind } from "./database.ts";

export class SchemaNewerThanProgram extends MolecartError {
  readonly retryable = false;
  constructor(name: string, migration: string) {
    super(
      "SCHEMA_NEWER_THAN_PROGRAM",
      500,
      `The database of ${name} has had migration ${migration}, which this program does not know: a newer program has been here. Start that one.`,
      { name, migration },
    );
  }
}

/** Outbox, inbox and jobs. */
export const MESSAGING_MIGRATIONS = new URL("./migrations/", import.meta.url);

/** A migration's `up`. `kind` is for the few places where SQLite and PostgreSQL must differ. */
export type Up = (db: Kysely<never>, kind: DatabaseKind) => Promise<void>;

const folderProvider = (folder: URL, kind: DatabaseKind): MigrationProvider => ({
  async getMigrations() {
    const files = (await readdir(folder)).filter((file) => file.endsWith(".ts")).sort();
    const entries = files.map(async (file): Promise<[string, Migration]> => {
      const { up } = (await import(new URL(file, folder).href)) as { up: Up };
      const limited = async (db: Kysely<never>): Promise<void> => {
        // Who waits for a table holds up all who come after him: not for long, whatever the connection's own limit.
        if (kind === "postgres") await sql`set local lock_timeout = '5s'`.execute(db);
        await up(db, kind);
      };
      return [file.replace(/\.ts$/, ""), { up: (db) => limited(db as Kysely<never>) }];
    });
    return Object.fromEntries(await Promise.all(entries));
  },
});

/** Brings a store up to the program's schema. Two brokers that start together are safe: Kysely's migrator takes an advisory
 *  lock on PostgreSQL, and an embedded store has one owner. Each set of migrations keeps its own book. */
export const migrate = async (
  database: { db: Kysely<never>; kind: DatabaseKind },
  { name, folder, book }: { name: string; folder: URL; book: string },
): Promise<void> => {
  const provider = folderProvider(folder, database.kind);
  const migrator = new Migrator({
    db: database.db,
    provider,
    migrationTableName: `${book}_migration`,
    migrationLockTableName: `${book}_migration_lock`,
  });
  const known = Object.keys(await provider.getMigrations());
  const applied = await migrator.getMigrations().catch(() => undefined);
  if (applied?.length === known.length && applied.every((m) => m.executedAt !== undefined)) {
    await refuseNewerSchema(database.db, `${book}_migration`, known, name);
    return;
  }
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  await refuseNewerSchema(database.db, `${book}_migration`, known, name);
  throw error;
};

const refuseNewerSchema = async (db: Kysely<never>, table: string, known: readonly string[], name: string): Promise<void> => {
  const rows = await (db as unknown as Kysely<Record<string, { name: string }>>).selectFrom(table).select("name").execute();
  const unknown = rows.map((row) => row.name as string).find((migration) => !known.includes(migration));
  if (unknown !== undefined) throw new SchemaNewerThanProgram(name, unknown);
};
