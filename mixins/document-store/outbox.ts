import type { EventData, EventName } from "../contracts/index.ts";
import { type Envelope, encodeEnvelope, newEnvelope } from "../messaging/envelope.ts";
import type { EventBus } from "../messaging/event-bus.ts";
import { Poller } from "../messaging/poller.ts";
import type { Collection, Identified } from "./collection.ts";

/** An event that leaves with the write of its document. As text, because an event's data may have keys that a document's
 *  field must not have. */
export interface OutboxEntry {
  /** The event's id. */
  id: string;
  envelope: string;
}

/** A document that sends events. */
export interface WithOutbox extends Identified {
  /** Sent in this order; gone when the bus has stored them. */
  outbox: OutboxEntry[];
}

/** An event for a document's outbox: in the document that is inserted, or by `$push: { outbox: … }` in its update. */
export const outgoing = <N extends EventName>(
  type: N,
  aggregateId: string,
  data: EventData<N>,
  occurredAt: string,
): OutboxEntry => {
  const envelope = newEnvelope(type, aggregateId, data, occurredAt);
  return { id: envelope.id, envelope: encodeEnvelope(envelope) };
};

/** Finds the documents that have something to send without looking at the others. */
export const OUTBOX_INDEX = { fields: ["outbox.id"], sparse: true } as const;

/** Documents of one round. */
const BATCH = 200;
/** Another broker may have died between its write and its publish: look for what nobody relays. */
const MAX_SLEEP_MS = 1_000;

export interface DocumentRelayOptions {
  documents: Collection<WithOutbox>;
  bus: EventBus;
  onError(error: unknown): void;
}

/** Takes the events of written documents to the bus. An event is taken out of its document after the bus has stored it: a
 *  crash between the two publishes it again under the same id, and so may two brokers that relay at the same time. Each
 *  publishes a document's events in their order, and an event that the document gets meanwhile stays in it. */
export class DocumentRelay {
  readonly #options: DocumentRelayOptions;
  readonly #poller: Poller;

  constructor(options: DocumentRelayOptions) {
    this.#options = options;
    this.#poller = new Poller({ round: () => this.#round(), maxSleepMs: MAX_SLEEP_MS, onError: options.onError });
  }

  start(): void {
    this.#poller.start();
  }
  wake(): void {
    this.#poller.wake();
  }
  stop(): Promise<void> {
    return this.#poller.stop();
  }

  async #round(): Promise<"more" | number> {
    const { documents, bus } = this.#options;
    const waiting = await documents.find({ query: { "outbox.id": { $gt: "" } }, sort: ["outbox.id"], limit: BATCH });
    if (waiting.length === 0) return MAX_SLEEP_MS;
    const entries = waiting.flatMap(({ outbox }) => outbox);
    await bus.publish(entries.map(({ envelope }) => JSON.parse(envelope) as Envelope));
    await documents.updateMany(
      { _id: { $in: waiting.map(({ _id }) => _id) } },
      { $pull: { outbox: { id: { $in: entries.map(({ id }) => id) } } } },
    );
    return "more";
  }
}

/** The same collection, whose writes wake the relay. */
export const wakingRelay = <D extends Identified>(documents: Collection<D>, wake: () => void): Collection<D> => {
  const thenWake =
    <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const result = await write.apply(documents, args);
      wake();
      return result;
    };
  return {
    get: (id) => documents.get(id),
    findOne: (query) => documents.findOne(query),
    find: (options) => documents.find(options),
    count: (query) => documents.count(query),
    insert: thenWake(documents.insert),
    insertMany: thenWake(documents.insertMany),
    updateOne: thenWake(documents.updateOne),
    updateMany: thenWake(documents.updateMany),
    removeMany: (query) => documents.removeMany(query),
  };
};
