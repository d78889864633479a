import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

/** Counts the turns of a SKU between sold out and in stock, so that who is told of them knows which is the later. */
export const up: Up = async (db) => {
  await sql`alter table stock add column availability_version bigint not null default 0`.execute(db);
};
