import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Database, openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { MESSAGING_MIGRATIONS, migrate } from "@molecart/mixins/database/migrate.ts";
import { openNedb } from "@molecart/mixins/document-store/open-nedb.ts";
import {
  DocumentRelay,
  type OutboxEntry,
  outgoing,
  type StreamDocument,
  type WithOutbox,
} from "@molecart/mixins/document-store/outbox.ts";
import { isoTime, ManualClock } from "@molecart/mixins/lib/clock.ts";
import type { Envelope } from "@molecart/mixins/messaging/envelope.ts";
import { JetStreamBus } from "@molecart/mixins/messaging/jetstream-bus.ts";
import { stamp } from "@molecart/mixins/messaging/outbox.repository.ts";
import { OutboxRelay } from "@molecart/mixins/messaging/outbox-relay.ts";
import { inSqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { SqliteBus } from "@molecart/mixins/messaging/sqlite-bus.ts";
import { sql } from "kysely";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startNats } from "../support/servers/nats.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(120_000);

const DAY_MS = 24 * 3_600_000;
const closing: (() => Promise<unknown>)[] = [];
const later = <T extends { stop(): Promise<void> }>(one: T): T => {
  closing.push(() => one.stop());
  return one;
};

let nats: RunningServer;
let namespaces = 0;

/** As a disk that is gone: killed, emptied, started again. */
const loseDisk = async (): Promise<void> => {
  await nats.kill();
  rmSync(join(nats.folder, "jetstream"), { recursive: true, force: true });
  await nats.restart();
};

const openBus = async (namespace: string): Promise<JetStreamBus> => {
  const bus = later(new JetStreamBus({ url: nats.url, namespace, clientName: "test", replicas: 1 }));
  await bus.start();
  return bus;
};

/** The ids of what a consumer of this name is given, in the order of arrival. */
const listen = async (bus: JetStreamBus, service: string): Promise<string[]> => {
  const heard: string[] = [];
  await bus.subscribe({
    service,
    event: "reservation.expired",
    concurrency: 1,
    onDelivery: async (delivery) => {
      heard.push(delivery.message.id);
      delivery.ack();
    },
  });
  return heard;
};

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => removeDataDirs());

for (const kind of ["sqlite", "postgres"] as const) {
  describeWith(kind === "postgres" ? ["nats", "postgres"] : ["nats"], `An outbox on ${kind}, when NATS loses its disk,`, () => {
    let postgres: PostgresServer | undefined;
    let database: Database<MessagingTables>;
    let namespace: string;
    const clock = new ManualClock();
    const isoNow = () => isoTime(clock.now());

    beforeAll(async () => {
      nats = await startNats({ jetstream: true });
      if (kind === "postgres") postgres = await startPostgres();
    });
    afterAll(async () => {
      await nats.stop();
      await postgres?.stop();
    });

    const open = async (): Promise<void> => {
      namespace = `loss${namespaces++}`;
      const url = await postgres?.createDatabase(namespace);
      database = openDatabase<MessagingTables>({ name: "notes", file: `${temporaryDataDir()}/notes.db`, url, poolSize: 8 });
      await migrate(database as never, { name: "notes", folder: MESSAGING_MIGRATIONS, book: "messaging" });
      const { close } = database;
      closing.push(close);
    };
    const relay = (bus: JetStreamBus): OutboxRelay => {
      const one = later(new OutboxRelay({ database, bus, isoNow, onError: () => {} }));
      one.start();
      return one;
    };
    const emit = async (count: number, aggregateId = "o1"): Promise<string[]> => {
      const quiet = { onEmitted: () => {}, onScheduled: () => {} };
      await inSqlWork(database, clock, quiet, async (work) => {
        for (let n = 0; n < count; n++) work.emit("reservation.expired", aggregateId, { orderId: aggregateId });
      });
      const rows = await database.db.selectFrom("outbox").select("event_id").orderBy("seq", "desc").limit(count).execute();
      return rows.map(({ event_id }) => event_id).reverse();
    };
    const unsent = async (): Promise<number> => {
      const { count } = await database.db
        .selectFrom("outbox")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .where("published_at", "is", null)
        .executeTakeFirstOrThrow();
      return Number(count);
    };
    const stream = () => database.db.selectFrom("outbox_stream").selectAll().executeTakeFirstOrThrow();
    const allSent = () => eventually(async () => expect(await unsent()).toBe(0));
    const resent = (epoch: number) =>
      eventually(
        async () => {
          const found = await stream();
          expect(found).toMatchObject({ epoch, resend_after: found.resend_until });
          expect(await unsent()).toBe(0);
        },
        { withinMs: 30_000 },
      );

    test("sends again what was in it, under the same ids and in its order", async () => {
      await open();
      const bus = await openBus(namespace);
      relay(bus);
      const ids = [...(await emit(30)), ...(await emit(30))];
      await allSent();
      await loseDisk();
      await resent(2);
      const heard = await listen(bus, "latecomer");
      await eventually(() => expect(heard).toEqual(ids));
      const [more] = await emit(1, "o2");
      await eventually(() => expect(heard).toEqual([...ids, more]));
    });

    test("declares the loss once, however many brokers see it, and sends all of a long outbox", async () => {
      await open();
      const buses = await Promise.all([1, 2, 3].map(() => openBus(namespace)));
      // SQLite belongs to one broker.
      for (const bus of kind === "postgres" ? buses : buses.slice(0, 1)) relay(bus);
      const ids: string[] = [];
      for (let n = 0; n < 5; n++) ids.push(...(await emit(200, `order ${n % 3}`)));
      for (let n = 0; n < 300; n++) ids.push(...(await emit(1, `alone ${n}`)));
      await allSent();
      await loseDisk();
      await resent(2);
      const heard = await listen(buses[0] as JetStreamBus, "latecomer");
      await eventually(() => expect(heard.toSorted()).toEqual(ids.toSorted()), { withinMs: 30_000 });
    });

    test("sees it at its next start, when no broker was running", async () => {
      await open();
      const before = await openBus(namespace);
      const first = relay(before);
      const ids = await emit(5);
      await allSent();
      await first.stop();
      await loseDisk();
      const bus = await openBus(namespace);
      relay(bus);
      await resent(2);
      const heard = await listen(bus, "latecomer");
      await eventually(() => expect(heard).toEqual(ids));
    });

    test("sends nothing again when NATS comes back with its disk", async () => {
      await open();
      const bus = await openBus(namespace);
      relay(bus);
      await emit(5);
      await allSent();
      const sightings = bus.sightings;
      await nats.restart();
      await eventually(() => expect(bus.sightings).toBeGreaterThan(sightings), { withinMs: 20_000 });
      await emit(1);
      await allSent();
      expect(await stream()).toMatchObject({ epoch: 1, resend_until: 0 });
    });

    test("sends again what an older copy of its disk has not", async () => {
      await open();
      const bus = await openBus(namespace);
      relay(bus);
      const heard = await listen(bus, "listener");
      const old = await emit(5);
      await allSent();
      await eventually(() => expect(heard).toEqual(old));
      await nats.kill("SIGINT");
      const copy = mkdtempSync(join(tmpdir(), "molecart-copy-"));
      cpSync(join(nats.folder, "jetstream"), copy, { recursive: true });
      await nats.restart();
      const young = await emit(5);
      await allSent();
      await nats.kill();
      rmSync(join(nats.folder, "jetstream"), { recursive: true, force: true });
      cpSync(copy, join(nats.folder, "jetstream"), { recursive: true });
      rmSync(copy, { recursive: true });
      await nats.restart();
      await resent(2);
      const late = await listen(bus, "latecomer");
      await eventually(() => expect(new Set(late)).toEqual(new Set([...old, ...young])));
    });

    test("leaves alone what is older than what a bus keeps", async () => {
      await open();
      const bus = await openBus(namespace);
      relay(bus);
      await emit(3, "old");
      await allSent();
      clock.advance(31 * DAY_MS);
      const ids = await emit(3, "young");
      await allSent();
      await loseDisk();
      await resent(2);
      const heard = await listen(bus, "latecomer");
      const [last] = await emit(1, "young");
      await eventually(() => expect(heard).toEqual([...ids, last]));
    });

    test("does not take a stamp that comes after the loss for one of the new store", async () => {
      await open();
      relay(await openBus(namespace));
      await emit(1);
      await allSent();
      const late = await database.transaction(async (trx) => {
        await sql`update outbox_stream set epoch = 2`.execute(trx);
        return stamp(trx, kind, { seqs: [1], at: isoNow(), position: 9, epoch: 1 });
      });
      expect(late).toBe(false);
      // The relay still believes in the first epoch, and finds the second.
      await emit(1);
      await allSent();
    });

    if (kind === "postgres") {
      test("waits, before it declares the loss, for a broker that is about to commit a stamp", async () => {
        await open();
        const bus = await openBus(namespace);
        const first = relay(bus);
        await emit(1);
        await allSent();
        await first.stop();
        await emit(1);
        const stamped = Promise.withResolvers<void>();
        const goOn = Promise.withResolvers<void>();
        // As a relay that stands still between its stamp and its commit.
        const slow = database.transaction(async (trx) => {
          await stamp(trx, kind, { seqs: [2], at: isoNow(), position: 2, epoch: 1 });
          stamped.resolve();
          await goOn.promise;
        });
        await stamped.promise;
        await loseDisk();
        relay(bus);
        await eventually(async () => {
          const { rows } = await sql<{ waiting: number }>`
            select count(*) as waiting from pg_stat_activity where wait_event_type = 'Lock' and query like '%outbox_stream%'
              and datname = current_database()`.execute(database.db);
          expect(rows[0]?.waiting).toBe(1);
        });
        goOn.resolve();
        await slow;
        await resent(2);
        const heard = await listen(bus, "latecomer");
        await eventually(() => expect(heard).toHaveLength(2));
      });
    }

    test("has cost the usual way of an event nothing: a claim and a stamp, and the bus is asked nothing", async () => {
      await open();
      const bus = await openBus(namespace);
      const statements: string[] = [];
      const watched = database.db.withPlugin({
        transformQuery: ({ node }) => {
          statements.push(node.kind);
          return node;
        },
        transformResult: async ({ result }) => result,
      });
      const { db } = database;
      Object.assign(database, {
        db: watched,
        transaction: <T>(work: (trx: never) => Promise<T>) => watched.transaction().execute(work as never),
      });
      const one = relay(bus);
      await eventually(async () => expect((await db.selectFrom("outbox_stream").selectAll().execute()).length).toBe(1));
      // The look at the bus, and the round after it.
      await eventually(() => expect(statements.at(-1)).toBe("SelectQueryNode"));
      const asked: string[] = [];
      for (const question of ["identify", "holds"] as const) {
        const original = bus[question].bind(bus) as () => Promise<never>;
        bus[question] = (...args: never[]) => {
          asked.push(question);
          return (original as (...all: never[]) => Promise<never>)(...args);
        };
      }
      Object.assign(database, {
        db,
        transaction: <T>(work: (trx: never) => Promise<T>) => db.transaction().execute(work as never),
      });
      const ids = await emit(3, "o1");
      Object.assign(database, {
        db: watched,
        transaction: <T>(work: (trx: never) => Promise<T>) => watched.transaction().execute(work as never),
      });
      statements.length = 0;
      one.wake();
      await eventually(async () => {
        const left = await db.selectFrom("outbox").select("seq").where("published_at", "is", null).execute();
        expect(left).toEqual([]);
      });
      await one.stop();
      // Three rounds, as the events of one aggregate go one by one. Rounds that find nothing only claim.
      expect(statements.filter((statement) => statement !== "SelectQueryNode")).toEqual(ids.map(() => "RawNode"));
      expect(asked).toEqual([]);
    });
  });
}

describeWith(["nats"], "The outboxes of documents, when NATS loses its disk,", () => {
  interface Thing extends WithOutbox {
    version: number;
  }
  const entry = (id: string, text: string): OutboxEntry =>
    outgoing("reservation.expired", id, { orderId: text }, "2026-01-01T00:00:00.000Z");

  beforeAll(async () => {
    nats = await startNats({ jetstream: true });
  });
  afterAll(() => nats.stop());

  const open = async () => {
    const folder = temporaryDataDir();
    const store = await openNedb({
      file: (name) => `${folder}/${name}.nedb`,
      collections: { things: [{ fields: ["outbox.id"], sparse: true }], things_stream: [] },
      log: { warn: () => {} },
    });
    closing.push(() => store.close());
    return { things: store.collection<Thing>("things"), state: store.collection<StreamDocument>("things_stream") };
  };
  type Store = Awaited<ReturnType<typeof open>>;
  const relay = ({ things, state }: Store, bus: JetStreamBus, onRestate = () => {}): DocumentRelay<Thing> => {
    const restate = (thing: Thing) => {
      onRestate();
      return { event: entry(thing._id, `version ${thing.version}`), while: { version: thing.version } };
    };
    const one = later(new DocumentRelay<Thing>({ documents: things, state, restate, bus, onError: () => {} }));
    one.start();
    return one;
  };
  const listenData = async (bus: JetStreamBus): Promise<string[]> => {
    const heard: string[] = [];
    await bus.subscribe({
      service: "latecomer",
      event: "reservation.expired",
      concurrency: 1,
      onDelivery: async (delivery) => {
        const message = delivery.message as Envelope<"reservation.expired">;
        heard.push(`${message.aggregateId} ${message.data.orderId}`);
        delivery.ack();
      },
    });
    return heard;
  };
  const settled = ({ things, state }: Store, epoch: number) =>
    eventually(
      async () => {
        expect(await state.get("stream")).toMatchObject({ epoch, restateAfter: null });
        expect(await things.count({ "outbox.id": { $gt: "" } })).toBe(0);
      },
      { withinMs: 30_000 },
    );

  test("tell of every document as it is now", async () => {
    const store = await open();
    const bus = await openBus(`loss${namespaces++}`);
    relay(store, bus);
    const ids = Array.from({ length: 250 }, (_, n) => `t${String(n).padStart(3, "0")}`);
    for (const id of ids) await store.things.insert({ _id: id, version: 1, outbox: [entry(id, "new")] });
    await settled(store, 1);
    await loseDisk();
    await settled(store, 2);
    const heard = await listenData(bus);
    await eventually(() => expect(heard.toSorted()).toEqual(ids.map((id) => `${id} version 1`)));
  });

  test("leave it to a write that comes in between to tell of its document", async () => {
    const store = await open();
    const bus = await openBus(`loss${namespaces++}`);
    relay(store, bus, () => {
      void store.things.updateOne({ _id: "t", version: 1 }, { $inc: { version: 1 }, $push: { outbox: entry("t", "written") } });
    });
    await store.things.insert({ _id: "t", version: 1, outbox: [entry("t", "new")] });
    await settled(store, 1);
    await loseDisk();
    await settled(store, 2);
    const heard = await listenData(bus);
    await eventually(() => expect(heard).toEqual(["t written"]));
  });
});

describe("An embedded bus", () => {
  test("is another one when its file is gone, and knows its own again", async () => {
    const folder = temporaryDataDir();
    const openAgain = async () => {
      const bus = later(new SqliteBus(`${folder}/events.db`));
      await bus.start();
      return bus;
    };
    const first = await openAgain();
    const identity = await first.identify();
    await first.stop();
    const second = await openAgain();
    expect(await second.identify()).toBe(identity);
    await second.stop();
    rmSync(`${folder}/events.db`);
    const third = await openAgain();
    expect(await third.identify()).not.toBe(identity);
    expect(await third.holds("any", 1)).toBe(false);
  });
});
