import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

/** Longer than any statement of a service may take, and than PostgreSQL may be silent. */
export const up: Up = async (db) => {
  await sql`create table slow (id integer)`.execute(db);
  await sql`insert into slow select 1 from pg_sleep(13)`.execute(db);
};
