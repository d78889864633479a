import { type Kysely, sql } from "kysely";
import type { Up } from "../migrate.ts";

/** Parked events, fingerprints of dead letters, and what operators have done with them. */
export const up: Up = async (db, kind) => {
  if (kind === "postgres") {
    await sql`alter table inbox drop constraint inbox_status_check`.execute(db);
    await sql`
      alter table inbox
        add column fingerprint text,
        add column trace_id text,
        add column arrival bigint,
        add constraint inbox_status_check check (status in ('processed', 'failed', 'dead', 'parked', 'discarded'))`.execute(db);
    await sql`create sequence inbox_arrival`.execute(db);
  } else {
    await rebuildInbox(db);
  }
  await rest(db);
};

/** SQLite cannot change a check. */
const rebuildInbox = async (db: Kysely<never>): Promise<void> => {
  await sql`
    create table inbox_new (
      event_id text primary key,
      type text not null,
      aggregate_id text not null,
      status text not null check (status in ('processed', 'failed', 'dead', 'parked', 'discarded')),
      attempts integer not null,
      envelope jsonb,
      error_code text,
      error_message text,
      fingerprint text,
      request_id text,
      trace_id text,
      arrival bigint,
      received_at timestamptz not null,
      processed_at timestamptz
    )`.execute(db);
  const columns = sql.raw(
    "event_id, type, aggregate_id, status, attempts, envelope, error_code, error_message, request_id, received_at, processed_at",
  );
  await sql`insert into inbox_new (${columns}) select ${columns} from inbox`.execute(db);
  await sql`drop table inbox`.execute(db);
  await sql`alter table inbox_new rename to inbox`.execute(db);
  await sql`create index inbox_aggregate on inbox (aggregate_id)`.execute(db);
  await sql`create index inbox_unsettled on inbox (status, received_at) where status in ('failed', 'dead')`.execute(db);
};

const rest = async (db: Kysely<never>): Promise<void> => {
  // Asked by every event that arrives. Empty while nothing is dead, and small otherwise.
  await sql`create index inbox_blocking on inbox (aggregate_id, arrival) where status in ('dead', 'parked')`.execute(db);
  await sql`create index inbox_dead on inbox (fingerprint, event_id) where status = 'dead'`.execute(db);
  await sql`
    create table if not exists dead_letter_audit (
      id text primary key,
      event_id text not null,
      at timestamptz not null,
      actor text not null,
      action text not null check (action in ('replayed', 'edited', 'discarded')),
      reason text,
      old_data jsonb,
      new_data jsonb
    )`.execute(db);
  await sql`create index if not exists dead_letter_audit_event on dead_letter_audit (event_id, id)`.execute(db);
};
