import type { Up } from "@molecart/mixins/database/migrate.ts";
import { sql } from "kysely";

export const up: Up = async (db, kind) => {
  // Rows are locked in the order of their SKUs: both databases must sort as the program does, by bytes.
  const sku = sql.raw(kind === "postgres" ? `text collate "C"` : "text");
  await sql`
    create table stock (
      sku ${sku} primary key,
      on_hand bigint not null,
      reserved bigint not null,
      sold bigint not null,
      check (reserved >= 0 and reserved <= on_hand),
      check (sold >= 0)
    )`.execute(db);
  await sql`
    create table stock_movement (
      id text primary key,
      sku ${sku} not null references stock (sku),
      kind text not null check (kind in ('received', 'counted', 'sold', 'returned')),
      quantity bigint not null check (quantity <> 0),
      order_id text,
      at timestamptz not null,
      check ((kind in ('sold', 'returned')) = (order_id is not null)),
      check (kind <> 'returned' or quantity > 0)
    )`.execute(db);
  await sql`create index stock_movement_sku on stock_movement (sku)`.execute(db);
  await sql`create index stock_movement_order on stock_movement (order_id) where order_id is not null`.execute(db);
  await sql`
    create table reservation (
      order_id text primary key,
      status text not null check (status in ('held', 'expiring', 'committed', 'released')),
      released_by text check (released_by in ('stock.rejected', 'payment.failed', 'order.cancelled')),
      expires_at timestamptz,
      lines jsonb not null,
      created_at timestamptz not null,
      updated_at timestamptz not null,
      check ((status = 'released') = (released_by is not null))
    )`.execute(db);
  await sql`create index reservation_open on reservation (expires_at) where status in ('held', 'expiring')`.execute(db);
};
