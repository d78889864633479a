import type { ColumnType, Generated } from "kysely";
import type { Correlation } from "../lib/correlation.ts";
import type { Envelope } from "../messaging/envelope.ts";

/** A jsonb column: written as JSON text, read as the value. (The PostgreSQL driver would turn an array into its own array syntax.) */
export type Json<T> = ColumnType<T, string, string>;

/** An event that a transaction has decided to send. The relay publishes it and stamps `published_at`. */
export interface OutboxTable {
  /** The order of sending within an aggregate. */
  seq: Generated<number>;
  event_id: string;
  type: string;
  aggregate_id: string;
  envelope: Json<Envelope>;
  created_at: string;
  published_at: string | null;
  /** Where the bus has stored it. Kept of the last event of each batch: enough to see whether the bus has lost its end. */
  bus_position: Generated<number | null>;
}

/** One row: the store of the event bus that this outbox was published to. */
export interface OutboxStreamTable {
  id: 1;
  stream: string;
  /** Goes up with each loss. What was published under an earlier one is not stamped any more. */
  epoch: number;
  /** Rows after the first and up to the second are still to be sent again. */
  resend_after: number;
  resend_until: number;
}

/** What is to be done now and then, by one broker. */
export interface HousekeepingTable {
  task: string;
  /** Milliseconds since the epoch, of the injected clock. */
  due_at: number;
  /** Finished rows that are older than this may be gone. */
  trimmed_before: string | null;
}

/** processed: its effect is committed. failed: waits for its next attempt. dead: a dead letter, waits for an operator.
 *  parked: waits for a dead letter of its aggregate. discarded: an operator has decided that it shall have no effect. */
export type InboxStatus = "processed" | "failed" | "dead" | "parked" | "discarded";

/** What has become of each event that reached this service: the guard against doing it twice, and the dead letters. */
export interface InboxTable {
  event_id: string;
  type: string;
  aggregate_id: string;
  status: InboxStatus;
  /** Times the handler has run. An outage of the infrastructure is not an attempt. */
  attempts: number;
  /** Kept for those that are not processed: what a replay hands to the handler. */
  envelope: Json<Envelope> | null;
  error_code: string | null;
  error_message: string | null;
  /** Of a dead letter: the same for all that failed alike. */
  fingerprint: string | null;
  request_id: string | null;
  trace_id: string | null;
  /** The order in which events were parked. */
  arrival: number | null;
  received_at: string;
  processed_at: string | null;
}

/** What operators have done with dead letters. Never changed. */
export interface DeadLetterAuditTable {
  id: string;
  event_id: string;
  at: string;
  actor: string;
  action: "replayed" | "edited" | "discarded";
  reason: string | null;
  old_data: Json<unknown>;
  new_data: Json<unknown>;
}

/** Something to be done at a time: deadlines and calls to the outside. Claimed by lease, gone when done. */
export interface JobTable {
  id: string;
  kind: string;
  aggregate_id: string;
  data: Json<unknown>;
  /** Milliseconds since the epoch, of the injected clock. */
  due_at: number;
  attempts: number;
  last_error: string | null;
  /** Of the request that scheduled it, so that logs and traces go on. */
  correlation: Json<Correlation> | null;
  created_at: string;
}

export interface MessagingTables {
  outbox: OutboxTable;
  outbox_stream: OutboxStreamTable;
  housekeeping: HousekeepingTable;
  inbox: InboxTable;
  dead_letter_audit: DeadLetterAuditTable;
  job: JobTable;
}
