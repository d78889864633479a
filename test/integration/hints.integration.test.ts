import { afterAll, afterEach, expect, test } from "@jest/globals";
import { type Database, openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { systemClock } from "@molecart/mixins/lib/clock.ts";
import { type Hint, inSqlWork, type SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { sql } from "kysely";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

type Tables = MessagingTables;

let database: Database<Tables>;
afterEach(() => database.close());
afterAll(() => removeDataDirs());

const stage = async () => {
  database = openDatabase<Tables>({ name: "hints", file: `${temporaryDataDir()}/hints.db`, poolSize: 2 });
  await sql`create table note (id text primary key)`.execute(database.db);
  const said: Hint[] = [];
  const run = (work: (work: SqlWork<Tables>) => Promise<void>) =>
    inSqlWork(
      database,
      systemClock,
      { onEmitted: () => {}, onScheduled: () => {}, onHint: (hint) => void said.push(hint) },
      work,
    );
  return { said, run };
};
const hint = { name: "order.changed", data: { orderId: "o-1" } } as const;

test("a hint is said after its commit, and not before", async () => {
  const { said, run } = await stage();
  await run(async (work) => {
    await sql`insert into note values ('a')`.execute(work.trx);
    work.hint(hint.name, hint.data);
    expect(said).toEqual([]);
  });
  expect(said).toEqual([hint]);
});

test("a hint of a transaction that is rolled back is not said", async () => {
  const { said, run } = await stage();
  const failing = run(async (work) => {
    work.hint(hint.name, hint.data);
    throw new Error("changed its mind");
  });
  await expect(failing).rejects.toThrow("changed its mind");
  expect(said).toEqual([]);
});

test("a transaction that is repeated after a conflict says its hints once", async () => {
  const { said, run } = await stage();
  let attempts = 0;
  await run(async (work) => {
    work.hint(hint.name, hint.data);
    attempts += 1;
    if (attempts === 1) throw Object.assign(new Error("deadlock detected"), { code: "40P01" });
  });
  expect(attempts).toBe(2);
  expect(said).toEqual([hint]);
});
