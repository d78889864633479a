import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { DatabaseKind } from "../database/database.ts";
import { forUpdate } from "../database/for-update.ts";
import type { MessagingTables, OutboxStreamTable } from "../database/messaging.table.ts";

type Db = Kysely<MessagingTables>;
type Trx = Transaction<MessagingTables>;
export type StreamRow = Selectable<OutboxStreamTable>;

/** The next rows to send: of each aggregate only the oldest unsent one, so that two relays never overtake each other
 *  within an aggregate. (While the oldest is locked by another relay, it is still unsent, and the later ones wait.) */
export const claimUnsent = (db: Db, kind: DatabaseKind, limit: number) =>
  db
    .selectFrom("outbox")
    .select(["seq", "aggregate_id", "envelope"])
    .where("published_at", "is", null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("outbox as earlier")
            .select("earlier.seq")
            .whereRef("earlier.aggregate_id", "=", "outbox.aggregate_id")
            .whereRef("earlier.seq", "<", "outbox.seq")
            .where("earlier.published_at", "is", null),
        ),
      ),
    )
    .orderBy("seq")
    .limit(limit)
    .$if(kind === "postgres", (query) => query.forUpdate().skipLocked())
    .execute();

export interface Stamp {
  seqs: readonly number[];
  at: string;
  /** Of the last of `seqs`. */
  position: number | undefined;
  epoch: number;
}

/** Answers false, and stamps nothing, when the bus has lost its store since: what was published then is gone with it.
 *
 *  The shared lock makes who declares a loss wait for stamps that are about to be committed: they are among what he sends again. */
export const stamp = async (trx: Trx, kind: DatabaseKind, { seqs, at, position, epoch }: Stamp): Promise<boolean> => {
  const lock = sql.raw(kind === "postgres" ? "for share" : "");
  const { numAffectedRows } = await sql`
    with stream as (select id from outbox_stream where epoch = ${epoch} ${lock})
    update outbox set published_at = ${at},
      bus_position = case when seq = ${seqs.at(-1)} then cast(${position ?? null} as bigint) end
    where seq in (${sql.join(seqs)}) and exists (select 1 from stream)`.execute(trx);
  return numAffectedRows !== 0n;
};

export const findStream = (db: Db): Promise<StreamRow | undefined> =>
  db.selectFrom("outbox_stream").selectAll().executeTakeFirst();

/** Changes nothing when there is one. */
export const insertStream = async (db: Db, stream: string): Promise<void> => {
  await db
    .insertInto("outbox_stream")
    .values({ id: 1, stream, epoch: 1, resend_after: 0, resend_until: 0 })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
};

/** Brokers stamp side by side: the highest place is not always that of the last row. */
const LAST_ROWS = 100;

/** The last event that the bus' store is known to have, and where. Rows that wait to be sent again tell of another store. */
export const findLastPlaced = async (
  db: Db,
  { resend_after, resend_until }: StreamRow,
): Promise<{ event_id: string; bus_position: number } | undefined> => {
  const rows = await db
    .selectFrom("outbox")
    .select(["event_id", "bus_position"])
    .where("bus_position", "is not", null)
    .where(({ or, eb }) => or([eb("seq", "<=", resend_after), eb("seq", ">", resend_until)]))
    .orderBy("seq", "desc")
    .limit(LAST_ROWS)
    .execute();
  return (rows as { event_id: string; bus_position: number }[]).reduce<{ event_id: string; bus_position: number } | undefined>(
    (last, row) => (last === undefined || row.bus_position > last.bus_position ? row : last),
    undefined,
  );
};

/** Everything that was published has to be sent again. Does nothing when another broker has declared the loss before. */
export const declareLoss = async (db: Db, stream: string, epoch: number): Promise<void> => {
  await db
    .updateTable("outbox_stream")
    .set({
      stream,
      epoch: epoch + 1,
      resend_after: 0,
      resend_until: sql<number>`(select coalesce(max(seq), 0) from outbox)`,
    })
    .where("epoch", "=", epoch)
    .execute();
};

/** Takes the stamps off the next rows that are to be sent again. Answers how many were, and whether there are more;
 *  undefined when the epoch is over. */
export const unstampNext = async (
  trx: Trx,
  { epoch, since, limit }: { epoch: number; since: string; limit: number },
): Promise<{ unstamped: number; isDone: boolean } | undefined> => {
  const found = await trx
    .selectFrom("outbox_stream")
    .selectAll()
    .where("epoch", "=", epoch)
    .$call(forUpdate(trx))
    .executeTakeFirst();
  if (found === undefined) return undefined;
  const { resend_after, resend_until } = found;
  if (resend_after >= resend_until) return { unstamped: 0, isDone: true };
  const page = await trx
    .selectFrom("outbox")
    .select("seq")
    .where("seq", ">", resend_after)
    .where("seq", "<=", resend_until)
    .orderBy("seq")
    .limit(limit)
    .execute();
  const upTo = page.length < limit ? resend_until : (page.at(-1)?.seq as number);
  const stale = trx.updateTable("outbox").where("seq", ">", resend_after).where("seq", "<=", upTo);
  await stale.set({ bus_position: null }).where("bus_position", "is not", null).execute();
  const { numUpdatedRows } = await stale
    .set({ published_at: null })
    .where("published_at", "is not", null)
    .where("created_at", ">=", since)
    .executeTakeFirst();
  await trx.updateTable("outbox_stream").set({ resend_after: upTo }).execute();
  return { unstamped: Number(numUpdatedRows), isDone: upTo === resend_until };
};
