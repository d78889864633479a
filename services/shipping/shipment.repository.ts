import type { Shipment } from "@molecart/mixins/contracts/shipping.ts";
import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Selectable, Transaction } from "kysely";
import type { ShipmentTable, ShippingTables } from "./shipment.table.ts";
import type { Label, Parcel, StoredShipment } from "./shipment.ts";

export type Tables = ShippingTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

const parcelOf = ({ number, customer, lines, address }: Selectable<ShipmentTable>): Parcel | null =>
  number === null || customer === null || lines === null || address === null ? null : { number, customer, lines, address };

const labelOf = ({ carrier, tracking_number }: Selectable<ShipmentTable>): Label | null =>
  carrier === null || tracking_number === null ? null : { carrier, trackingNumber: tracking_number };

const withHistory = async (db: Db, row: Selectable<ShipmentTable>): Promise<StoredShipment> => ({
  id: row.id,
  orderId: row.order_id,
  status: row.status,
  parcel: parcelOf(row),
  label: labelOf(row),
  history: await findHistory(db, row.id),
  createdAt: row.created_at,
});

const findHistory = (db: Db, shipmentId: string): Promise<Shipment["history"]> =>
  db.selectFrom("shipment_history").select(["status", "at"]).where("shipment_id", "=", shipmentId).orderBy("seq").execute();

export const findShipmentOf = async (db: Db, orderId: string): Promise<StoredShipment | undefined> => {
  const row = await db.selectFrom("shipment").selectAll().where("order_id", "=", orderId).executeTakeFirst();
  return row && withHistory(db, row);
};

/** Holds the shipment until the transaction ends: nothing else can happen to it meanwhile. */
const lockBy = async (trx: Trx, column: "id" | "order_id", value: string): Promise<StoredShipment | undefined> => {
  const row = await trx.selectFrom("shipment").selectAll().where(column, "=", value).$call(forUpdate(trx)).executeTakeFirst();
  return row && withHistory(trx, row);
};

export const lockShipment = (trx: Trx, shipmentId: string) => lockBy(trx, "id", shipmentId);

export const lockShipmentOf = (trx: Trx, orderId: string) => lockBy(trx, "order_id", orderId);

/** Answers false when the order has a shipment already. A concurrent transaction that has just inserted one is waited for. */
export const insertShipment = async (trx: Trx, { parcel, label, ...shipment }: StoredShipment): Promise<boolean> => {
  const inserted = await trx
    .insertInto("shipment")
    .values({
      id: shipment.id,
      order_id: shipment.orderId,
      status: shipment.status,
      number: parcel?.number,
      customer: parcel && JSON.stringify(parcel.customer),
      lines: parcel && JSON.stringify(parcel.lines),
      address: parcel && JSON.stringify(parcel.address),
      carrier: label?.carrier,
      tracking_number: label?.trackingNumber,
      created_at: shipment.createdAt,
      updated_at: shipment.createdAt,
    })
    .onConflict((conflict) => conflict.column("order_id").doNothing())
    .returning("id")
    .executeTakeFirst();
  if (inserted === undefined) return false;
  await insertHistory(trx, shipment, shipment.createdAt);
  return true;
};

const insertHistory = async (
  trx: Trx,
  { id, status, history }: Pick<StoredShipment, "id" | "status" | "history">,
  at: string,
): Promise<void> => {
  await trx.insertInto("shipment_history").values({ shipment_id: id, seq: history.length, status, at }).execute();
};

/** Writes the shipment's new status (its last history entry) and its label. */
export const setStatus = async (trx: Trx, shipment: StoredShipment, at: string): Promise<void> => {
  const { id, status, label } = shipment;
  await trx
    .updateTable("shipment")
    .set({ status, carrier: label?.carrier, tracking_number: label?.trackingNumber, updated_at: at })
    .where("id", "=", id)
    .execute();
  await insertHistory(trx, shipment, at);
};
