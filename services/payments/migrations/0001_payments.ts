import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table payment (
      id text primary key,
      order_id text not null unique,
      status text not null check (status in ('awaiting', 'charging', 'completed', 'failed', 'voided', 'refunding', 'refunded')),
      amount bigint,
      currency text,
      customer jsonb,
      number text,
      payment_token text,
      reserved boolean not null,
      cancel_requested boolean not null,
      cancel_reason text,
      charge_sent_at timestamptz,
      charge_result text check (charge_result in ('succeeded', 'declined', 'none')),
      charge_id text,
      card jsonb,
      failure_code text,
      captured bigint not null,
      refunding bigint not null,
      refunded bigint not null,
      reconciled_at timestamptz,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      check (captured >= 0 and refunding >= 0 and refunded >= 0),
      check (refunding + refunded <= captured)
    )`.execute(db);
  await sql`create index payment_status on payment (status, id)`.execute(db);
  await sql`create index payment_unreconciled on payment (id) where reconciled_at is null`.execute(db);
  await sql`
    create table refund (
      id text primary key,
      payment_id text not null references payment (id),
      order_id text not null,
      cause text not null check (cause in ('cancellation', 'staff', 'return')),
      cause_id text not null,
      amount bigint not null check (amount > 0),
      currency text not null,
      reason text not null,
      status text not null check (status in ('pending', 'succeeded')),
      provider_refund_id text,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      check ((status = 'succeeded') = (provider_refund_id is not null))
    )`.execute(db);
  await sql`create index refund_order on refund (order_id)`.execute(db);
  await sql`create index refund_pending on refund (created_at) where status = 'pending'`.execute(db);
  // A cancellation pays back once, and so does a return.
  await sql`create unique index refund_cause on refund (payment_id, cause, cause_id) where cause <> 'staff'`.execute(db);
  await sql`
    create table refund_answer (
      user_id text not null,
      key text not null,
      request_hash text not null,
      answer jsonb not null,
      created_at timestamptz not null,
      primary key (user_id, key)
    )`.execute(db);
  await sql`
    create table reconciliation_finding (
      payment_id text not null references payment (id),
      kind text not null,
      detail text not null,
      found_at timestamptz not null,
      seen_at timestamptz not null,
      primary key (payment_id, kind)
    )`.execute(db);
  await sql`
    create table ledger_entry (
      id text primary key,
      payment_id text not null references payment (id),
      order_id text not null,
      kind text not null check (kind in ('capture', 'refund')),
      refund_id text not null,
      account text not null,
      debit bigint not null check (debit >= 0),
      credit bigint not null check (credit >= 0),
      currency text not null,
      at timestamptz not null,
      check (debit = 0 or credit = 0),
      unique (payment_id, kind, refund_id, account)
    )`.execute(db);
  await sql`create index ledger_entry_order on ledger_entry (order_id)`.execute(db);
  await sql`
    create table provider_event (
      provider text not null,
      event_id text not null,
      type text not null,
      payment_id text,
      received_at timestamptz not null,
      primary key (provider, event_id)
    )`.execute(db);

  await sql`
    create table sandbox_token (
      token text primary key,
      brand text not null,
      last4 text not null,
      exp_month integer not null,
      exp_year integer not null,
      behaviour text not null,
      used_by text,
      created_at timestamptz not null,
      expires_at timestamptz not null
    )`.execute(db);
  await sql`create index sandbox_token_unused on sandbox_token (expires_at) where used_by is null`.execute(db);
  await sql`
    create table sandbox_charge (
      idempotency_key text primary key,
      charge_id text not null unique,
      amount bigint not null,
      currency text not null,
      status text not null check (status in ('succeeded', 'declined')),
      decline_code text,
      brand text,
      last4 text,
      created_at timestamptz not null
    )`.execute(db);
  await sql`
    create table sandbox_refund (
      idempotency_key text primary key,
      refund_id text not null unique,
      charge_id text not null references sandbox_charge (charge_id),
      amount bigint not null,
      currency text not null,
      created_at timestamptz not null
    )`.execute(db);
};
