import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type Database, openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { up as messaging } from "@molecart/mixins/database/migrations/0001_messaging.ts";
import { up as operations } from "@molecart/mixins/database/migrations/0002_operations.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { SqlInbox } from "@molecart/mixins/messaging/sql-inbox.ts";
import { inSqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import type { Kysely } from "kysely";
import { describeWith } from "../support/servers/describe-with.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const AT = "2026-01-01T00:00:00.000Z";
const quiet = { onEmitted: () => {}, onScheduled: () => {} };

for (const kind of ["sqlite", "postgres"] as const) {
  describeWith(kind === "postgres" ? ["postgres"] : [], `A ${kind} store of before the operations`, () => {
    let server: PostgresServer | undefined;
    let database: Database<MessagingTables>;

    beforeAll(async () => {
      if (kind === "postgres") server = await startPostgres();
    });
    afterAll(async () => {
      await server?.stop();
      removeDataDirs();
    });
    afterEach(() => database.close());

    test("keeps its rows, and its dead letters get their fingerprints", async () => {
      const url = await server?.createDatabase("old");
      database = openDatabase<MessagingTables>({ name: "old", file: `${temporaryDataDir()}/old.db`, url, poolSize: 2 });
      const { db } = database;
      const bare = db as unknown as Kysely<never>;
      await messaging(bare, kind);
      const envelope = newEnvelope("reservation.expired", "o1", { orderId: "o1" }, AT);
      const row = { type: envelope.type, aggregate_id: "o1", attempts: 1, received_at: AT, request_id: envelope.requestId };
      const error = { error_code: "X", error_message: "It broke", envelope: JSON.stringify(envelope) };
      await db
        .insertInto("inbox")
        .values([
          { ...row, event_id: envelope.id, status: "dead", processed_at: null, ...error } as never,
          {
            ...row,
            event_id: "done",
            status: "processed",
            processed_at: AT,
            error_code: null,
            error_message: null,
            envelope: null,
          } as never,
        ])
        .execute();
      await operations(bare, kind);
      // After a crash between its commit and the note in the book it runs again.
      if (kind === "sqlite") await operations(bare, kind);

      const clock = { now: () => Date.parse(AT) };
      const inbox = new SqlInbox<MessagingTables>(
        database,
        (run) => inSqlWork(database, clock, quiet, run),
        () => isoTime(clock.now()),
        "old",
      );
      const [group] = await inbox.deadLetterGroups();
      expect(group).toMatchObject({ count: 1, code: "X", message: "It broke" });
      const letters = await inbox.deadLetters({ limit: 10, fingerprint: group?.fingerprint });
      expect(letters).toMatchObject([{ eventId: envelope.id, envelope, receivedAt: AT }]);
      expect(await inbox.steps("o1")).toHaveLength(2);
      const later = newEnvelope("reservation.expired", "o1", { orderId: "o1" }, AT);
      expect(await inbox.process(later as never, async () => {})).toBe("parked");
    });
  });
}
