import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { type Database, openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { MESSAGING_MIGRATIONS, migrate } from "@molecart/mixins/database/migrate.ts";
import { isoTime, ManualClock } from "@molecart/mixins/lib/clock.ts";
import { readEnvironment } from "@molecart/mixins/lib/config.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { Housekeeper, messagingKeepMs } from "@molecart/mixins/messaging/housekeeper.ts";
import { JobRunner } from "@molecart/mixins/messaging/job-runner.ts";
import { inSqlWork, type SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { readMessaging } from "@molecart/mixins/verify/messaging-facts.ts";
import { type Kysely, sql } from "kysely";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(90_000);

const DAY_MS = 24 * 3_600_000;
const KEEP_MS = 35 * DAY_MS;
const quiet = { onEmitted: () => {}, onScheduled: () => {} };
type Status = "processed" | "failed" | "dead" | "parked" | "discarded";

test("The retention of events is refused when a bus may keep them longer", () => {
  const keepMs = (MESSAGING_KEEP_DAYS?: string) => messagingKeepMs(readEnvironment({ MESSAGING_KEEP_DAYS }));
  expect(keepMs()).toBe(KEEP_MS);
  expect(keepMs("31")).toBe(31 * DAY_MS);
  expect(() => keepMs("30")).toThrow("MESSAGING_KEEP_DAYS");
});

for (const kind of ["sqlite", "postgres"] as const) {
  describeWith(kind === "postgres" ? ["postgres"] : [], `A ${kind} store`, () => {
    let postgres: PostgresServer | undefined;
    let database: Database<MessagingTables>;
    let clock: ManualClock;
    let count = 0;
    const closing: (() => Promise<unknown>)[] = [];

    beforeAll(async () => {
      if (kind === "postgres") postgres = await startPostgres();
    });
    afterAll(async () => {
      await postgres?.stop();
      removeDataDirs();
    });
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close();
    });

    const open = async (): Promise<void> => {
      clock = new ManualClock();
      const url = await postgres?.createDatabase(`house${count++}`);
      database = openDatabase<MessagingTables>({ name: "notes", file: `${temporaryDataDir()}/notes.db`, url, poolSize: 4 });
      const { close } = database;
      closing.push(close);
      await migrate(database as never, { name: "notes", folder: MESSAGING_MIGRATIONS, book: "messaging" });
    };
    const work = <T>(run: (work: SqlWork<MessagingTables>) => Promise<T>) => inSqlWork(database, clock, quiet, run);
    const send = async (aggregateId: string, isPublished: boolean): Promise<void> => {
      await work(async ({ emit }) => emit("reservation.expired", aggregateId, { orderId: aggregateId }));
      if (isPublished)
        await database.db
          .updateTable("outbox")
          .set({ published_at: isoTime(clock.now()) })
          .where("aggregate_id", "=", aggregateId)
          .execute();
    };
    const receive = async (aggregateId: string, status: Status): Promise<string> => {
      const at = isoTime(clock.now());
      const eventId = newId();
      await database.db
        .insertInto("inbox")
        .values({
          event_id: eventId,
          type: "order.created",
          aggregate_id: aggregateId,
          status,
          attempts: 1,
          received_at: at,
          processed_at: status === "processed" || status === "discarded" ? at : null,
        } as never)
        .execute();
      return eventId;
    };
    const housekeeper = (also: ConstructorParameters<typeof Housekeeper>[0]["also"] = []): Housekeeper => {
      const errors: unknown[] = [];
      const keeper = new Housekeeper({ database, clock, keepMs: KEEP_MS, also, onError: (error) => errors.push(error) });
      closing.push(async () => {
        await keeper.stop();
        expect(errors).toEqual([]);
      });
      keeper.start();
      return keeper;
    };
    const left = async (table: "outbox" | "inbox"): Promise<string[]> =>
      (await database.db.selectFrom(table).select("aggregate_id").execute()).map((row) => row.aggregate_id).toSorted();

    test("loses what is finished and old, and nothing else", async () => {
      await open();
      await send("old and published", true);
      await send("old and unpublished", false);
      for (const status of ["processed", "failed", "dead", "parked", "discarded"] as const)
        await receive(`old, ${status}`, status);
      const replayed = await receive("old, by an operator", "processed");
      await database.db
        .insertInto("dead_letter_audit")
        .values({
          id: newId(),
          event_id: replayed,
          at: isoTime(clock.now()),
          actor: "ada",
          action: "replayed",
          old_data: "null",
          new_data: "null",
        } as never)
        .execute();
      clock.advance(KEEP_MS + 1_000);
      await send("young and published", true);
      await receive("young, processed", "processed");
      housekeeper();
      await eventually(async () => expect(await left("inbox")).not.toContain("old, processed"), { withinMs: 30_000 });
      expect(await left("outbox")).toEqual(["old and unpublished", "young and published"]);
      expect(await left("inbox")).toEqual([
        "old, by an operator",
        "old, dead",
        "old, discarded",
        "old, failed",
        "old, parked",
        "young, processed",
      ]);
      expect((await readMessaging(database.db)).trimmedBefore).toBe(isoTime(clock.now() - KEEP_MS));
    });

    test("is trimmed in batches to the end, its own tables too", async () => {
      await open();
      const db = database.db as unknown as Kysely<{ answer: { id: number; at: string } }>;
      await sql`create table answer (id integer primary key, at timestamptz not null)`.execute(db);
      const at = isoTime(clock.now());
      const rows = Array.from({ length: 1_203 }, (_, id) => ({ id, at }));
      for (let n = 0; n < rows.length; n += 200)
        await db
          .insertInto("answer")
          .values(rows.slice(n, n + 200))
          .execute();
      await work(async ({ emit }) => {
        for (let n = 0; n < 1_203; n++) emit("reservation.expired", `o${n}`, { orderId: `o${n}` });
      });
      await database.db.updateTable("outbox").set({ published_at: at }).execute();
      clock.advance(KEEP_MS + 1_000);
      await db
        .insertInto("answer")
        .values({ id: 9_999, at: isoTime(clock.now()) })
        .execute();
      housekeeper([{ table: "answer", column: "at", keepMs: 30 * DAY_MS }]);
      await eventually(async () => expect(await db.selectFrom("answer").select("id").execute()).toEqual([{ id: 9_999 }]));
      expect(await left("outbox")).toEqual([]);
    });

    test("is trimmed by one broker at a time, and again when it is time", async () => {
      await open();
      housekeeper();
      const due = async () => (await database.db.selectFrom("housekeeping").select("due_at").executeTakeFirst())?.due_at;
      await eventually(async () => expect(await due()).toBeDefined());
      const first = await due();
      await send("old", true);
      clock.advance(60_000);
      // Another broker, which finds that it is not time yet.
      const second = housekeeper();
      await second.stop();
      expect(await due()).toBe(first);
      clock.advance(KEEP_MS + 600_000);
      housekeeper();
      await eventually(async () => expect(await left("outbox")).toEqual([]));
    });

    test("does a job that a fast clock has put off when the clock is right again, and no deadline before its time", async () => {
      await open();
      const done: string[] = [];
      let isBroken = true;
      const newRunner = () => {
        const runner = new JobRunner<MessagingTables>({
          database,
          clock,
          transaction: work,
          handlers: {
            call: {
              backoff: { firstMs: 500, maxMs: 20_000, factor: 2 },
              async handler(job) {
                if (isBroken) throw new Error("not now");
                await job.complete(async () => done.push(job.id));
              },
            },
          },
          onError: () => {},
        });
        closing.push(() => runner.stop());
        runner.start();
        return runner;
      };
      const startedAt = clock.now();
      clock.advance(3_600_000);
      await work(({ schedule }) => schedule({ id: "put off", kind: "call", aggregateId: "o1", dueAt: clock.now() }));
      const first = newRunner();
      await eventually(async () => {
        const job = await database.db.selectFrom("job").select(["last_error", "due_at"]).executeTakeFirstOrThrow();
        expect(job.last_error).toBe("not now");
      });
      await first.stop();
      isBroken = false;
      clock.advance(startedAt - clock.now());
      await work(({ schedule }) => schedule({ id: "deadline", kind: "call", aggregateId: "o1", dueAt: clock.now() + 3_600_000 }));
      newRunner();
      await eventually(() => expect(done).toEqual(["put off"]));
      expect(await database.db.selectFrom("job").select("id").execute()).toEqual([{ id: "deadline" }]);
    });

    if (kind === "postgres") {
      test("may be migrated for longer than a statement may take, while other brokers wait", async () => {
        await open();
        const folder = new URL("../support/slow-migration/", import.meta.url);
        const run = () =>
          database.forMigrations((db) => migrate({ db: db as never, kind: "postgres" }, { name: "notes", folder, book: "slow" }));
        await expect(Promise.all([run(), run()])).resolves.toHaveLength(2);
        const { rows } = await sql<{ id: number }>`select id from slow`.execute(database.db);
        expect(rows).toEqual([{ id: 1 }]);
        // Only the migrations have so much time.
        const { rows: limits } = await sql<{ statement_timeout: string }>`show statement_timeout`.execute(database.db);
        expect(limits).toEqual([{ statement_timeout: "10s" }]);
      });
    }
  });
}
