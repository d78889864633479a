import { sql } from "kysely";
import type { Up } from "../migrate.ts";

/** Which store of the event bus the outbox was published to, and what housekeeping there is. */
export const up: Up = async (db) => {
  await sql`alter table outbox add column bus_position bigint`.execute(db);
  await sql`
    create table outbox_stream (
      id integer primary key check (id = 1),
      stream text not null,
      epoch integer not null,
      resend_after bigint not null,
      resend_until bigint not null
    )`.execute(db);
  await sql`
    create table housekeeping (
      task text primary key,
      due_at bigint not null,
      trimmed_before timestamptz
    )`.execute(db);
};
