import type { Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import type { MessagingTables } from "../database/messaging.table.ts";
import { faults } from "../faults.ts";
import type { EventBus } from "./event-bus.ts";
import { Poller } from "./poller.ts";

/** Rows of one round. At 300 bytes an event this is 60 kB on the wire, and the acks come back in one go. */
const BATCH = 200;
/** Another broker may have died between its commit and its publish: look for what nobody relays. */
const MAX_SLEEP_MS = 1_000;

export interface RelayOptions {
  database: Database<MessagingTables>;
  bus: EventBus;
  isoNow(): string;
  onError(error: unknown): void;
}

/** The next rows to send: of each aggregate only the oldest unsent one, so that two relays never overtake each other
 *  within an aggregate. (While the oldest is locked by another relay, it is still unsent, and the later ones wait.) */
const claim = (trx: Transaction<MessagingTables>, kind: Database<unknown>["kind"]) =>
  trx
    .selectFrom("outbox")
    .select(["seq", "aggregate_id", "envelope"])
    .where("published_at", "is", null)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("outbox as earlier")
            .select("earlier.seq")
            .whereRef("earlier.aggregate_id", "=", "outbox.aggregate_id")
            .whereRef("earlier.seq", "<", "outbox.seq")
            .where("earlier.published_at", "is", null),
        ),
      ),
    )
    .orderBy("seq")
    .limit(BATCH)
    .$if(kind === "postgres", (query) => query.forUpdate().skipLocked())
    .execute();

const stamp = (trx: Transaction<MessagingTables>, seqs: number[], at: string) =>
  trx.updateTable("outbox").set({ published_at: at }).where("seq", "in", seqs).execute();

/** Takes committed events to the bus. An event is stamped as published after the bus has stored it: a crash between the two
 *  publishes it again under the same id. */
export class OutboxRelay {
  readonly #options: RelayOptions;
  readonly #poller: Poller;

  constructor(options: RelayOptions) {
    this.#options = options;
    const embedded = options.database.kind === "sqlite";
    this.#poller = new Poller({
      round: () => (embedded ? this.#relayOwned() : this.#relayShared()),
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

  /** PostgreSQL: the row locks hold the claim, and a broker that dies releases them with its connection. */
  #relayShared(): Promise<"more" | number> {
    const { database, bus, isoNow } = this.#options;
    return database.transaction(async (trx) => {
      const rows = await claim(trx, "postgres");
      if (rows.length === 0) return MAX_SLEEP_MS;
      faults.crashPoint?.("relay.claimed");
      await bus.publish(rows.map((row) => row.envelope));
      faults.crashPoint?.("relay.published");
      await stamp(
        trx,
        rows.map((row) => row.seq),
        isoNow(),
      );
      faults.crashPoint?.("relay.stamped");
      return "more";
    });
  }

  /** SQLite: this process is the only relay, and a transaction must not wait for anything outside: it would hold up every query. */
  async #relayOwned(): Promise<"more" | number> {
    const { database, bus, isoNow } = this.#options;
    const rows = await claim(database.db as Transaction<MessagingTables>, "sqlite");
    if (rows.length === 0) return MAX_SLEEP_MS;
    faults.crashPoint?.("relay.claimed");
    await bus.publish(rows.map((row) => row.envelope));
    faults.crashPoint?.("relay.published");
    await database.transaction((trx) =>
      stamp(
        trx,
        rows.map((row) => row.seq),
        isoNow(),
      ),
    );
    faults.crashPoint?.("relay.stamped");
    return "more";
  }
}
