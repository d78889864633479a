import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table cart (
      id text primary key,
      lines jsonb not null,
      expires_at bigint not null
    )`.execute(db);
  await sql`create index cart_expires on cart (expires_at)`.execute(db);
};
