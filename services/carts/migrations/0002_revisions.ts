import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table cart_revision (
      id integer primary key check (id = 1),
      last bigint not null
    )`.execute(db);
};
