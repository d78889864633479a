import type { Kysely } from "kysely";
import type { Service, ServiceBroker } from "moleculer";
import { type Database, openDatabase } from "./database/database.ts";
import { isRetryableConflict } from "./database/database-errors.ts";
import type { MessagingTables } from "./database/messaging.table.ts";
import { MESSAGING_MIGRATIONS, migrate } from "./database/migrate.ts";
import type { Mixin } from "./implement.ts";
import { delayMs } from "./lib/backoff.ts";
import { type Clock, isoTime } from "./lib/clock.ts";
import { type Environment, POSTGRES } from "./lib/config.ts";
import { messageOf, Unavailable } from "./lib/errors.ts";
import { Housekeeper, messagingKeepMs, type Trimming } from "./messaging/housekeeper.ts";
import type { Inbox } from "./messaging/inbox.ts";
import { type JobHandler, JobRunner } from "./messaging/job-runner.ts";
import { OutboxRelay } from "./messaging/outbox-relay.ts";
import { SqlInbox } from "./messaging/sql-inbox.ts";
import { inSqlWork, type SqlWork } from "./messaging/sql-work.ts";
import { verdictOn } from "./messaging/verdict.ts";
import { runtimeOf } from "./runtime.ts";

export interface DatabaseMixinOptions {
  /** The service's name; `orders` reads ORDERS_DATABASE_URL and ORDERS_DATABASE_POOL, and keeps DATA_DIR/orders.db when embedded. */
  name: string;
  /** The folder of its migrations. */
  migrations: URL;
  /** Tables of its own whose old rows are taken out with the finished events. */
  trims?(env: Environment): readonly Trimming[];
}

export interface DatabaseProps<DB> {
  database: Database<DB>;
  inbox: Inbox<SqlWork<DB>>;
  clock: Clock;
  /** State, outgoing events and jobs in one transaction; see SqlWork. */
  transaction<T>(run: (work: SqlWork<DB>) => Promise<T>): Promise<T>;
}

interface Owned<DB extends MessagingTables> extends Service, DatabaseProps<DB> {
  openStore(): Database<DB>;
  attach(): void;
  relay: OutboxRelay;
  jobRunner: JobRunner<DB>;
  housekeeper: Housekeeper;
  healthChecks: Record<string, () => Promise<void>>;
}

const START_BACKOFF = { firstMs: 200, maxMs: 2_000, factor: 2 };
/** A database that is started together with the service is there within this time; a wrong URL is told soon enough. */
const START_DEADLINE_MS = 60_000;

/** Gives a service its own SQL store with migrations, transactions that send events and schedule jobs, an inbox, the outbox's
 *  relay and the job runner. Opens them when the service starts and closes them when it stops.
 *
 *  `jobs` in the service's definition are its job handlers by kind. */
export const database = <DB>({
  name,
  migrations,
  trims = () => [],
}: DatabaseMixinOptions): Mixin<DatabaseProps<DB & MessagingTables>, SqlWork<DB & MessagingTables>> => {
  type Tables = DB & MessagingTables;
  const variable = name.toUpperCase();

  const connect = async (service: Owned<Tables>): Promise<Database<Tables>> => {
    const store = service.openStore();
    const deadline = Date.now() + START_DEADLINE_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        await store.ping();
        await store.forMigrations(async (db) => {
          const target = { db: db as unknown as Kysely<never>, kind: store.kind };
          await migrate(target, { name, folder: MESSAGING_MIGRATIONS, book: "messaging" });
          await migrate(target, { name, folder: migrations, book: name });
        });
        return store;
      } catch (error) {
        // A lock that others hold (a table in use, as a migration wants it) is asked for again as well.
        if ((verdictOn(error) !== "outage" && !isRetryableConflict(error)) || Date.now() > deadline) {
          await store.close();
          throw error;
        }
        service.logger.warn(`Waiting for the database of ${name}`, {
          attempt,
          error: messageOf((error as Error).cause ?? error),
        });
        await new Promise((resolve) => setTimeout(resolve, delayMs(START_BACKOFF, attempt)));
      }
    }
  };

  return {
    ownsInbox: true,

    created(this: Owned<Tables>) {
      const { env, read, clock, bus } = runtimeOf(this.broker as ServiceBroker);
      const [keepMs, also] = [messagingKeepMs(read), trims(env)];
      const options = {
        name,
        url: read.url(`${variable}_DATABASE_URL`, POSTGRES),
        file: `${read.dataDir}/${name}.db`,
        poolSize: read.integer(`${variable}_DATABASE_POOL`, 10, { min: 2, max: 200 }),
      };
      const isoNow = () => isoTime(clock.now());
      const transaction: DatabaseProps<Tables>["transaction"] = (run) =>
        inSqlWork(
          this.database,
          clock,
          {
            onEmitted: () => this.relay.wake(),
            onScheduled: (dueAt) => this.jobRunner.expect(dueAt),
            onHint: ({ name: hint, data }) => {
              this.broker.broadcast(hint, data).catch((error) => this.logger.debug("A hint is lost", { hint, error }));
            },
          },
          run,
        );

      this.clock = clock;
      this.transaction = transaction;
      this.openStore = () => openDatabase<Tables>(options);
      this.healthChecks = {
        ...this.healthChecks,
        [`${name} database`]: async () => {
          if (this.database === undefined) throw new Unavailable(`the database of ${name}`);
          await this.database.ping();
        },
        events: () => bus.ping(),
      };
      this.attach = () => {
        this.inbox = new SqlInbox(this.database, transaction, isoNow, name);
        this.relay = new OutboxRelay({
          database: this.database as unknown as Database<MessagingTables>,
          bus,
          isoNow,
          onError: (error) => this.logger.warn("Events wait in the outbox", { error: messageOf(error) }),
          onLoss: (detail) => this.logger.error("The event bus has lost its store: events are sent again", detail),
        });
        this.housekeeper = new Housekeeper({
          database: this.database as unknown as Database<MessagingTables>,
          clock,
          keepMs,
          also,
          onError: (error) => this.logger.warn("Old rows wait for their removal", { error: messageOf(error) }),
        });
        this.jobRunner = new JobRunner<Tables>({
          database: this.database,
          clock,
          transaction,
          handlers: Object.fromEntries(
            Object.entries((this.schema as { jobs?: Record<string, JobHandler<SqlWork<Tables>>> }).jobs ?? {}).map(
              ([kind, job]) => [kind, { ...job, handler: job.handler.bind(this) }],
            ),
          ),
          onError: (error, job) => {
            const which = job && { jobId: job.id, kind: job.kind, attempt: job.attempts };
            this.logger.warn("Job failed, will be retried", { ...which, error: messageOf(error) });
          },
        });
      };
    },

    async started(this: Owned<Tables>) {
      this.database = await connect(this);
      this.attach();
      this.relay.start();
      this.jobRunner.start();
      this.housekeeper.start();
    },

    async stopped(this: Owned<Tables>) {
      await this.housekeeper?.stop();
      await this.jobRunner?.stop();
      await this.relay?.stop();
      await this.database?.close();
    },
  } as unknown as Mixin<DatabaseProps<Tables>, SqlWork<Tables>>;
};
