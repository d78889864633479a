import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table account (
      id text primary key,
      email text not null unique,
      name text not null,
      password_hash text not null,
      roles jsonb not null,
      created_at timestamptz not null,
      updated_at timestamptz not null
    )`.execute(db);
  await sql`
    create table address (
      id text primary key,
      account_id text not null references account (id),
      name text not null,
      line1 text not null,
      line2 text,
      city text not null,
      postal_code text not null,
      country text not null,
      created_at timestamptz not null
    )`.execute(db);
  await sql`create index address_account on address (account_id, id)`.execute(db);
  await sql`
    create table refresh_token (
      id text primary key,
      family_id text not null,
      account_id text not null references account (id),
      token_hash text not null unique,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      used_at timestamptz,
      revoked_at timestamptz
    )`.execute(db);
  await sql`create index refresh_token_family on refresh_token (family_id)`.execute(db);
  await sql`create index refresh_token_account on refresh_token (account_id)`.execute(db);
  await sql`create index refresh_token_expiry on refresh_token (expires_at)`.execute(db);
  await sql`
    create table signing_key (
      kid text primary key,
      generation integer not null unique,
      algorithm text not null,
      private_jwk text not null,
      public_jwk jsonb not null,
      created_at timestamptz not null,
      not_after timestamptz
    )`.execute(db);
};
