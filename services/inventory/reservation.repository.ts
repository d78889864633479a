import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { ReleaseCause, Reservation, ReservationStatus } from "./reservation.ts";
import type { Trx } from "./stock.repository.ts";

/** Answers false when the order has a reservation already. A concurrent transaction that has just inserted one is waited for. */
export const insertReservation = async (trx: Trx, reservation: Reservation, at: string): Promise<boolean> => {
  const inserted = await trx
    .insertInto("reservation")
    .values({
      order_id: reservation.orderId,
      status: reservation.status,
      released_by: reservation.releasedBy,
      expires_at: reservation.expiresAt,
      lines: JSON.stringify(reservation.lines),
      created_at: at,
      updated_at: at,
    })
    .onConflict((conflict) => conflict.column("order_id").doNothing())
    .returning("order_id")
    .executeTakeFirst();
  return inserted !== undefined;
};

/** Holds the reservation until the transaction ends: nothing else can happen to it meanwhile. */
export const lockReservation = async (trx: Trx, orderId: string): Promise<Reservation | undefined> => {
  const row = await trx
    .selectFrom("reservation")
    .selectAll()
    .where("order_id", "=", orderId)
    .$call(forUpdate(trx))
    .executeTakeFirst();
  return (
    row && {
      orderId: row.order_id,
      status: row.status,
      releasedBy: row.released_by,
      expiresAt: row.expires_at,
      lines: row.lines,
    }
  );
};

export const setStatus = async (
  trx: Trx,
  orderId: string,
  status: ReservationStatus,
  releasedBy: ReleaseCause | null,
  at: string,
): Promise<void> => {
  await trx
    .updateTable("reservation")
    .set({ status, released_by: releasedBy, updated_at: at })
    .where("order_id", "=", orderId)
    .execute();
};
