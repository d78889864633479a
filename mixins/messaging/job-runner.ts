import { sql } from "kysely";
import type { Database } from "../database/database.ts";
import type { MessagingTables } from "../database/messaging.table.ts";
import { faults } from "../faults.ts";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { type Correlation, newTraceparent, withCorrelation } from "../lib/correlation.ts";
import { messageOf } from "../lib/errors.ts";
import { Poller } from "./poller.ts";
import type { SqlWork } from "./sql-work.ts";

/** A claimed job. The handler does its work, calls to the outside included, and ends with `complete`. */
export interface Job<Work, Data = unknown> {
  id: string;
  kind: string;
  aggregateId: string;
  data: Data;
  /** Counts from 1; this one included. */
  attempt: number;
  /** The transaction that makes the job's outcome true and removes the job. Does nothing and answers undefined if the job is
   *  gone: another broker took it over when the lease ended, and has finished it. */
  complete<T>(run: (work: Work) => Promise<T>): Promise<T | undefined>;
}

export interface JobHandler<Work> {
  /** How long a broker that lives may take before another takes the job over. Longer than all deadlines inside the handler
   *  together. */
  leaseMs?: number;
  backoff?: Backoff;
  handler(job: Job<Work, never>): Promise<void>;
}

export interface JobRunnerOptions<DB> {
  database: Database<DB>;
  clock: Clock;
  transaction: <T>(run: (work: SqlWork<DB>) => Promise<T>) => Promise<T>;
  handlers: Record<string, JobHandler<SqlWork<DB>>>;
  onError(error: unknown, job?: { id: string; kind: string; attempts: number }): void;
}

const DEFAULT_LEASE_MS = 30_000;
/** A broker that has died holds its jobs this long; one that lives renews its hold at a third of it, up to the job's lease. */
const HOLD_MS = 5_000;
const DEFAULT_BACKOFF: Backoff = { firstMs: 500, maxMs: 60_000, factor: 2 };
/** Jobs in hand at the same time on one broker. */
const CONCURRENCY = 32;
/** How soon it is noticed that a clock was set back, and how far clocks may differ. */
const RECALL_EVERY_MS = 10_000;
const CLOCK_SLACK_MS = 1_000;
/** Another broker may have scheduled a job, or died with one. */
const MAX_SLEEP_MS = 1_000;

interface ClaimedRow {
  id: string;
  kind: string;
  aggregate_id: string;
  data: unknown;
  attempts: number;
  correlation: Correlation | null;
}

/** Deadlines and calls to the outside, as rows with a due time. A claim moves the due time to the end of a hold, so a job whose
 *  broker dies comes up again. Retried until done: a job has no last attempt. */
export class JobRunner<DB extends MessagingTables> {
  readonly #options: JobRunnerOptions<DB>;
  readonly #poller: Poller;
  readonly #inHand = new Set<Promise<void>>();
  #recallAt = 0;

  constructor(options: JobRunnerOptions<DB>) {
    this.#options = options;
    this.#poller = new Poller({ round: () => this.#round(), maxSleepMs: MAX_SLEEP_MS, onError: options.onError });
  }

  start(): void {
    if (Object.keys(this.#options.handlers).length > 0) this.#poller.start();
  }
  /** There is a job that is due at this time. */
  expect(dueAt: number): void {
    const inMs = dueAt - this.#options.clock.now();
    if (inMs <= 0) this.#poller.wake();
    else this.#poller.wakeIn(inMs);
  }
  wake(): void {
    this.#poller.wake();
  }
  async stop(): Promise<void> {
    await this.#poller.stop();
    await Promise.all(this.#inHand);
  }

  async #round(): Promise<"more" | number> {
    const free = CONCURRENCY - this.#inHand.size;
    if (free <= 0) return MAX_SLEEP_MS;
    if (performance.now() >= this.#recallAt) await this.#recall();
    const rows = await this.#claim(free);
    for (const row of rows) {
      const correlation = row.correlation ?? { requestId: row.id, traceparent: newTraceparent() };
      const work = withCorrelation(correlation, () => this.#run(row)).finally(() => {
        this.#inHand.delete(work);
        this.#poller.wake();
      });
      this.#inHand.add(work);
    }
    if (rows.length === free) return MAX_SLEEP_MS;
    return Math.min(await this.#msUntilNext(), MAX_SLEEP_MS);
  }

  async #claim(limit: number): Promise<ClaimedRow[]> {
    const { database, clock, handlers } = this.#options;
    const now = clock.now();
    const kinds = Object.keys(handlers);
    // One statement on both databases: due rows that nobody else is claiming now, moved to the end of their hold.
    const hold = sql<number>`case kind ${sql.join(
      kinds.map((kind) => sql`when ${kind} then ${sql.lit(Math.min(this.#leaseMs(kind), HOLD_MS))}`),
      sql` `,
    )} else ${sql.lit(HOLD_MS)} end`;
    const skipLocked = sql.raw(database.kind === "postgres" ? "for update skip locked" : "");
    const { rows } = await sql<ClaimedRow>`
      update job set due_at = cast(${now} as bigint) + ${hold}, attempts = attempts + 1
      where id in (select id from job where due_at <= ${now} and kind in (${sql.join(kinds)}) order by due_at limit ${limit} ${skipLocked})
      returning id, kind, aggregate_id, data, attempts, correlation`.execute(database.db);
    return rows;
  }

  /** A job that was begun is due at the end of a hold or of a backoff. One that is due later than either can be was put off by a
   *  clock that ran ahead and was set back: it is due now. A job that was never begun has a real deadline, and keeps it. */
  async #recall(): Promise<void> {
    this.#recallAt = performance.now() + RECALL_EVERY_MS;
    const { database, clock, handlers } = this.#options;
    const now = clock.now();
    const latest = ([kind, { backoff = DEFAULT_BACKOFF }]: [string, JobHandler<SqlWork<DB>>]) =>
      sql`when ${kind} then ${sql.lit(Math.max(HOLD_MS, backoff.maxMs) + CLOCK_SLACK_MS)}`;
    await sql`
      update job set due_at = ${now}
      where attempts > 0 and due_at > cast(${now} as bigint) + case kind ${sql.join(Object.entries(handlers).map(latest), sql` `)} end`.execute(
      database.db,
    );
  }

  async #msUntilNext(): Promise<number> {
    const { database, clock, handlers } = this.#options;
    // Of the kinds that are ours to claim: another one that is overdue would be looked for without a pause.
    const { rows } = await sql<{ due_at: number | null }>`
      select min(due_at) as due_at from job where kind in (${sql.join(Object.keys(handlers))})`.execute(database.db);
    const dueAt = rows[0]?.due_at ?? undefined;
    return dueAt === undefined ? MAX_SLEEP_MS : Math.max(dueAt - clock.now(), 1);
  }

  #leaseMs(kind: string): number {
    return this.#options.handlers[kind]?.leaseMs ?? DEFAULT_LEASE_MS;
  }

  async #run(row: ClaimedRow): Promise<void> {
    const { handlers, transaction, onError } = this.#options;
    const handler = handlers[row.kind] as JobHandler<SqlWork<DB>>;
    const leaseEnd = performance.now() + this.#leaseMs(row.kind);
    const holding = setInterval(() => this.#hold(row, leaseEnd - performance.now()), HOLD_MS / 3);
    try {
      faults.crashPoint?.("job.claimed");
      await handler.handler({
        id: row.id,
        kind: row.kind,
        aggregateId: row.aggregate_id,
        data: row.data as never,
        attempt: row.attempts,
        complete: (run) => {
          faults.crashPoint?.("job.before-complete");
          return transaction(async (work) => {
            const { rows } = await sql`delete from job where id = ${row.id} returning id`.execute(work.trx);
            return rows.length === 0 ? undefined : run(work);
          });
        },
      });
      faults.crashPoint?.("job.completed");
    } catch (error) {
      clearInterval(holding);
      onError(error, row);
      await this.#postpone(row, error, delayMs(handler.backoff ?? DEFAULT_BACKOFF, row.attempts)).catch((e) => onError(e, row));
    } finally {
      clearInterval(holding);
    }
  }

  /** Only while nobody else has claimed it. When the store does not answer, the hold ends as if this broker had died. */
  #hold({ id, attempts }: ClaimedRow, leaseLeftMs: number): void {
    if (leaseLeftMs <= 0) return;
    const { database, clock, onError } = this.#options;
    sql`update job set due_at = ${clock.now() + Math.min(HOLD_MS, Math.round(leaseLeftMs))} where id = ${id} and attempts = ${attempts}`
      .execute(database.db)
      .catch(onError);
  }

  async #postpone(row: ClaimedRow, error: unknown, ms: number): Promise<void> {
    const { database, clock } = this.#options;
    const message = messageOf(error).slice(0, 2_000);
    await sql`update job set due_at = ${clock.now() + ms}, last_error = ${message} where id = ${row.id} and attempts = ${row.attempts}`.execute(
      database.db,
    );
  }
}
