import type { EventName } from "../contracts/index.ts";
import type { AuditEntry, SagaStep } from "../contracts/operations.ts";
import type { InboxStatus } from "../database/messaging.table.ts";
import type { Envelope } from "./envelope.ts";

/** How an event comes to its handler.
 *
 *  arrival   from the event bus, perhaps again
 *  release   a parked event whose turn has come
 *  replay    an operator wants it: a dead letter, or a parked event before its turn */
export type Passage = "arrival" | "release" | "replay";

/** processed: the handler has run, and its effect is committed. duplicate: it is settled already. parked: it is kept, and waits
 *  for a dead letter of its aggregate. */
export type Outcome = "processed" | "duplicate" | "parked";

/** What has become of the events that reached a service. One implementation per kind of store.
 *
 *  An event that arrives while an earlier one of its aggregate is dead here does not overtake it: it is parked, that is, stored
 *  in the inbox and acknowledged. When no dead letter of the aggregate is left, the parked events run in the order of their
 *  arrival. Other aggregates flow. */
export interface Inbox<Work> {
  /** Runs `handler` unless the event has been processed or discarded before, or has to wait. The handler's effect and the note
   *  that the event is processed are committed together, or neither is. */
  process(envelope: Envelope, handler: (work: Work) => Promise<void>, passage?: Passage): Promise<Outcome>;
  /** Notes a failed attempt and answers how many there have been. A parked event stays parked. */
  fail(envelope: Envelope, failure: Failure): Promise<number>;
  /** Makes it a dead letter. Resolves when that is committed; only then may the delivery be acknowledged. `counted`: the attempt
   *  is one that `fail` has not noted. */
  bury(envelope: Envelope, failure: Failure, counted?: boolean): Promise<void>;
  /** In the order of the events' ids. */
  deadLetters(page: DeadLetterPage): Promise<DeadLetter[]>;
  deadLetterGroups(): Promise<Group[]>;
  deadLetter(eventId: string): Promise<DeadLetter | undefined>;
  /** A dead letter, or one that an operator has settled. */
  record(eventId: string): Promise<LetterRecord | undefined>;
  /** Notes that an operator replays a dead letter, or a parked event, and answers it. It stays what it is until it is processed. */
  beginReplay(eventId: string, actor: string): Promise<Envelope | undefined>;
  /** Replaces a dead letter's payload. Answers false when there is no such dead letter. */
  edit(eventId: string, data: Envelope["data"], actor: string): Promise<boolean>;
  /** Answers false when there is no such dead letter. A discarded event never has an effect. */
  discard(eventId: string, by: { actor: string; reason: string }): Promise<boolean>;
  /** The first parked event of each aggregate without a dead letter. */
  releasable(limit: number): Promise<Envelope[]>;
  /** Everything that the store knows about an aggregate's events. */
  steps(aggregateId: string): Promise<Step[]>;
}

export interface Failure {
  /** Stable. */
  code: string;
  message: string;
}

export interface DeadLetterPage {
  limit: number;
  /** The id of the last event of the page before. */
  after?: string | undefined;
  fingerprint?: string | undefined;
}

export interface DeadLetter extends Failure {
  eventId: string;
  type: EventName;
  aggregateId: string;
  attempts: number;
  receivedAt: string;
  fingerprint: string;
  requestId: string | null;
  envelope: Envelope;
}

export interface LetterRecord extends Omit<DeadLetter, "envelope"> {
  status: InboxStatus;
  /** Null when it is processed. */
  envelope: Envelope | null;
  /** Events that wait for it. */
  parked: number;
  audit: AuditEntry[];
}

export interface Group extends Failure {
  fingerprint: string;
  type: string;
  count: number;
  firstAt: string;
  lastAt: string;
}

export type Step = Omit<SagaStep, "service">;

/** Of stores that cannot group by themselves. */
export const groupLetters = (letters: Iterable<DeadLetter>): Group[] => {
  const groups = new Map<string, Group>();
  for (const { fingerprint, type, code, message, receivedAt } of letters) {
    const group = groups.get(fingerprint);
    if (group === undefined) {
      groups.set(fingerprint, { fingerprint, type, code, message, count: 1, firstAt: receivedAt, lastAt: receivedAt });
      continue;
    }
    group.count += 1;
    if (receivedAt < group.firstAt) group.firstAt = receivedAt;
    if (receivedAt > group.lastAt) group.lastAt = receivedAt;
  }
  return [...groups.values()];
};
