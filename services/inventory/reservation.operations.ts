import type { EventData } from "@molecart/mixins/contracts/index.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { insertReservation, lockReservation, setStatus } from "./reservation.repository.ts";
import { causeOf, nextStep, type Reservation, type Settlement, settlements, type Trigger, tombstone } from "./reservation.ts";
import { NotReservedYet, StockNotHeld } from "./stock.errors.ts";
import { type InventoryWork, stockAfter, tellTurns } from "./stock.operations.ts";
import { insertMovements, lockStock, setReserved, setStock } from "./stock.repository.ts";
import { demandOf, type Line, shortagesOf } from "./stock.ts";

const expiryJob = (orderId: string): string => `reservation-expiry:${orderId}`;

/** Reserves all lines of an order or none, and says which. An order that is known already, if only by its end, is left alone. */
export const reserve = async (
  work: InventoryWork,
  { orderId, lines }: Pick<EventData<"order.created">, "orderId" | "lines">,
  reservationMs: number,
): Promise<void> => {
  const demand = demandOf(lines);
  const dueAt = Date.parse(work.now) + reservationMs;
  const reservation: Reservation = { orderId, status: "held", releasedBy: null, expiresAt: isoTime(dueAt), lines: demand };
  // Before the stock: a cancellation that is handled at the same moment waits here for the outcome.
  if (!(await insertReservation(work.trx, reservation, work.now))) return;

  const stock = await lockStock(
    work.trx,
    demand.map(({ sku }) => sku),
  );
  const shortages = shortagesOf(demand, stock);
  if (shortages.length > 0) {
    await setStatus(work.trx, orderId, "released", "stock.rejected", work.now);
    work.emit("stock.rejected", orderId, { orderId, shortages });
    return;
  }
  for (const line of demand) await hold(work, orderId, line);
  await tellTurns(work, stock, stockAfter(stock, demand, HELD));
  await work.schedule({ id: expiryJob(orderId), kind: "reservation-expiry", aggregateId: orderId, dueAt });
  work.emit("stock.reserved", orderId, {
    orderId,
    lines: lines.map(({ sku, quantity }) => ({ sku, quantity })),
    expiresAt: isoTime(dueAt),
  });
};

/** One unit that is kept for an order. */
const HELD = { onHand: 0, reserved: 1 };

/** The rows are locked and were found sufficient, so the guard never stops us; were it to, the whole reservation is undone. */
const hold = async (work: InventoryWork, orderId: string, line: Line): Promise<void> => {
  if (!(await setReserved(work.trx, line)))
    throw new Error(`${line.quantity} of ${line.sku} for ${orderId} are gone under the lock`);
};

/** Something has happened to an order or to its reservation: does what the table of steps says. */
export const react = async (work: InventoryWork, orderId: string, trigger: Trigger): Promise<void> => {
  // The job's row before the reservation's, as the expiry itself takes them: the other way round the two could wait for each other.
  await work.unschedule(expiryJob(orderId));
  const reservation = await lockReservation(work.trx, orderId);
  const step = nextStep(reservation, trigger);
  switch (step) {
    case "commit":
    case "release":
    case "give back":
      return settle(work, reservation as Reservation, step, trigger);
    case "expire":
      await setStatus(work.trx, orderId, "expiring", null, work.now);
      work.emit("reservation.expired", orderId, { orderId });
      return;
    case "remember":
      if (await insertReservation(work.trx, tombstone(orderId, causeOf(trigger)), work.now)) return;
      // Another broker has committed one since we looked; from now on it is seen.
      return react(work, orderId, trigger);
    case "close":
      return setStatus(work.trx, orderId, "released", causeOf(trigger), work.now);
    case "wait":
      throw new NotReservedYet(orderId);
    case "refuse":
      throw new StockNotHeld(orderId, String(reservation?.releasedBy));
    case "nothing":
      return;
    default:
      return step satisfies never;
  }
};

const settle = async (
  work: InventoryWork,
  { orderId, lines }: Reservation,
  settlement: Settlement,
  trigger: Trigger,
): Promise<void> => {
  const { status, perUnit } = settlements[settlement];
  const before = await lockStock(
    work.trx,
    lines.map(({ sku }) => sku),
  );
  for (const { sku, quantity } of lines) {
    await setStock(work.trx, sku, {
      onHand: perUnit.onHand * quantity,
      reserved: perUnit.reserved * quantity,
      sold: perUnit.sold * quantity,
    });
  }
  await tellTurns(work, before, stockAfter(before, lines, perUnit));
  if (perUnit.onHand !== 0 && lines.length > 0) {
    await insertMovements(
      work.trx,
      lines.map(({ sku, quantity }) => ({ sku, kind: "sold", quantity: perUnit.onHand * quantity, orderId })),
      work.now,
    );
  }
  await setStatus(work.trx, orderId, status, status === "released" ? causeOf(trigger) : null, work.now);
};
