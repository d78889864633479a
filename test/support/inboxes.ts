import { openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { MESSAGING_MIGRATIONS, migrate } from "@molecart/mixins/database/migrate.ts";
import { openRedis } from "@molecart/mixins/database/redis.ts";
import type { InboxDocument } from "@molecart/mixins/document-store/document-inbox.ts";
import { DocumentInbox, type DocumentWork, INBOX_INDEXES } from "@molecart/mixins/document-store/document-inbox.ts";
import { openNedb } from "@molecart/mixins/document-store/open-nedb.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Envelope } from "@molecart/mixins/messaging/envelope.ts";
import type { Inbox, Outcome, Passage } from "@molecart/mixins/messaging/inbox.ts";
import { RedisInbox, type RedisWork } from "@molecart/mixins/messaging/redis-inbox.ts";
import { SqlInbox } from "@molecart/mixins/messaging/sql-inbox.ts";
import { inSqlWork, type SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { type Kysely, sql } from "kysely";
import { startPostgres } from "./servers/postgres.ts";
import { startRedis } from "./servers/redis.ts";
import { temporaryDataDir } from "./worlds.ts";

/** One broker's inbox, with a handler that leaves a trace. */
export interface Desk {
  inbox: Inbox<never>;
  /** Runs the event's handler, which notes the event's id in the store; `fault` is thrown after that. */
  handle(envelope: Envelope, passage?: Passage, fault?: () => unknown): Promise<Outcome>;
  /** The ids of the events that have had their effect, in its order. */
  effects(): Promise<string[]>;
  close(): Promise<void>;
}

/** One kind of store. `newStore` makes an empty one and answers how to open it; brokers may share it where `shared`. */
export interface InboxKind {
  shared: boolean;
  newStore(clock: Clock): Promise<() => Promise<Desk>>;
  close(): Promise<void>;
}

const SERVICE = "desk";
const quiet = { info: () => {}, warn: () => {} };

interface NoteTables extends MessagingTables {
  note: { event_id: string; seq: number };
}

const openSqlDesk = async (options: { file: string; url?: string }, clock: Clock): Promise<Desk> => {
  const database = openDatabase<NoteTables>({ name: SERVICE, poolSize: 5, ...options });
  const target = { db: database.db as unknown as Kysely<never>, kind: database.kind };
  await migrate(target, { name: SERVICE, folder: MESSAGING_MIGRATIONS, book: "messaging" });
  const serial = sql.raw(database.kind === "postgres" ? "bigserial primary key" : "integer primary key autoincrement");
  await sql`create table if not exists note (seq ${serial}, event_id text not null)`.execute(database.db);
  const transaction = <T>(run: (work: SqlWork<NoteTables>) => Promise<T>) =>
    inSqlWork(database, clock, { onEmitted: () => {}, onScheduled: () => {} }, run);
  const inbox = new SqlInbox<NoteTables>(database, transaction, () => isoTime(clock.now()), SERVICE);
  return {
    inbox: inbox as never,
    handle: (envelope, passage, fault) =>
      inbox.process(
        envelope,
        async ({ trx }) => {
          await sql`insert into note (event_id) values (${envelope.id})`.execute(trx);
          if (fault !== undefined) throw fault();
        },
        passage,
      ),
    effects: async () =>
      (await database.db.selectFrom("note").select("event_id").orderBy("seq").execute()).map(({ event_id }) => event_id),
    close: () => database.close(),
  };
};

const sqlite = async (): Promise<InboxKind> => ({
  shared: false,
  newStore: async (clock) => {
    const file = `${temporaryDataDir()}/desk.db`;
    return () => openSqlDesk({ file }, clock);
  },
  close: async () => {},
});

const postgres = async (): Promise<InboxKind> => {
  const server = await startPostgres();
  let count = 0;
  return {
    shared: true,
    newStore: async (clock) => {
      const url = await server.createDatabase(`desk_${++count}`);
      return () => openSqlDesk({ file: "", url }, clock);
    },
    close: () => server.stop(),
  };
};

const redis = async (): Promise<InboxKind> => {
  const server = await startRedis();
  return {
    shared: true,
    newStore: async (clock) => {
      const prefix = `${newId()}:desk`;
      return async () => {
        const connection = await openRedis({ url: server.url, clientName: SERVICE, log: quiet });
        const inbox = new RedisInbox({ service: SERVICE, redis: connection, prefix, clock });
        return {
          inbox: inbox as unknown as Inbox<never>,
          handle: (envelope, passage, fault) =>
            inbox.process(
              envelope,
              async (work: RedisWork) => {
                if (fault !== undefined) throw fault();
                work.write("redis.call('RPUSH', KEYS[1], ARGV[1])", [`${prefix}:effects`], [envelope.id]);
              },
              passage,
            ),
          effects: () => connection.ask((client) => client.lrange(`${prefix}:effects`, 0, -1)),
          close: () => connection.close(),
        };
      };
    },
    close: () => server.stop(),
  };
};

interface NoteDocument {
  _id: string;
  seq: number;
}

const nedb = async (): Promise<InboxKind> => ({
  shared: false,
  newStore: async (clock) => {
    const folder = temporaryDataDir();
    let seq = 0;
    return async () => {
      const store = await openNedb({
        file: (name) => `${folder}/${name}.nedb`,
        collections: { notes: [], inbox: INBOX_INDEXES },
        log: quiet,
      });
      const notes = store.collection<NoteDocument>("notes");
      const inbox = new DocumentInbox(store.collection<InboxDocument>("inbox"), notes, clock, SERVICE);
      return {
        inbox: inbox as unknown as Inbox<never>,
        handle: (envelope, passage, fault) =>
          inbox.process(
            envelope,
            async (work: DocumentWork<NoteDocument>) => {
              if (fault !== undefined) throw fault();
              await work.insertOnce({ _id: envelope.id, seq: ++seq });
            },
            passage,
          ),
        effects: async () => (await notes.find({ sort: ["seq"] })).map(({ _id }) => _id),
        close: () => store.close(),
      };
    };
  },
  close: async () => {},
});

export const inboxKinds = [
  { kind: "SQLite", servers: [], open: sqlite },
  { kind: "PostgreSQL", servers: ["postgres"], open: postgres },
  { kind: "Redis", servers: ["redis"], open: redis },
  { kind: "NeDB", servers: [], open: nedb },
] as const;
