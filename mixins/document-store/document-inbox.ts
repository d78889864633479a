import type { EventName } from "../contracts/index.ts";
import type { AuditEntry } from "../contracts/operations.ts";
import type { InboxStatus } from "../database/messaging.table.ts";
import { type Clock, isoTime } from "../lib/clock.ts";
import { traceIdOf } from "../lib/correlation.ts";
import type { Envelope } from "../messaging/envelope.ts";
import { fingerprintOf } from "../messaging/fingerprint.ts";
import {
  type DeadLetter,
  type DeadLetterPage,
  type Failure,
  type Group,
  groupLetters,
  type Inbox,
  type LetterRecord,
  type Outcome,
  type Passage,
  type Step,
} from "../messaging/inbox.ts";
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
  /** Of a dead letter: the same for all that failed alike. */
  fingerprint?: string | null;
  requestId?: string | null;
  traceId?: string | null;
  /** The order in which the events of an aggregate were parked. */
  arrival?: number;
  /** JSON. Kept for those that are not processed: what a replay hands to the handler. */
  envelope: string | null;
  /** JSON of what operators have done with it, oldest first: payloads may have keys that a document must not have. */
  audit?: string[];
}

export const INBOX_INDEXES = [{ fields: ["status"] }, { fields: ["aggregateId"] }] as const;

const UNSETTLED = { $in: ["failed", "dead", "parked"] };
/** Longer than the event bus keeps an event, and than an outbox sends one again that the bus has lost (30 days). */
export const KEEP_PROCESSED_MS = 31 * 24 * 3_600_000;

export class DocumentInbox<D extends Identified> implements Inbox<DocumentWork<D>> {
  readonly #inbox: Collection<InboxDocument>;
  readonly #documents: Collection<D>;
  readonly #clock: Clock;
  readonly #service: string;

  constructor(inbox: Collection<InboxDocument>, documents: Collection<D>, clock: Clock, service: string) {
    this.#inbox = inbox;
    this.#documents = documents;
    this.#clock = clock;
    this.#service = service;
  }

  async process(
    envelope: Envelope,
    handler: (work: DocumentWork<D>) => Promise<void>,
    passage: Passage = "arrival",
  ): Promise<Outcome> {
    // One look tells both: whether the event is known, and whether one of its aggregate is in its way.
    const all = await this.#inbox.find({ query: { aggregateId: envelope.aggregateId } });
    const known = all.find(({ _id }) => _id === envelope.id);
    if (known?.status === "processed" || known?.status === "discarded") return "duplicate";
    const others = all.filter(({ _id, status }) => _id !== envelope.id && (status === "dead" || status === "parked"));
    switch (passage) {
      case "arrival":
        if (known?.status === "parked") return "duplicate";
        if (known === undefined && others.length > 0) return this.#park(envelope, others);
        break;
      case "release":
        if (known?.status !== "parked" || others.some((other) => isBefore(other, known))) return "duplicate";
        break;
      case "replay":
        if (known?.status !== "parked" && known?.status !== "dead") return "duplicate";
        break;
      default:
        return passage satisfies never;
    }
    const now = this.#now();
    await handler({ eventId: envelope.id, now, insertOnce: (document) => this.#insertOnce(document) });
    await this.#note(envelope, { status: "processed", processedAt: now, envelope: null }, 1);
    return "processed";
  }

  async #park(envelope: Envelope, others: readonly InboxDocument[]): Promise<Outcome> {
    const arrival = Math.max(0, ...others.map((other) => other.arrival ?? 0)) + 1;
    const parked = { status: "parked" as const, attempts: 0, arrival, envelope: JSON.stringify(envelope) };
    try {
      await this.#inbox.insert({ ...this.#newDocument(envelope), ...parked });
      return "parked";
    } catch (error) {
      // Another broker has had it since we looked.
      if (error instanceof DuplicateKey) return "duplicate";
      throw error;
    }
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
    const change = kept(envelope, failure);
    const parked = await this.#inbox.updateOne({ _id: envelope.id, status: "parked" }, { $set: change, $inc: { attempts: 1 } });
    const noted = parked ?? (await this.#note(envelope, { status: "failed", ...change }, 1));
    return noted?.attempts ?? 0;
  }

  async bury(envelope: Envelope, failure: Failure, counted = false): Promise<void> {
    const change = kept(envelope, failure);
    const fingerprint = fingerprintOf(this.#service, envelope.type, change.error);
    await this.#note(envelope, { status: "dead", ...change, fingerprint }, counted ? 1 : 0);
  }

  /** Answers the document as it is then; undefined when the event was settled before. A new one has one attempt. */
  async #note(envelope: Envelope, change: Partial<InboxDocument>, attempts: 0 | 1): Promise<InboxDocument | undefined> {
    const update = () => this.#inbox.updateOne({ _id: envelope.id, status: UNSETTLED }, { $set: change, $inc: { attempts } });
    const updated = await update();
    if (updated !== undefined) return updated;
    const document: InboxDocument = { ...this.#newDocument(envelope), ...change };
    try {
      await this.#inbox.insert(document);
      return document;
    } catch (error) {
      // Settled before, or another broker has noted it since we looked.
      if (error instanceof DuplicateKey) return update();
      throw error;
    }
  }

  #newDocument({ id, type, aggregateId, requestId, traceparent }: Envelope): InboxDocument {
    return {
      _id: id,
      type,
      aggregateId,
      status: "failed",
      attempts: 1,
      receivedAt: this.#now(),
      processedAt: null,
      error: null,
      requestId,
      traceId: traceIdOf(traceparent) ?? null,
      envelope: null,
    };
  }

  async deadLetters({ limit, after, fingerprint }: DeadLetterPage): Promise<DeadLetter[]> {
    const query = {
      status: "dead",
      ...(after !== undefined && { _id: { $gt: after } }),
      ...(fingerprint !== undefined && { fingerprint }),
    };
    return (await this.#inbox.find({ query, sort: ["_id"], limit })).map((found) => this.#toDeadLetter(found));
  }

  async deadLetterGroups(): Promise<Group[]> {
    return groupLetters((await this.#inbox.find({ query: { status: "dead" } })).map((found) => this.#toDeadLetter(found)));
  }

  async deadLetter(eventId: string): Promise<DeadLetter | undefined> {
    const found = await this.#inbox.findOne({ _id: eventId, status: "dead" });
    return found && this.#toDeadLetter(found);
  }

  async record(eventId: string): Promise<LetterRecord | undefined> {
    const found = await this.#inbox.get(eventId);
    if (found === undefined || (found.status !== "dead" && found.audit === undefined)) return undefined;
    return {
      ...this.#describe(found),
      status: found.status,
      envelope: found.envelope === null ? null : (JSON.parse(found.envelope) as Envelope),
      parked: await this.#inbox.count({ aggregateId: found.aggregateId, status: "parked", _id: { $ne: eventId } }),
      audit: (found.audit ?? []).map((entry) => JSON.parse(entry) as AuditEntry),
    };
  }

  async beginReplay(eventId: string, actor: string): Promise<Envelope | undefined> {
    const found = await this.#inbox.updateOne(
      { _id: eventId, status: { $in: ["dead", "parked"] } },
      { $push: { audit: this.#auditEntry(actor, "replayed") } },
    );
    return found && (JSON.parse(found.envelope as string) as Envelope);
  }

  async edit(eventId: string, data: Envelope["data"], actor: string): Promise<boolean> {
    const found = await this.#inbox.findOne({ _id: eventId, status: "dead" });
    if (found === undefined) return false;
    const envelope = JSON.parse(found.envelope as string) as Envelope;
    const entry = this.#auditEntry(actor, "edited", { oldData: envelope.data, newData: data });
    const edited = await this.#inbox.updateOne(
      { _id: eventId, status: "dead", envelope: found.envelope },
      { $set: { envelope: JSON.stringify({ ...envelope, data }) }, $push: { audit: entry } },
    );
    return edited !== undefined;
  }

  async discard(eventId: string, { actor, reason }: { actor: string; reason: string }): Promise<boolean> {
    const discarded = await this.#inbox.updateOne(
      { _id: eventId, status: "dead" },
      {
        $set: { status: "discarded", processedAt: this.#now() },
        $push: { audit: this.#auditEntry(actor, "discarded", { reason }) },
      },
    );
    return discarded !== undefined;
  }

  async releasable(limit: number): Promise<Envelope[]> {
    const parked = await this.#inbox.find({ query: { status: "parked" } });
    if (parked.length === 0) return [];
    const dead = await this.#inbox.find({
      query: { aggregateId: { $in: [...new Set(parked.map(({ aggregateId }) => aggregateId))] }, status: "dead" },
    });
    return parked
      .filter((one) => ![...dead, ...parked].some((other) => other.aggregateId === one.aggregateId && isBefore(other, one)))
      .slice(0, limit)
      .map(({ envelope }) => JSON.parse(envelope as string) as Envelope);
  }

  async steps(aggregateId: string): Promise<Step[]> {
    const found = await this.#inbox.find({ query: { aggregateId } });
    return found.map((one) => ({
      event: one.type,
      eventId: one._id,
      direction: "in",
      at: one.processedAt ?? one.receivedAt,
      status: one.status,
      attempts: one.attempts,
      error: one.error?.message ?? null,
      requestId: one.requestId ?? null,
      traceId: one.traceId ?? null,
    }));
  }

  /** Forgets what was processed long ago, but for what operators had a hand in: an embedded store keeps its documents in memory. */
  async prune(): Promise<void> {
    const before = isoTime(this.#clock.now() - KEEP_PROCESSED_MS);
    await this.#inbox.removeMany({ status: "processed", processedAt: { $lt: before }, audit: { $exists: false } });
  }

  #auditEntry(actor: string, action: AuditEntry["action"], more: Partial<AuditEntry> = {}): string {
    const entry: AuditEntry = { at: this.#now(), actor, action, reason: null, oldData: null, newData: null, ...more };
    return JSON.stringify(entry);
  }

  #describe({ _id, type, aggregateId, attempts, receivedAt, error, fingerprint, requestId }: InboxDocument) {
    const failure = error ?? { code: "UNKNOWN", message: "" };
    return {
      eventId: _id,
      type,
      aggregateId,
      attempts,
      receivedAt,
      ...failure,
      fingerprint: fingerprint ?? fingerprintOf(this.#service, type, failure),
      requestId: requestId ?? null,
    };
  }

  #toDeadLetter(found: InboxDocument): DeadLetter {
    return { ...this.#describe(found), envelope: JSON.parse(found.envelope as string) as Envelope };
  }

  #now(): string {
    return isoTime(this.#clock.now());
  }
}

/** Whether a parked event has to wait for another of its aggregate. Two brokers may have given the same number to events that
 *  arrived at the same time. */
const isBefore = (other: InboxDocument, parked: InboxDocument): boolean => {
  if (other.status === "dead") return true;
  const [theirs, own] = [other.arrival ?? 0, parked.arrival ?? 0];
  return theirs < own || (theirs === own && other._id < parked._id);
};

const kept = (envelope: Envelope, { code, message }: Failure) => ({
  error: { code, message: message.slice(0, 2_000) },
  envelope: JSON.stringify(envelope),
});
