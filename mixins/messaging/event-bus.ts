import type { EventName } from "../contracts/index.ts";
import type { Envelope } from "./envelope.ts";

/** Durable delivery between services: what is published is delivered to every consumer at least once, over any restart.
 *
 *  consumer   a service's interest in one event; brokers of the same service share it. Its backlog waits while no broker runs.
 *  delivery   one attempt to hand an event to a consumer. It ends with `ack` or `retry`; a delivery that ends with neither
 *             (the broker died) is handed out again when its lease is over.
 *  lease      how long a delivery may take before it is handed out again; `extend` renews it. */
export interface EventBus {
  /** Resolves once the transport is usable; waits for it while it is not there yet. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when the events are stored durably, in the given order. Publishing an event again has no effect for some
   *  minutes; the consumers' inboxes take care of later repeats. `receipt` is given the place of the last one in the bus'
   *  store. Rejects with `Unavailable`. */
  publish(envelopes: readonly Envelope[], receipt?: (position: number) => void): Promise<void>;
  /** Goes up whenever the store behind the bus may have become another one, or may have lost its end: then whoever keeps what
   *  was published asks `identify` and `holds`. In memory. */
  readonly sightings: number;
  /** The identity of the store that events are published to: another one once the store was lost and made anew. Rejects with
   *  `Unavailable`. */
  identify(): Promise<string>;
  /** Whether the event is where `publish` has stored it. One that was taken out for its age counts as held. Rejects with
   *  `Unavailable`. */
  holds(eventId: string, position: number): Promise<boolean>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Rejects with `Unavailable` while the transport is out of reach. */
  ping(): Promise<void>;
  /** Events that wait for a consumer, delivered ones without an answer included. */
  backlog(consumer: Consumer): Promise<number>;
}

export interface Consumer {
  service: string;
  event: EventName;
}

export interface SubscribeOptions extends Consumer {
  /** Deliveries in hand at the same time. */
  concurrency: number;
  /** The longest delay that `retry` is given. */
  maxRetryMs?: number;
  /** Must end every delivery that it is given, and never reject. */
  onDelivery(delivery: Delivery): Promise<void>;
}

export interface Subscription {
  /** Takes no new deliveries and resolves when those in hand have ended. */
  stop(): Promise<void>;
}

export interface Delivery {
  /** Not an envelope when something else was published on the event's subject. */
  readonly message: Envelope | { malformed: string; id: string };
  ack(): void;
  /** Hands the event out again after a while. Whole milliseconds. */
  retry(delayMs: number): void;
  extend(): void;
}

/** How long events are kept on a bus between brokers: longer than any outage that goes unnoticed, also for a consumer that is
 *  deployed later. What is older is not sent again after a loss of the bus' store. */
export const STREAM_RETENTION_MS = 30 * 24 * 3_600_000;

/** What a broker had in hand when it was killed is handed out again after this time. Extended at a third of it. */
export const LEASE_MS = 5_000;

export const consumerName = ({ service, event }: Consumer): string => `${service}__${event.replaceAll(".", "-")}`;
