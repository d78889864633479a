import { type Kysely, sql } from "kysely";
import type { DatabaseKind } from "../database/database.ts";
import type { MessagingTables } from "../database/messaging.table.ts";

type Db = Kysely<MessagingTables>;

/** Deletes what was published before `before` among the next rows, in the order of sending, which is nearly that of time: the
 *  primary key leads to the oldest, and the first page with a young row is the last. Answers where to go on; undefined at the
 *  end. */
export const trimOutbox = async (
  db: Db,
  { after, before, limit }: { after: number; before: string; limit: number },
): Promise<number | undefined> => {
  const page = await db
    .selectFrom("outbox")
    .select(["seq", "created_at", "published_at"])
    .where("seq", ">", after)
    .orderBy("seq")
    .limit(limit)
    .execute();
  const old = page.filter(({ published_at }) => published_at !== null && published_at < before).map(({ seq }) => seq);
  // Asked again in the statement: it may be waiting to be sent again since.
  if (old.length > 0) await db.deleteFrom("outbox").where("seq", "in", old).where("published_at", "<", before).execute();
  const last = page.at(-1);
  return last === undefined || page.length < limit || last.created_at >= before ? undefined : last.seq;
};

/** The smallest UUIDv7 of a time. */
const firstIdOf = (time: string): string => {
  const hex = Date.parse(time).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
};

/** Deletes what was processed before `before` among the next entries. Ids of events begin with their time, so the primary key
 *  leads to the oldest. What operators had a hand in is kept with their notes. */
export const trimInbox = async (
  db: Db,
  { after, before, limit }: { after: string; before: string; limit: number },
): Promise<string | undefined> => {
  const page = await db
    .selectFrom("inbox")
    .select(["event_id", "status", "processed_at"])
    .where("event_id", ">", after)
    .where("event_id", "<", firstIdOf(before))
    .orderBy("event_id")
    .limit(limit)
    .execute();
  const old = page
    .filter(({ status, processed_at }) => status === "processed" && processed_at !== null && processed_at < before)
    .map(({ event_id }) => event_id);
  if (old.length > 0)
    await db
      .deleteFrom("inbox")
      .where("event_id", "in", old)
      .where("status", "=", "processed")
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom("dead_letter_audit")
              .select("dead_letter_audit.id")
              .whereRef("dead_letter_audit.event_id", "=", "inbox.event_id"),
          ),
        ),
      )
      .execute();
  return page.length < limit ? undefined : page.at(-1)?.event_id;
};

/** Deletes the oldest rows of any table. Answers how many. */
export const trimTable = async (
  db: Db,
  kind: DatabaseKind,
  { table, column, before, limit }: { table: string; column: string; before: string; limit: number },
): Promise<number> => {
  const [from, age] = [sql.table(table), sql.ref(column)];
  const { numAffectedRows = 0n } =
    kind === "postgres"
      ? await sql`delete from ${from} where ctid = any(array(
          select ctid from ${from} where ${age} < ${before} order by ${age} limit ${limit}))`.execute(db)
      : await sql`delete from ${from} where rowid in (
          select rowid from ${from} where ${age} < ${before} order by ${age} limit ${limit})`.execute(db);
  return Number(numAffectedRows);
};
