import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table cart_addition (
      cart_id text not null,
      key text not null,
      request text not null,
      expires_at bigint not null,
      primary key (cart_id, key)
    )`.execute(db);
  await sql`create index cart_addition_expires on cart_addition (expires_at)`.execute(db);
};
