import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { lockStore } from "../database/store-lock.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { Unavailable } from "../lib/errors.ts";
import { newId } from "../lib/ids.ts";
import type { Envelope } from "./envelope.ts";
import {
  type Consumer,
  consumerName,
  type Delivery,
  type EventBus,
  type SubscribeOptions,
  type Subscription,
} from "./event-bus.ts";

const SCHEMA = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma cache_size = -2000;
  create table if not exists consumer (name text primary key, event text not null) without rowid;
  create table if not exists event (
    seq integer primary key autoincrement,
    id text not null unique,
    type text not null,
    envelope text not null,
    published_at integer not null
  );
  create index if not exists event_type on event (type, seq);
  create table if not exists delivery (
    consumer text not null,
    seq integer not null,
    due_at integer not null,
    primary key (consumer, seq)
  ) without rowid;
  create index if not exists delivery_due on delivery (consumer, due_at);
  create table if not exists identity (id text primary key) without rowid;
`;

/** An ack need not be on disk at once: the inbox knows the event if it is delivered again. Written in batches, at the latest after this time. */
const ACK_FLUSH_MS = 25;
const ACK_FLUSH_COUNT = 256;
/** After the file could not be read or written: the disk is full. */
const FAULT_PAUSE_MS = 1_000;
/** Delivered events stay this long, so that a consumer that is added later gets the recent past. */
const RETENTION_MS = 7 * 24 * 3_600_000;
const TRIM_EVERY_MS = 600_000;
/** Longest sleep of a subscription between two looks for due deliveries; a publish wakes it at once. */
const MAX_SLEEP_MS = 60_000;
/** Where a subscriber does not say how long its retries are. */
const MAX_RETRY_MS = 600_000;
const CLOCK_SLACK_MS = 1_000;
/** How soon it is noticed that a clock was set back. */
const RECALL_EVERY_MS = 5_000;

interface DueRow {
  seq: number;
  envelope: string;
}

/** Durable events inside one process: the semantics of the JetStream bus, on a SQLite file that this process owns. */
export class SqliteBus implements EventBus {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #subscriptions = new Set<SqliteSubscription>();
  #db!: DatabaseSync;
  #release = (): void => {};
  #statements!: Record<
    | "publish"
    | "deliver"
    | "register"
    | "deliverPast"
    | "due"
    | "nextDue"
    | "recall"
    | "ack"
    | "retry"
    | "backlog"
    | "trim"
    | "position"
    | "at",
    StatementSync
  >;
  #acked: [consumer: string, seq: number][] = [];
  #flushTimer: NodeJS.Timeout | undefined;
  #trimTimer: NodeJS.Timeout | undefined;

  /** This process has owned the file since `start`, and nobody could have put another in its place. */
  readonly sightings = 1;

  constructor(file: string, clock: Clock = systemClock) {
    this.#file = file;
    this.#clock = clock;
  }

  async start(): Promise<void> {
    mkdirSync(dirname(this.#file), { recursive: true });
    this.#release = lockStore(this.#file).release;
    this.#db = new DatabaseSync(this.#file);
    this.#db.exec(SCHEMA);
    this.#db.prepare("insert into identity (id) select ? where not exists (select 1 from identity)").run(newId());
    const prepare = (sql: string) => this.#db.prepare(sql);
    this.#statements = {
      publish: prepare("insert into event (id, type, envelope, published_at) values (?, ?, ?, ?) on conflict (id) do nothing"),
      deliver: prepare("insert into delivery (consumer, seq, due_at) select name, ?, ? from consumer where event = ?"),
      register: prepare("insert into consumer (name, event) values (?, ?) on conflict (name) do nothing"),
      deliverPast: prepare("insert into delivery (consumer, seq, due_at) select ?, seq, ? from event where type = ?"),
      due: prepare(
        "select d.seq, e.envelope from delivery d join event e on e.seq = d.seq where d.consumer = ? and d.due_at <= ? order by d.seq limit ?",
      ),
      nextDue: prepare("select min(due_at) as due_at from delivery where consumer = ? and due_at > ?"),
      recall: prepare("update delivery set due_at = ? where consumer = ? and due_at > ?"),
      position: prepare("select seq from event where id = ?"),
      at: prepare("select id from event where seq = ?"),
      ack: prepare("delete from delivery where consumer = ? and seq = ?"),
      retry: prepare("update delivery set due_at = ? where consumer = ? and seq = ?"),
      backlog: prepare("select count(*) as n from delivery where consumer = ?"),
      trim: prepare("delete from event where published_at < ? and not exists (select 1 from delivery d where d.seq = event.seq)"),
    };
    this.#trimTimer = setInterval(() => this.#trim(), TRIM_EVERY_MS).unref();
  }

  async publish(envelopes: readonly Envelope[], receipt?: (position: number) => void): Promise<void> {
    const types = new Set<string>();
    const now = this.#clock.now();
    let position = 0;
    this.#transaction(() => {
      for (const envelope of envelopes) {
        const { changes, lastInsertRowid } = this.#statements.publish.run(
          envelope.id,
          envelope.type,
          JSON.stringify(envelope),
          now,
        );
        position = changes === 0 ? (this.#statements.position.get(envelope.id) as { seq: number }).seq : Number(lastInsertRowid);
        if (changes === 0) continue;
        this.#statements.deliver.run(lastInsertRowid, now, envelope.type);
        types.add(envelope.type);
      }
    });
    for (const subscription of this.#subscriptions) if (types.has(subscription.event)) subscription.wake();
    receipt?.(position);
  }

  async identify(): Promise<string> {
    return (this.#db.prepare("select id from identity").get() as { id: string }).id;
  }

  async holds(eventId: string, position: number): Promise<boolean> {
    const found = this.#statements.at.get(position) as { id: string } | undefined;
    if (found !== undefined) return found.id === eventId;
    // Trimmed, if the numbers have come so far.
    const last = this.#db.prepare("select seq from sqlite_sequence where name = 'event'").get() as { seq: number } | undefined;
    return (last?.seq ?? 0) >= position;
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const name = consumerName(options);
    this.#transaction(() => {
      const { changes } = this.#statements.register.run(name, options.event);
      if (changes > 0) this.#statements.deliverPast.run(name, this.#clock.now(), options.event);
    });
    const subscription = new SqliteSubscription(options, {
      due: (now, limit) => this.#statements.due.all(name, now, limit) as unknown as DueRow[],
      nextDue: (now) => (this.#statements.nextDue.get(name, now) as { due_at: number | null }).due_at,
      ack: (seq) => this.#ack(name, seq, subscription),
      retry: (seq, delayMs) => this.#retry(name, seq, delayMs),
      recall: (now, latest) => this.#statements.recall.run(now, name, latest),
      now: () => this.#clock.now(),
    });
    this.#subscriptions.add(subscription);
    subscription.wake();
    return {
      stop: async () => {
        this.#subscriptions.delete(subscription);
        await subscription.stop();
        this.#flushAcks();
      },
    };
  }

  async ping(): Promise<void> {
    if (this.#db === undefined || !this.#db.isOpen) throw new Unavailable("the embedded event bus");
  }

  async backlog(consumer: Consumer): Promise<number> {
    this.#flushAcks();
    return (this.#statements.backlog.get(consumerName(consumer)) as { n: number }).n;
  }

  async stop(): Promise<void> {
    clearInterval(this.#trimTimer);
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    this.#subscriptions.clear();
    if (this.#db?.isOpen) {
      this.#flushAcks();
      clearTimeout(this.#flushTimer);
      this.#db.close();
    }
    this.#release();
  }

  #ack(consumer: string, seq: number, subscription: SqliteSubscription): void {
    this.#acked.push([consumer, seq]);
    subscription.settling.add(seq);
    if (this.#acked.length >= ACK_FLUSH_COUNT) this.#flushAcks();
    else this.#flushTimer ??= setTimeout(() => this.#flushAcks(), ACK_FLUSH_MS);
  }

  /** What cannot be written now is kept for the next time. If the process ends before, the events are delivered again. */
  #flushAcks(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#acked.length === 0) return;
    try {
      this.#transaction(() => {
        for (const [consumer, seq] of this.#acked) this.#statements.ack.run(consumer, seq);
      });
    } catch {
      this.#flushTimer = setTimeout(() => this.#flushAcks(), FAULT_PAUSE_MS);
      return;
    }
    this.#acked = [];
    for (const subscription of this.#subscriptions) subscription.settling.clear();
  }

  /** Where the time cannot be written, the event stays due and comes again at once. */
  #retry(consumer: string, seq: number, delayMs: number): void {
    try {
      this.#statements.retry.run(this.#clock.now() + Math.round(delayMs), consumer, seq);
    } catch {}
  }

  #trim(): void {
    try {
      this.#statements.trim.run(this.#clock.now() - RETENTION_MS);
    } catch {
      // The next one takes out more.
    }
  }

  #transaction(work: () => void): void {
    this.#db.exec("begin immediate");
    try {
      work();
      this.#db.exec("commit");
    } catch (error) {
      // On a full disk SQLite has done it already.
      if (this.#db.isTransaction) this.#db.exec("rollback");
      throw error;
    }
  }
}

interface Source {
  due(now: number, limit: number): DueRow[];
  /** The earliest time after `now`. */
  nextDue(now: number): number | null;
  ack(seq: number): void;
  retry(seq: number, delayMs: number): void;
  /** Makes due what would be due after `latest`. */
  recall(now: number, latest: number): void;
  now(): number;
}

class SqliteSubscription {
  readonly event: string;
  /** Acked, and not yet gone from the table. */
  readonly settling = new Set<number>();
  readonly #options: SubscribeOptions;
  readonly #source: Source;
  readonly #inHand = new Map<number, Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #scheduled = false;
  #stopped = false;
  #recallAt = 0;

  constructor(options: SubscribeOptions, source: Source) {
    this.event = options.event;
    this.#options = options;
    this.#source = source;
  }

  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      try {
        this.#takeDue();
      } catch {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.wake(), FAULT_PAUSE_MS).unref();
      }
    });
  }

  #takeDue(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    const free = this.#options.concurrency - this.#inHand.size;
    if (free <= 0) return;
    // One look at the clock: what became due between two would be neither due nor next.
    const now = this.#source.now();
    if (performance.now() >= this.#recallAt) this.#recall(now);
    // Rows in hand and rows being settled are still in the table: ask for as many more.
    const rows = this.#source.due(now, free + this.#inHand.size + this.settling.size);
    for (const row of rows) {
      if (this.#inHand.size >= this.#options.concurrency) return;
      if (!this.#inHand.has(row.seq) && !this.settling.has(row.seq)) this.#take(row);
    }
    const nextDue = this.#source.nextDue(now);
    const sleepMs = nextDue === null ? MAX_SLEEP_MS : Math.min(Math.max(nextDue - this.#source.now(), 1), RECALL_EVERY_MS);
    this.#timer = setTimeout(() => this.wake(), sleepMs).unref();
  }

  /** What was put off further than any retry is was put off by a clock that ran ahead, and has been set back since. */
  #recall(now: number): void {
    const { maxRetryMs = MAX_RETRY_MS } = this.#options;
    this.#source.recall(now, now + maxRetryMs + CLOCK_SLACK_MS);
    this.#recallAt = performance.now() + RECALL_EVERY_MS;
  }

  #take({ seq, envelope }: DueRow): void {
    const delivery: Delivery = {
      message: JSON.parse(envelope) as Envelope,
      ack: () => this.#source.ack(seq),
      retry: (delayMs) => this.#source.retry(seq, delayMs),
      // One process owns the file: nobody else could take the delivery meanwhile.
      extend: () => {},
    };
    const work = this.#options.onDelivery(delivery).finally(() => {
      this.#inHand.delete(seq);
      this.wake();
    });
    this.#inHand.set(seq, work);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await Promise.all(this.#inHand.values());
  }
}
