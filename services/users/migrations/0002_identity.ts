import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`alter table account add column token_version integer not null default 1`.execute(db);
  await sql`alter table account add column disabled_at timestamptz`.execute(db);
  await sql`alter table signing_key add column signs_from timestamptz`.execute(db);
  await sql`update signing_key set signs_from = created_at`.execute(db);
  await sql`
    create table sign_in_throttle (
      subject text primary key,
      tries integer not null,
      locked_until bigint not null,
      last_at bigint not null
    )`.execute(db);
  await sql`create index sign_in_throttle_age on sign_in_throttle (last_at)`.execute(db);
  await sql`
    create table password_reset (
      id text primary key,
      account_id text not null references account (id),
      token_hash text not null unique,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      closed_at timestamptz
    )`.execute(db);
  await sql`create index password_reset_account on password_reset (account_id, created_at)`.execute(db);
  await sql`create index password_reset_expiry on password_reset (expires_at)`.execute(db);
  await sql`
    create table revocation (
      kind text not null,
      id text not null,
      version integer not null,
      revoked_at timestamptz not null,
      until timestamptz not null,
      primary key (kind, id)
    )`.execute(db);
  await sql`create index revocation_order on revocation (revoked_at, kind, id)`.execute(db);
  await sql`create index revocation_end on revocation (until)`.execute(db);
  await sql`
    create table api_key (
      id text primary key,
      account_id text not null references account (id),
      name text not null,
      prefix text not null,
      key_hash text not null unique,
      scopes jsonb not null,
      created_at timestamptz not null,
      expires_at timestamptz,
      last_used_at timestamptz,
      revoked_at timestamptz
    )`.execute(db);
  await sql`create index api_key_account on api_key (account_id, id)`.execute(db);
  await sql`
    create table user_audit (
      id text primary key,
      account_id text not null references account (id),
      at timestamptz not null,
      actor text not null,
      action text not null,
      reason text,
      roles_before jsonb not null,
      roles_after jsonb not null
    )`.execute(db);
  await sql`create index user_audit_account on user_audit (account_id, id)`.execute(db);
};
