import type { EventData, EventName } from "../contracts/index.ts";
import { type Envelope, encodeEnvelope, newEnvelope } from "../messaging/envelope.ts";
import type { EventBus } from "../messaging/event-bus.ts";
import { Poller } from "../messaging/poller.ts";
import { type Collection, DuplicateKey, type Filter, type Identified } from "./collection.ts";

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

/** How a document tells of itself once more when the bus has lost what it sent. Documents keep no events that are sent: the state
 *  as it is now, under an event of its own, takes the place of all that was said of the document before. */
export interface Restatement {
  event: OutboxEntry;
  /** Matches the document while the event is true, such as `{ version: 7 }`. A write in between sends its own event. */
  while: Filter;
}

/** One document: the store of the event bus that this collection's events were published to. */
export interface StreamDocument extends Identified {
  _id: "stream";
  stream: string;
  /** Goes up with each loss. */
  epoch: number;
  /** Documents with a greater id are still to be restated; null: none. */
  restateAfter: string | null;
  /** An event that the bus has stored, and where. Written now and then. */
  place: Place | null;
}

interface Place {
  eventId: string;
  position: number;
}

/** Documents of one round. */
const BATCH = 200;
/** Documents that are restated in one round. */
const RESTATE_BATCH = 100;
/** Another broker may have died between its write and its publish: look for what nobody relays. */
const MAX_SLEEP_MS = 1_000;
/** A loss of the bus' end while no broker runs is noticed for what was published until then. */
const SAVE_PLACE_EVERY_MS = 30_000;

export interface DocumentRelayOptions<D extends WithOutbox = WithOutbox> {
  documents: Collection<D>;
  /** Of one document, which the relay writes. */
  state: Collection<StreamDocument>;
  restate(document: D): Restatement;
  bus: EventBus;
  onError(error: unknown): void;
  /** The bus has lost what was published; every document is announced again. */
  onLoss?(detail: { stream: string; epoch: number }): void;
}

/** Takes the events of written documents to the bus. An event is taken out of its document after the bus has stored it: a
 *  crash between the two publishes it again under the same id, and so may two brokers that relay at the same time. Each
 *  publishes a document's events in their order, and an event that the document gets meanwhile stays in it.
 *
 *  When the bus has lost its store, or the end of it, each document is restated. A broker that dies on the way leaves it to the
 *  others, who may restate some documents twice. */
export class DocumentRelay<D extends WithOutbox = WithOutbox> {
  readonly #options: DocumentRelayOptions<D>;
  readonly #poller: Poller;
  /** The bus' `sightings` when the epoch was looked up. */
  #seen = -1;
  #epoch = 0;
  #isRestating = false;
  #last: { place: Place; epoch: number } | undefined;
  #saveAt = 0;

  constructor(options: DocumentRelayOptions<D>) {
    this.#options = options;
    this.#poller = new Poller({ round: () => this.#round(), maxSleepMs: MAX_SLEEP_MS, onError: options.onError });
  }

  start(): void {
    this.#poller.start();
  }
  wake(): void {
    this.#poller.wake();
  }
  async stop(): Promise<void> {
    await this.#poller.stop();
    await this.#savePlace().catch(this.#options.onError);
  }

  async #round(): Promise<"more" | number> {
    const { documents, bus } = this.#options;
    if (bus.sightings !== this.#seen) await this.#lookAtBus();
    const waiting = await documents.find({ query: { "outbox.id": { $gt: "" } }, sort: ["outbox.id"], limit: BATCH });
    if (this.#isRestating && waiting.length < BATCH) await this.#restateSome();
    if (waiting.length === 0) return this.#isRestating ? "more" : MAX_SLEEP_MS;
    const entries = waiting.flatMap(({ outbox }) => outbox);
    await bus.publish(
      entries.map(({ envelope }) => JSON.parse(envelope) as Envelope),
      (position) => {
        const eventId = (entries.at(-1) as OutboxEntry).id;
        this.#last = { place: { eventId, position }, epoch: this.#epoch };
      },
    );
    await documents.updateMany(
      { _id: { $in: waiting.map(({ _id }) => _id) } },
      { $pull: { outbox: { id: { $in: entries.map(({ id }) => id) } } } },
    );
    if (performance.now() >= this.#saveAt) await this.#savePlace();
    return "more";
  }

  /** Whether the bus still has what was published. Of several brokers that see a loss one declares it. */
  async #lookAtBus(): Promise<void> {
    const { state, bus, onLoss } = this.#options;
    const { sightings } = bus;
    const known = await state.get("stream");
    const last = known && (this.#last?.epoch === known.epoch ? this.#last.place : known.place);
    const stream = await bus.identify();
    if (known === undefined) await this.#insertState(stream);
    else if (known.stream !== stream || (last != null && !(await bus.holds(last.eventId, last.position)))) {
      await state.updateOne(
        { _id: "stream", epoch: known.epoch },
        { $set: { stream, restateAfter: "", place: null }, $inc: { epoch: 1 } },
      );
      onLoss?.({ stream, epoch: known.epoch + 1 });
    }
    const now = await state.get("stream");
    this.#epoch = now?.epoch ?? 0;
    this.#isRestating = now !== undefined && now.restateAfter !== null;
    this.#seen = sightings;
  }

  async #insertState(stream: string): Promise<void> {
    try {
      await this.#options.state.insert({ _id: "stream", stream, epoch: 1, restateAfter: null, place: null });
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
    }
  }

  /** The note of how far it is comes after the writes: whatever dies in between is done twice, not left out. */
  async #restateSome(): Promise<void> {
    const { documents, state, restate } = this.#options;
    const epoch = this.#epoch;
    const { restateAfter = null } = (await state.findOne({ _id: "stream", epoch })) ?? {};
    if (restateAfter === null) {
      this.#seen = -1;
      this.#isRestating = false;
      return;
    }
    const some = await documents.find({ query: { _id: { $gt: restateAfter } }, sort: ["_id"], limit: RESTATE_BATCH });
    for (const document of some) {
      const { event, while: unchanged } = restate(document);
      await documents.updateOne({ ...unchanged, _id: document._id }, { $push: { outbox: event } });
    }
    const next = some.length < RESTATE_BATCH ? null : (some.at(-1) as D)._id;
    await state.updateOne({ _id: "stream", epoch, restateAfter }, { $set: { restateAfter: next } });
    this.#isRestating = next !== null;
  }

  async #savePlace(): Promise<void> {
    this.#saveAt = performance.now() + SAVE_PLACE_EVERY_MS;
    if (this.#last === undefined) return;
    const { place, epoch } = this.#last;
    await this.#options.state.updateOne({ _id: "stream", epoch }, { $set: { place } });
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
