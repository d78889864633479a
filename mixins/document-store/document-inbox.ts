import type { EventName } from "../contracts/index.ts";
import type { InboxStatus } from "../database/messaging.table.ts";
import { type Clock, isoTime } from "../lib/clock.ts";
import type { Envelope } from "../messaging/envelope.ts";
import type { DeadLetter, Failure, Inbox } from "../messaging/inbox.ts";
import { type Collection, DuplicateKey, type Identified } from "./collection.ts";

/** What a durable handler of a service with a document store gets.
 *
 *  The handler's effect and the note that the event is processed are two writes: after a crash between them, or on two
 *  brokers at the same time, the handler runs again. So its effect must be one that a repeat does not add to: documents by
 *  `insertOnce`, with an `_id` derived from the event's id, or conditional updates that match only once. */
export interface DocumentWork<D extends Identified> {
  readonly eventId: string;
  /** ISO 8601; one for all that this attempt writes. */
  readonly now: string;
  /** Inserts into the service's documents. Answers false, and changes nothing, when the `_id` is there already: an earlier
   *  attempt has done it. Rejects with `DuplicateKey` when another unique key is taken. */
  insertOnce(document: D): Promise<boolean>;
}

/** What has become of an event; see `inbox` of the SQL stores. */
export interface InboxDocument {
  /** The event's id. */
  _id: string;
  type: EventName;
  aggregateId: string;
  status: InboxStatus;
  attempts: number;
  receivedAt: string;
  processedAt: string | null;
  error: Failure | null;
  /** JSON. Kept for those that are not processed: what a replay hands to the handler. */
  envelope: string | null;
}

export const INBOX_INDEXES = [{ fields: ["status"] }] as const;

const UNSETTLED = { $in: ["failed", "dead"] };
/** An event comes again within minutes, or when a broker that had it in hand starts again. Later, `insertOnce` still knows it. */
export const KEEP_PROCESSED_MS = 7 * 24 * 3_600_000;

export class DocumentInbox<D extends Identified> implements Inbox<DocumentWork<D>> {
  readonly #inbox: Collection<InboxDocument>;
  readonly #documents: Collection<D>;
  readonly #clock: Clock;

  constructor(inbox: Collection<InboxDocument>, documents: Collection<D>, clock: Clock) {
    this.#inbox = inbox;
    this.#documents = documents;
    this.#clock = clock;
  }

  async process(envelope: Envelope, handler: (work: DocumentWork<D>) => Promise<void>): Promise<"processed" | "duplicate"> {
    const known = await this.#inbox.get(envelope.id);
    if (known?.status === "processed" || known?.status === "discarded") return "duplicate";
    const now = this.#now();
    await handler({ eventId: envelope.id, now, insertOnce: (document) => this.#insertOnce(document) });
    await this.#note(envelope, { status: "processed", processedAt: now, error: null, envelope: null }, 1);
    return "processed";
  }

  async #insertOnce(document: D): Promise<boolean> {
    try {
      await this.#documents.insert(document);
      return true;
    } catch (error) {
      if (error instanceof DuplicateKey && (await this.#documents.get(document._id)) !== undefined) return false;
      throw error;
    }
  }

  async fail(envelope: Envelope, failure: Failure): Promise<number> {
    const noted = await this.#note(envelope, { status: "failed", ...kept(envelope, failure) }, 1);
    return noted?.attempts ?? 0;
  }

  async bury(envelope: Envelope, failure: Failure): Promise<void> {
    await this.#note(envelope, { status: "dead", ...kept(envelope, failure) }, 0);
  }

  /** Answers the document as it is then; undefined when the event was settled before. A new one has one attempt. */
  async #note(envelope: Envelope, change: Partial<InboxDocument>, attempts: 0 | 1): Promise<InboxDocument | undefined> {
    const update = () => this.#inbox.updateOne({ _id: envelope.id, status: UNSETTLED }, { $set: change, $inc: { attempts } });
    const updated = await update();
    if (updated !== undefined) return updated;
    const { id, type, aggregateId } = envelope;
    const unsettled = { _id: id, type, aggregateId, status: "failed" as const, attempts: 1, receivedAt: this.#now() };
    const document: InboxDocument = { ...unsettled, processedAt: null, error: null, envelope: null, ...change };
    try {
      await this.#inbox.insert(document);
      return document;
    } catch (error) {
      // Settled before, or another broker has noted it since we looked.
      if (error instanceof DuplicateKey) return update();
      throw error;
    }
  }

  async deadLetters({ limit, after }: { limit: number; after?: string | undefined }): Promise<DeadLetter[]> {
    const query = { status: "dead", ...(after !== undefined && { _id: { $gt: after } }) };
    return (await this.#inbox.find({ query, sort: ["_id"], limit })).map(toDeadLetter);
  }

  async deadLetter(eventId: string): Promise<DeadLetter | undefined> {
    const found = await this.#inbox.findOne({ _id: eventId, status: "dead" });
    return found && toDeadLetter(found);
  }

  async discard(eventId: string): Promise<boolean> {
    const discarded = { status: "discarded", processedAt: this.#now() };
    return (await this.#inbox.updateOne({ _id: eventId, status: "dead" }, { $set: discarded })) !== undefined;
  }

  /** Forgets what was processed long ago: an embedded store keeps its documents in memory. */
  async prune(): Promise<void> {
    const before = isoTime(this.#clock.now() - KEEP_PROCESSED_MS);
    await this.#inbox.removeMany({ status: "processed", processedAt: { $lt: before } });
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}

const kept = (envelope: Envelope, { code, message }: Failure) => ({
  error: { code, message: message.slice(0, 2_000) },
  envelope: JSON.stringify(envelope),
});

const toDeadLetter = ({ _id, attempts, receivedAt, error, envelope: text }: InboxDocument): DeadLetter => {
  const envelope = JSON.parse(text as string) as Envelope;
  const { type, aggregateId } = envelope;
  return {
    eventId: _id,
    type,
    aggregateId,
    attempts,
    receivedAt,
    code: error?.code ?? "UNKNOWN",
    message: error?.message ?? "",
    envelope,
  };
};
