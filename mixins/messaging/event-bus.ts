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
   *  minutes; the consumers' inboxes take care of later repeats. Rejects with `Unavailable`. */
  publish(envelopes: readonly Envelope[]): Promise<void>;
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

/** What a broker had in hand when it was killed is handed out again after this time. Extended at a third of it. */
export const LEASE_MS = 5_000;

export const consumerName = ({ service, event }: Consumer): string => `${service}__${event.replaceAll(".", "-")}`;
