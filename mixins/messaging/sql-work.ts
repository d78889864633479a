import type { Transaction } from "kysely";
import type { EventData, EventName, HintData, HintName } from "../contracts/index.ts";
import type { Database } from "../database/database.ts";
import type { MessagingTables } from "../database/messaging.table.ts";
import { faults } from "../faults.ts";
import { type Clock, isoTime } from "../lib/clock.ts";
import { currentCorrelation } from "../lib/correlation.ts";
import { type Envelope, encodeEnvelope, newEnvelope } from "./envelope.ts";

export interface NewJob {
  /** Scheduling the same id again has no effect while the job is there. */
  id: string;
  kind: string;
  aggregateId: string;
  /** Milliseconds since the epoch. */
  dueAt: number;
  data?: unknown;
}

/** One transaction of a service's own store: state, outgoing events and jobs are committed together. */
export interface SqlWork<DB> {
  readonly trx: Transaction<DB>;
  /** The time of this transaction, ISO 8601; one for all that it writes. */
  readonly now: string;
  /** Sends an event with the commit. */
  emit<N extends EventName>(type: N, aggregateId: string, data: EventData<N>): void;
  /** Tells those who are there, once it is committed. May be lost. */
  hint<N extends HintName>(name: N, data: HintData<N>): void;
  schedule(job: NewJob): Promise<void>;
  /** Removes a job, if it is there. */
  unschedule(jobId: string): Promise<void>;
}

export interface Hint {
  name: HintName;
  data: HintData<HintName>;
}

export interface SqlWorkHooks {
  /** Called after a commit that has sent events. */
  onEmitted(): void;
  /** Called after a commit that has scheduled jobs, with the earliest time. */
  onScheduled(dueAt: number): void;
  /** Called after a commit, for each hint. Must not throw. */
  onHint?(hint: Hint): void;
}

/** Runs `run` in a transaction and writes what it emitted as outbox rows before the commit, all in one statement. */
export const inSqlWork = async <DB extends MessagingTables, T>(
  database: Database<DB>,
  clock: Clock,
  hooks: SqlWorkHooks,
  run: (work: SqlWork<DB>) => Promise<T>,
): Promise<T> => {
  let emitted: Envelope[] = [];
  let hints: Hint[] = [];
  let earliestJob = Number.POSITIVE_INFINITY;
  const result = await database.transaction(async (trx) => {
    // The transaction may run again after a deadlock: start from nothing.
    emitted = [];
    hints = [];
    earliestJob = Number.POSITIVE_INFINITY;
    const now = isoTime(clock.now());
    const messaging = trx as unknown as Transaction<MessagingTables>;
    const answer = await run({
      trx,
      now,
      emit: (type, aggregateId, data) => {
        emitted.push(newEnvelope(type, aggregateId, data, now) as Envelope);
      },
      hint: (name, data) => {
        hints.push({ name, data: data as HintData<HintName> });
      },
      schedule: async (job) => {
        earliestJob = Math.min(earliestJob, job.dueAt);
        await messaging
          .insertInto("job")
          .values({
            id: job.id,
            kind: job.kind,
            aggregate_id: job.aggregateId,
            data: JSON.stringify(job.data ?? null),
            due_at: job.dueAt,
            attempts: 0,
            correlation: JSON.stringify(currentCorrelation() ?? null),
            created_at: now,
          })
          .onConflict((conflict) => conflict.column("id").doNothing())
          .execute();
      },
      unschedule: async (jobId) => {
        await messaging.deleteFrom("job").where("id", "=", jobId).execute();
      },
    });
    if (emitted.length > 0) {
      await messaging
        .insertInto("outbox")
        .values(
          emitted.map((envelope) => ({
            event_id: envelope.id,
            type: envelope.type,
            aggregate_id: envelope.aggregateId,
            envelope: encodeEnvelope(envelope),
            created_at: now,
          })),
        )
        .execute();
    }
    faults.crashPoint?.("work.before-commit");
    return answer;
  });
  faults.crashPoint?.("work.committed");
  if (emitted.length > 0) hooks.onEmitted();
  if (earliestJob < Number.POSITIVE_INFINITY) hooks.onScheduled(earliestJob);
  for (const hint of hints) hooks.onHint?.(hint);
  return result;
};
