import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`create table note (order_id text not null, text text not null)`.execute(db);
};
