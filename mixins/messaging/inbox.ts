import type { EventName } from "../contracts/index.ts";
import type { Envelope } from "./envelope.ts";

/** What has become of the events that reached a service. One implementation per kind of store. */
export interface Inbox<Work> {
  /** Runs `handler` unless the event has been processed or discarded before. The handler's effect and the note that the
   *  event is processed are committed together, or neither is. */
  process(envelope: Envelope, handler: (work: Work) => Promise<void>): Promise<"processed" | "duplicate">;
  /** Notes a failed attempt and answers how many there have been. */
  fail(envelope: Envelope, failure: Failure): Promise<number>;
  /** Makes it a dead letter. Resolves when that is committed; only then may the delivery be acknowledged. */
  bury(envelope: Envelope, failure: Failure): Promise<void>;
  deadLetters(page: { limit: number; after?: string | undefined }): Promise<DeadLetter[]>;
  /** Answers false when there is no such dead letter. A discarded event never has an effect. */
  discard(eventId: string): Promise<boolean>;
  deadLetter(eventId: string): Promise<DeadLetter | undefined>;
}

export interface Failure {
  /** Stable. */
  code: string;
  message: string;
}

export interface DeadLetter extends Failure {
  eventId: string;
  type: EventName;
  aggregateId: string;
  attempts: number;
  receivedAt: string;
  envelope: Envelope;
}
