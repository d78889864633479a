import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

/** Old keys are taken out, the oldest first. */
export const up: Up = async (db) => {
  await sql`create index idempotency_age on idempotency (created_at)`.execute(db);
};
