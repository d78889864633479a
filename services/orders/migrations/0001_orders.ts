import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table orders (
      id text primary key,
      number text not null unique,
      user_id text not null,
      customer jsonb not null,
      status text not null,
      lines jsonb not null,
      totals jsonb not null,
      shipping_address jsonb not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`.execute(db);
  await sql`create index orders_user on orders (user_id, id)`.execute(db);
  await sql`create index orders_status on orders (status, id)`.execute(db);
  await sql`
    create table order_history (
      order_id text not null references orders (id),
      seq integer not null,
      status text not null,
      at timestamptz not null,
      reason text,
      primary key (order_id, seq)
    )`.execute(db);
  await sql`
    create table return_request (
      id text primary key,
      order_id text not null references orders (id),
      idempotency_key text not null,
      request_hash text not null,
      status text not null check (status in ('requested', 'received', 'refunded', 'rejected')),
      lines jsonb not null,
      received jsonb not null,
      reason text not null,
      rejection text,
      refund bigint check (refund >= 0),
      currency text not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      unique (order_id, idempotency_key),
      check ((status = 'rejected') = (rejection is not null)),
      check ((status in ('received', 'refunded')) = (refund is not null))
    )`.execute(db);
  await sql`
    create table idempotency (
      user_id text not null,
      key text not null,
      request_hash text not null,
      answer jsonb not null,
      created_at timestamptz not null,
      primary key (user_id, key)
    )`.execute(db);
};
