import type { EventData, EventName } from "../contracts/index.ts";
import { currentCorrelation, newTraceparent } from "../lib/correlation.ts";
import { newId } from "../lib/ids.ts";

/** An event as it travels and is stored. Payload schemas live in `contracts`. */
export interface Envelope<N extends EventName = EventName> {
  /** UUIDv7; every copy of the event carries the same. */
  id: string;
  type: N;
  /** Of the payload's shape. */
  version: number;
  /** ISO 8601, UTC. */
  occurredAt: string;
  /** What the event is about (an order's, product's or user's id): the relay keeps the order within one aggregate. */
  aggregateId: string;
  traceparent: string;
  requestId: string;
  data: EventData<N>;
}

export const newEnvelope = <N extends EventName>(
  type: N,
  aggregateId: string,
  data: EventData<N>,
  occurredAt: string,
): Envelope<N> => {
  const correlation = currentCorrelation();
  const id = newId();
  return {
    id,
    type,
    version: 1,
    occurredAt,
    aggregateId,
    traceparent: correlation?.traceparent ?? newTraceparent(),
    requestId: correlation?.requestId ?? id,
    data,
  };
};

/** NATS takes a megabyte, headers included. */
const MAX_BYTES = 1_000_000;

/** The event as it waits in an outbox. One that the bus would never take is refused before anything is committed: there it
 *  would hold up all the others. */
export const encodeEnvelope = (envelope: Envelope): string => {
  const text = JSON.stringify(envelope);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES)
    throw new RangeError(`${envelope.type} of ${envelope.aggregateId} has ${bytes} bytes: too many for an event`);
  return text;
};

/** What the stores keep beside the event, so it must fit into a text column of each. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for
const isPlainText = (value: unknown): boolean => typeof value === "string" && !/[\0-\x1f\ud800-\udfff]/u.test(value);

export const isEnvelope = (value: unknown): value is Envelope => {
  const { id, type, aggregateId, requestId, data } = (value ?? {}) as Partial<Record<keyof Envelope, unknown>>;
  return (
    [id, type, aggregateId].every(isPlainText) &&
    (requestId === undefined || isPlainText(requestId)) &&
    typeof data === "object" &&
    data !== null
  );
};
