import { sql } from "kysely";
import type { Database } from "../database/database.ts";
import type { MessagingTables } from "../database/messaging.table.ts";
import { type Clock, isoTime } from "../lib/clock.ts";
import type { EnvironmentReader } from "../lib/config.ts";
import { Poller } from "./poller.ts";
import { trimInbox, trimOutbox, trimTable } from "./trim.repository.ts";

const DAY_MS = 24 * 3_600_000;
/** How often one of the service's brokers trims. */
const EVERY_MS = 600_000;
/** A broker looks at the row this often, so that a service whose broker has died is trimmed by another. */
const LOOK_EVERY_MS = 60_000;
/** A batch takes some milliseconds. On SQLite nothing else runs meanwhile, so there is room between two. */
const BATCH = 500;
const BREATH_MS = 50;
/** Of each table in one go: seven million rows a day. What is left waits for the next time. */
const MAX_BATCHES = 100;
const TASK = "trim";

/** How long finished outbox rows and inbox entries are kept. At least a day longer than a bus keeps events and than a lost bus is
 *  sent them again (30 days): an inbox that forgets earlier would do an event twice. */
export const messagingKeepMs = (read: EnvironmentReader): number =>
  read.integer("MESSAGING_KEEP_DAYS", 35, { min: 31, max: 3_650 }) * DAY_MS;

/** A table of the service's own that is trimmed with them: rows whose `column` is older than this. The column has an index. */
export interface Trimming {
  table: string;
  column: string;
  keepMs: number;
}

export interface HousekeeperOptions {
  database: Database<MessagingTables>;
  clock: Clock;
  keepMs: number;
  also?: readonly Trimming[];
  onError(error: unknown): void;
}

/** Takes out what is finished and old: published events, processed inbox entries, and what else the service names. What is not
 *  finished, dead letters and what operators have done stay for ever.
 *
 *  One row says when it is due; the broker that moves it on does it. A broker that dies on the way leaves the rest to the next
 *  time. */
export class Housekeeper {
  readonly #options: HousekeeperOptions;
  readonly #poller: Poller;
  #isStopped = false;

  constructor(options: HousekeeperOptions) {
    this.#options = options;
    this.#poller = new Poller({ round: () => this.#round(), maxSleepMs: LOOK_EVERY_MS, onError: options.onError });
  }

  start(): void {
    this.#poller.start();
  }
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#poller.stop();
  }

  async #round(): Promise<number> {
    const { keepMs, clock, also = [] } = this.#options;
    const now = clock.now();
    const before = isoTime(now - keepMs);
    if (!(await this.#isOurTurn(now, before))) return LOOK_EVERY_MS;
    const { database } = this.#options;
    let place: number | undefined = 0;
    await this.#inBatches(async () => {
      place = await trimOutbox(database.db, { after: place as number, before, limit: BATCH });
      return place !== undefined;
    });
    let eventId: string | undefined = "";
    await this.#inBatches(async () => {
      eventId = await trimInbox(database.db, { after: eventId as string, before, limit: BATCH });
      return eventId !== undefined;
    });
    for (const { table, column, keepMs: ownKeepMs } of also) {
      const own = { table, column, before: isoTime(now - ownKeepMs), limit: BATCH };
      await this.#inBatches(async () => (await trimTable(database.db, database.kind, own)) === BATCH);
    }
    return LOOK_EVERY_MS;
  }

  /** Also where the row was moved on by a clock that ran ahead, and was set back. What will be trimmed is said before it is. */
  async #isOurTurn(now: number, before: string): Promise<boolean> {
    const { rows } = await sql`
      insert into housekeeping (task, due_at, trimmed_before) values (${TASK}, ${now + EVERY_MS}, ${before})
      on conflict (task) do update set due_at = excluded.due_at,
        trimmed_before = case when housekeeping.trimmed_before > excluded.trimmed_before
          then housekeeping.trimmed_before else excluded.trimmed_before end
      where housekeeping.due_at <= ${now} or housekeeping.due_at > ${now + 2 * EVERY_MS}
      returning task`.execute(this.#options.database.db);
    return rows.length > 0;
  }

  async #inBatches(batch: () => Promise<boolean>): Promise<void> {
    for (let n = 0; n < MAX_BATCHES && !this.#isStopped; n++) {
      if (!(await batch())) return;
      await new Promise((resolve) => setTimeout(resolve, BREATH_MS));
    }
  }
}
