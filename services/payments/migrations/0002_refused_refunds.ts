import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

/** SQLite cannot change a table's checks, so the refunds move into a table with others, on both databases alike. */
export const up: Up = async (db) => {
  await sql`
    create table refund_with_refusals (
      id text primary key,
      payment_id text not null references payment (id),
      order_id text not null,
      cause text not null check (cause in ('cancellation', 'staff', 'return')),
      cause_id text not null,
      amount bigint not null check (amount > 0),
      currency text not null,
      reason text not null,
      status text not null check (status in ('pending', 'succeeded', 'refused', 'settled')),
      provider_refund_id text,
      round integer not null default 0,
      key_round integer not null default 0,
      tried_since timestamptz,
      refusal_code text,
      method text,
      reference text,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      check ((status = 'succeeded') = (provider_refund_id is not null)),
      check (status <> 'refused' or refusal_code is not null),
      check ((status = 'settled') = (method is not null and reference is not null))
    )`.execute(db);
  await sql`
    insert into refund_with_refusals
      (id, payment_id, order_id, cause, cause_id, amount, currency, reason, status, provider_refund_id, tried_since, created_at, updated_at)
    select id, payment_id, order_id, cause, cause_id, amount, currency, reason, status, provider_refund_id, created_at, created_at, updated_at
    from refund`.execute(db);
  await sql`drop table refund`.execute(db);
  await sql`alter table refund_with_refusals rename to refund`.execute(db);
  await sql`create index refund_order on refund (order_id)`.execute(db);
  await sql`create index refund_pending on refund (created_at) where status = 'pending'`.execute(db);
  await sql`create index refund_refused on refund (status, id) where status in ('refused', 'settled')`.execute(db);
  // A cancellation pays back once, and so does a return.
  await sql`create unique index refund_cause on refund (payment_id, cause, cause_id) where cause <> 'staff'`.execute(db);
  await sql`
    create table refund_step (
      id text primary key,
      refund_id text not null references refund (id),
      action text not null check (action in ('refused', 'retried', 'settled')),
      actor text not null,
      reason text not null,
      at timestamptz not null
    )`.execute(db);
  await sql`create index refund_step_refund on refund_step (refund_id, id)`.execute(db);
  await sql`create index sandbox_token_user on sandbox_token (used_by) where used_by is not null`.execute(db);
};
