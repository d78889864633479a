import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table quote (
      id text primary key,
      user_id text not null,
      country text not null,
      lines jsonb not null,
      totals jsonb not null,
      created_at timestamptz not null,
      expires_at timestamptz not null,
      order_id text unique references orders (id)
    )`.execute(db);
  await sql`create index quote_age on quote (created_at)`.execute(db);
  await sql`
    create table ordered_cart (
      user_id text primary key,
      revision bigint not null,
      order_id text not null references orders (id)
    )`.execute(db);
};
