import type { Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import type { MessagingTables } from "../database/messaging.table.ts";
import { faults } from "../faults.ts";
import { isoTime } from "../lib/clock.ts";
import { type EventBus, STREAM_RETENTION_MS } from "./event-bus.ts";
import { claimUnsent, declareLoss, findLastPlaced, findStream, insertStream, stamp, unstampNext } from "./outbox.repository.ts";
import { Poller } from "./poller.ts";

/** Rows of one round. At 300 bytes an event this is 60 kB on the wire, and the acks come back in one go. */
const BATCH = 200;
/** Rows that are sent again queue before new ones: not more at a time than two rounds take. */
const RESEND_BATCH = 400;
/** Another broker may have died between its commit and its publish: look for what nobody relays. */
const MAX_SLEEP_MS = 1_000;

export interface RelayOptions {
  database: Database<MessagingTables>;
  bus: EventBus;
  isoNow(): string;
  onError(error: unknown): void;
  /** The bus has lost what was published; it is being sent again. */
  onLoss?(detail: { stream: string; epoch: number }): void;
}

/** Takes committed events to the bus. An event is stamped as published after the bus has stored it: a crash between the two
 *  publishes it again under the same id.
 *
 *  What is stamped is in the bus' store of this epoch. When the bus turns out to have another store, or one that has lost its
 *  end, a new epoch begins, and the stamps of as long as a bus keeps events are taken off again, piece by piece: everything is
 *  sent anew under its own id, and inboxes drop what they know. That costs the usual rounds nothing: they compare two numbers
 *  in memory, and the statement that stamps asks for the epoch itself. */
export class OutboxRelay {
  readonly #options: RelayOptions;
  readonly #poller: Poller;
  /** The bus' `sightings` when the epoch was looked up. */
  #seen = -1;
  #epoch = 0;
  #isResending = false;

  constructor(options: RelayOptions) {
    this.#options = options;
    const embedded = options.database.kind === "sqlite";
    const relay = () => (embedded ? this.#relayOwned() : this.#relayShared());
    this.#poller = new Poller({
      round: async () => {
        if (options.bus.sightings !== this.#seen) await this.#lookAtBus();
        const sent = await relay();
        if (this.#isResending && sent < BATCH) await this.#resend();
        return sent > 0 || this.#isResending ? "more" : MAX_SLEEP_MS;
      },
      maxSleepMs: MAX_SLEEP_MS,
      onError: options.onError,
    });
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

  /** PostgreSQL: the row locks hold the claim, and a broker that dies releases them with its connection. Answers how many rows
   *  were claimed. */
  #relayShared(): Promise<number> {
    const { database } = this.#options;
    return database.transaction(async (trx) => {
      const rows = await claimUnsent(trx, "postgres", BATCH);
      if (rows.length === 0) return 0;
      faults.crashPoint?.("relay.claimed");
      const position = await this.#publish(rows);
      faults.crashPoint?.("relay.published");
      await this.#stamp(trx, rows, position);
      faults.crashPoint?.("relay.stamped");
      return rows.length;
    });
  }

  /** SQLite: this process is the only relay, and a transaction must not wait for anything outside: it would hold up every query. */
  async #relayOwned(): Promise<number> {
    const { database } = this.#options;
    const rows = await claimUnsent(database.db, "sqlite", BATCH);
    if (rows.length === 0) return 0;
    faults.crashPoint?.("relay.claimed");
    const position = await this.#publish(rows);
    faults.crashPoint?.("relay.published");
    await database.transaction((trx) => this.#stamp(trx, rows, position));
    faults.crashPoint?.("relay.stamped");
    return rows.length;
  }

  async #publish(rows: Awaited<ReturnType<typeof claimUnsent>>): Promise<number | undefined> {
    let position: number | undefined;
    await this.#options.bus.publish(
      rows.map((row) => row.envelope),
      (at) => {
        position = at;
      },
    );
    return position;
  }

  async #stamp(trx: Transaction<MessagingTables>, rows: readonly { seq: number }[], position: number | undefined): Promise<void> {
    const { database, isoNow } = this.#options;
    const seqs = rows.map((row) => row.seq);
    const isStamped = await stamp(trx, database.kind, { seqs, at: isoNow(), position, epoch: this.#epoch });
    // Another broker has seen the loss first.
    if (!isStamped) this.#seen = -1;
  }

  /** Whether the bus still has what was stamped. Of several brokers that see a loss one declares it. */
  async #lookAtBus(): Promise<void> {
    const { database, bus, onLoss } = this.#options;
    const { db } = database;
    // Before the look: what changes during it is looked at again.
    const { sightings } = bus;
    const known = await findStream(db);
    const last = known && (await findLastPlaced(db, known));
    const stream = await bus.identify();
    if (known === undefined) await insertStream(db, stream);
    else if (known.stream !== stream || (last !== undefined && !(await bus.holds(last.event_id, last.bus_position)))) {
      await declareLoss(db, stream, known.epoch);
      onLoss?.({ stream, epoch: known.epoch + 1 });
    }
    const now = await findStream(db);
    this.#epoch = now?.epoch ?? 0;
    this.#isResending = now !== undefined && now.resend_after < now.resend_until;
    this.#seen = sightings;
  }

  /** Any broker may do the next piece; the row of the stream says which it is. */
  async #resend(): Promise<void> {
    const { database, isoNow } = this.#options;
    const since = isoTime(Date.parse(isoNow()) - STREAM_RETENTION_MS);
    const piece = await database.transaction((trx) => unstampNext(trx, { epoch: this.#epoch, since, limit: RESEND_BATCH }));
    if (piece === undefined) this.#seen = -1;
    else this.#isResending = !piece.isDone;
  }
}
