import type { CallMesh, Missing } from "../../operations/ask-services.ts";
import { sagaTimeline } from "../../operations/sagas.ts";
import { short, table } from "./table.ts";

/** What a table lacks because services have not answered. */
export const lacking = (missing: readonly Missing[]): string =>
  missing.length === 0 ? "" : `\nNo answer from ${missing.map(({ service }) => service).join(", ")}: what they know is not here.`;

/** `saga <orderId>` */
export const showSaga = async (call: CallMesh, orderId: string): Promise<string> => {
  const { steps, missing } = await sagaTimeline(call, orderId);
  if (steps.length === 0) return `Nobody knows anything of ${orderId}.${lacking(missing)}`;
  const rows = steps.map(({ at, service, direction, event, status, attempts, traceId, error }) => [
    at,
    service,
    direction,
    event,
    status,
    attempts || "",
    traceId,
    short(error),
  ]);
  return table(["at", "service", "", "event", "status", "attempts", "trace", "last error"], rows) + lacking(missing);
};

/** As many as a person reads. */
const MOST_STUCK = 100;

/** `sagas --stuck` */
export const listStuckSagas = async (call: CallMesh, olderThanMinutes: number): Promise<string> => {
  const { items, nextCursor } = await call("v1.orders.listStuck", { olderThanMinutes, limit: MOST_STUCK });
  if (items.length === 0) return `No order has been on its way for more than ${olderThanMinutes} minutes.`;
  const rows = items.map(({ orderId, number, status, since }) => [orderId, number, status, since]);
  return table(["order", "number", "status", "since"], rows) + (nextCursor === null ? "" : "\nThere are more.");
};
