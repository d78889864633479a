import { spawnSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type Database, openDatabase } from "@molecart/mixins/database/database.ts";
import { MESSAGING_MIGRATIONS, migrate } from "@molecart/mixins/database/migrate.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import { type Kysely, sql } from "kysely";
import { describeWith } from "../support/servers/describe-with.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

interface Tables {
  note: { text: string };
}

const open: Database<Tables>[] = [];
const opened = async (where: { file?: string; url?: string }): Promise<Database<Tables>> => {
  const database = openDatabase<Tables>({ name: "notes", file: "", poolSize: 2, ...where });
  open.push(database);
  return database;
};
const withNotes = async (where: { file?: string; url?: string }): Promise<Database<Tables>> => {
  const database = await opened(where);
  await sql`create table note (text text not null)`.execute(database.db);
  return database;
};
const write = (db: Kysely<Tables>, text: string) => db.insertInto("note").values({ text }).execute();
const notes = async ({ db }: Database<Tables>) => (await db.selectFrom("note").select("text").execute()).map(({ text }) => text);

afterEach(async () => {
  await Promise.all(open.splice(0).map((database) => database.close()));
  removeDataDirs();
});

/** Dies in the middle of a migration: when the fourth of its tables and indexes is made. */
const DYING_MIGRATION = `
  import { DatabaseSync } from "node:sqlite";
  import { openDatabase } from "@molecart/mixins/database/database.ts";
  import { MESSAGING_MIGRATIONS, migrate } from "@molecart/mixins/database/migrate.ts";
  const { prepare } = DatabaseSync.prototype;
  let made = 0;
  DatabaseSync.prototype.prepare = function (text) {
    if (/create (table|index) (outbox|inbox|job)/.test(text) && ++made === 4) process.kill(process.pid, "SIGKILL");
    return prepare.call(this, text);
  };
  const database = openDatabase({ name: "notes", file: process.env.STORE, poolSize: 2 });
  await migrate(database, { name: "notes", folder: MESSAGING_MIGRATIONS, book: "messaging" });`;

describe("An embedded database", () => {
  test("keeps what is written beside a transaction out of it", async () => {
    const database = await withNotes({ file: `${temporaryDataDir()}/notes.db` });
    const goOn = Promise.withResolvers<void>();
    const failing = database.transaction(async (trx) => {
      await write(trx, "taken back");
      await goOn.promise;
      throw new Error("no");
    });
    const beside = Promise.all([write(database.db, "plain"), database.transaction((trx) => write(trx, "committed"))]);
    goOn.resolve();
    await expect(failing).rejects.toThrow("no");
    await beside;
    expect(await notes(database)).toEqual(["plain", "committed"]);
  });

  test("migrates after a process was killed in the middle of a migration", async () => {
    const file = `${temporaryDataDir()}/notes.db`;
    const args = ["--no-warnings", "--input-type=module-typescript", "--eval", DYING_MIGRATION];
    const { signal } = spawnSync(process.execPath, args, { env: { STORE: file }, timeout: 20_000 });
    expect(signal).toBe("SIGKILL");
    const { db, kind } = await opened({ file });
    await migrate({ db: db as never, kind }, { name: "notes", folder: MESSAGING_MIGRATIONS, book: "messaging" });
    await expect(sql`select * from job`.execute(db)).resolves.toMatchObject({ rows: [] });
  });

  test("says that it is not available when the disk is full, and goes on when there is room", async () => {
    const database = await withNotes({ file: `${temporaryDataDir()}/notes.db` });
    await sql`pragma max_page_count = 8`.execute(database.db);
    const large = "x".repeat(100_000);
    await expect(database.transaction((trx) => write(trx, large))).rejects.toThrow(Unavailable);
    await sql`pragma max_page_count = 1000`.execute(database.db);
    await database.transaction((trx) => write(trx, large));
    expect(await notes(database)).toEqual([large]);
  });
});

describeWith(["postgres"], "A PostgreSQL database", () => {
  let postgres: PostgresServer;
  let count = 0;
  const newUrl = () => postgres.createDatabase(`notes${count++}`);

  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  test("is lost between two statements of a transaction without ending the process", async () => {
    const database = await withNotes({ url: await newUrl() });
    const transaction = database.transaction(async (trx) => {
      await write(trx, "taken back");
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(trx);
      await sql`select pg_terminate_backend(${rows[0]?.pid}, 5000)`.execute(database.db);
      await write(trx, "too late");
    });
    await expect(transaction).rejects.toThrow(Unavailable);
    expect(await notes(database)).toEqual([]);
  });

  test("that falls silent is waited for no longer than a statement may take, and connected to anew", async () => {
    const url = new URL(await newUrl());
    const proxy = await startTcpProxy({ port: Number(url.port) });
    url.port = String(proxy.port);
    const database = await withNotes({ url: url.href });
    proxy.cut("stall");
    await expect(database.transaction((trx) => write(trx, "unheard"))).rejects.toThrow(Unavailable);
    proxy.heal();
    await database.transaction((trx) => write(trx, "heard"));
    expect(await notes(database)).toEqual(["heard"]);
    await Promise.all(open.splice(0).map((one) => one.close()));
    await proxy.close();
  });
});
