import { sql } from "kysely";
import type { Up } from "../migrate.ts";

/** outbox, inbox and jobs: in every service with a SQL store. */
export const up: Up = async (db, kind) => {
  const serial = sql.raw(kind === "postgres" ? "bigserial primary key" : "integer primary key autoincrement");
  await sql`
    create table outbox (
      seq ${serial},
      event_id text not null unique,
      type text not null,
      aggregate_id text not null,
      envelope jsonb not null,
      created_at timestamptz not null,
      published_at timestamptz
    )`.execute(db);
  // The relay looks at what is not published only: these stay small however long the outbox grows.
  await sql`create index outbox_unpublished on outbox (aggregate_id, seq) where published_at is null`.execute(db);
  await sql`create index outbox_unpublished_seq on outbox (seq) where published_at is null`.execute(db);
  await sql`create index outbox_aggregate on outbox (aggregate_id)`.execute(db);
  await sql`
    create table inbox (
      event_id text primary key,
      type text not null,
      aggregate_id text not null,
      status text not null check (status in ('processed', 'failed', 'dead', 'discarded')),
      attempts integer not null,
      envelope jsonb,
      error_code text,
      error_message text,
      request_id text,
      received_at timestamptz not null,
      processed_at timestamptz
    )`.execute(db);
  await sql`create index inbox_aggregate on inbox (aggregate_id)`.execute(db);
  await sql`create index inbox_unsettled on inbox (status, received_at) where status in ('failed', 'dead')`.execute(db);
  await sql`
    create table job (
      id text primary key,
      kind text not null,
      aggregate_id text not null,
      data jsonb not null,
      due_at bigint not null,
      attempts integer not null default 0,
      last_error text,
      correlation jsonb,
      created_at timestamptz not null
    )`.execute(db);
  await sql`create index job_due on job (due_at)`.execute(db);
  await sql`create index job_aggregate on job (aggregate_id)`.execute(db);
};
