import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db) => {
  await sql`
    create table shipment (
      id text primary key,
      order_id text not null unique,
      status text not null check (status in ('pending', 'dispatched', 'delivered', 'cancelled')),
      number text,
      customer jsonb,
      lines jsonb,
      address jsonb,
      carrier text,
      tracking_number text,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      check (status = 'cancelled' or (number is not null and customer is not null and lines is not null and address is not null)),
      check ((status in ('dispatched', 'delivered')) = (carrier is not null and tracking_number is not null))
    )`.execute(db);
  await sql`
    create table shipment_history (
      shipment_id text not null references shipment (id),
      seq integer not null,
      status text not null,
      at timestamptz not null,
      primary key (shipment_id, seq)
    )`.execute(db);
};
