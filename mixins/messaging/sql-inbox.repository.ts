import { type Kysely, sql, type Transaction } from "kysely";
import type { AuditEntry } from "../contracts/operations.ts";
import type { DatabaseKind } from "../database/database.ts";
import type { InboxStatus, MessagingTables } from "../database/messaging.table.ts";
import { traceIdOf } from "../lib/correlation.ts";
import { newId } from "../lib/ids.ts";
import type { Envelope } from "./envelope.ts";
import type { Failure, Outcome } from "./inbox.ts";

export type Db = Kysely<MessagingTables>;
export type Trx = Transaction<MessagingTables>;

const row = (envelope: Envelope, at: string) => ({
  event_id: envelope.id,
  type: envelope.type,
  aggregate_id: envelope.aggregateId,
  attempts: 1,
  request_id: envelope.requestId,
  trace_id: traceIdOf(envelope.traceparent) ?? null,
  received_at: at,
});

const processedAt = (at: string) => ({
  status: "processed" as const,
  attempts: sql<number>`inbox.attempts + 1`,
  processed_at: at,
  envelope: null,
});

/** The event is ours to process when it is new, or failed before. The primary key makes a second broker that holds a copy of
 *  the event wait here until the first has committed or given up.
 *
 *  A new event is parked when one of its aggregate is dead here or parked: that is seen in the same statement, by an index
 *  that is empty while nothing is dead. An event that has failed before came before those, and does not wait for them. */
export const claim = async (trx: Trx, kind: DatabaseKind, envelope: Envelope, at: string): Promise<Outcome> => {
  const status = sql<InboxStatus>`case when exists (
    select 1 from inbox as earlier where earlier.aggregate_id = ${envelope.aggregateId} and earlier.status in ('dead', 'parked')
  ) then 'parked' else 'processed' end`;
  const claimed = await trx
    .insertInto("inbox")
    .values({ ...row(envelope, at), status, processed_at: at })
    .onConflict((conflict) =>
      conflict.column("event_id").doUpdateSet(processedAt(at)).where("inbox.status", "in", ["failed", "dead"]),
    )
    .returning("status")
    .executeTakeFirst();
  if (claimed === undefined) return "duplicate";
  if (claimed.status === "processed") return "processed";
  await trx
    .updateTable("inbox")
    .set({ attempts: 0, processed_at: null, envelope: JSON.stringify(envelope), arrival: nextArrival(kind) })
    .where("event_id", "=", envelope.id)
    .execute();
  return "parked";
};

/** SQLite has one writer at a time. */
const nextArrival = (kind: DatabaseKind) =>
  kind === "postgres" ? sql<number>`nextval('inbox_arrival')` : sql<number>`(select coalesce(max(arrival), 0) + 1 from inbox)`;

/** Of two brokers that release the same event, the second waits for the first's commit and then finds it processed. */
export const claimParked = async (trx: Trx, envelope: Envelope, at: string): Promise<Outcome> => {
  const claimed = await trx
    .updateTable("inbox")
    .set(processedAt(at))
    .where("event_id", "=", envelope.id)
    .where("status", "=", "parked")
    .where(isFirstOfItsAggregate)
    .returning("event_id")
    .executeTakeFirst();
  return claimed === undefined ? "duplicate" : "processed";
};

export const isFirstOfItsAggregate = sql<boolean>`not exists (
  select 1 from inbox as earlier
  where earlier.aggregate_id = inbox.aggregate_id and earlier.status in ('dead', 'parked')
    and (earlier.status = 'dead' or earlier.arrival < inbox.arrival))`;

export const claimForOperator = async (trx: Trx, envelope: Envelope, at: string): Promise<Outcome> => {
  const claimed = await trx
    .updateTable("inbox")
    .set(processedAt(at))
    .where("event_id", "=", envelope.id)
    .where("status", "in", ["dead", "parked"])
    .returning("event_id")
    .executeTakeFirst();
  return claimed === undefined ? "duplicate" : "processed";
};

/** PostgreSQL stores neither NUL nor half of a surrogate pair, and SQLite need not. What an operator is to read has a
 *  replacement character there: an event that could not even be buried would hold up its consumer for ever. */
const readable = (text: string): string => text.replaceAll("\0", "\ufffd").toWellFormed();

/** The same for JSON text, which has them escaped. */
const readableJson = (json: string): string =>
  json.replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (found) => (found === "\\\\" ? found : "\ufffd"));

export const note = async (
  db: Db,
  envelope: Envelope,
  change: { status: InboxStatus; failure: Failure; fingerprint: string | null; attempts: 0 | 1 },
  at: string,
): Promise<number> => {
  const { status, failure, fingerprint, attempts } = change;
  const error = {
    error_code: readable(failure.code),
    error_message: readable(failure.message.slice(0, 2_000)),
    fingerprint,
    envelope: readableJson(JSON.stringify(envelope)),
  };
  const noted = await db
    .insertInto("inbox")
    .values({ ...row(envelope, at), status, ...error })
    .onConflict((conflict) =>
      conflict
        .column("event_id")
        .doUpdateSet({
          ...error,
          status:
            status === "failed" ? sql<InboxStatus>`case when inbox.status = 'parked' then 'parked' else 'failed' end` : status,
          attempts: sql<number>`inbox.attempts + ${sql.lit(attempts)}`,
        })
        .where("inbox.status", "in", ["failed", "dead", "parked"]),
    )
    .returning("attempts")
    .executeTakeFirst();
  return noted?.attempts ?? 0;
};

export const insertAudit = async (
  trx: Trx,
  eventId: string,
  at: string,
  entry: { actor: string; action: AuditEntry["action"]; reason?: string; oldData?: unknown; newData?: unknown },
): Promise<void> => {
  const { actor, action, reason = null, oldData = null, newData = null } = entry;
  const data = { old_data: JSON.stringify(oldData), new_data: JSON.stringify(newData) };
  await trx
    .insertInto("dead_letter_audit")
    .values({ id: newId(), event_id: eventId, at, actor, action, reason, ...data })
    .execute();
};
