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

export const isEnvelope = (value: unknown): value is Envelope => {
  const { id, type, aggregateId, data } = (value ?? {}) as Partial<Record<keyof Envelope, unknown>>;
  return (
    typeof id === "string" &&
    typeof type === "string" &&
    typeof aggregateId === "string" &&
    typeof data === "object" &&
    data !== null
  );
};
