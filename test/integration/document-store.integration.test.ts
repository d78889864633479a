import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import { StoreInUse } from "@molecart/mixins/database/store-lock.ts";
import { type Collection, type DocumentStore, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import type { DocumentInbox, DocumentWork } from "@molecart/mixins/document-store/document-inbox.ts";
import { StoreDamaged } from "@molecart/mixins/document-store/nedb-collection.ts";
import { openNedb } from "@molecart/mixins/document-store/open-nedb.ts";
import { type OutboxEntry, outgoing } from "@molecart/mixins/document-store/outbox.ts";
import { documentStore } from "@molecart/mixins/document-store.mixin.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { NotYet, Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { deliver } from "@molecart/mixins/middlewares/durable-events.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { type Service, ServiceBroker, type ServiceSchema } from "moleculer";
import { documentStores, mongoSettings } from "../support/document-stores.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(60_000);

interface Thing {
  _id: string;
  slug: string;
  status: string;
  variants: { sku: string }[];
  version: number;
  text: string;
  outbox: OutboxEntry[];
}
type Work = DocumentWork<Thing>;
interface ThingsService extends Service {
  documents: Collection<Thing>;
  collections: { labels: Collection<{ _id: string; label: string }> };
  inbox: DocumentInbox<Thing>;
  healthChecks: Record<string, () => Promise<void>>;
}
/** What the durable handler does; each test may say. */
interface Script {
  onExpired?(work: Work, orderId: string): Promise<void>;
}

const thing = (_id: string, more: Partial<Thing> = {}): Thing => ({
  _id,
  slug: _id,
  status: "new",
  variants: [{ sku: `${_id}-1` }, { sku: `${_id}-2` }],
  version: 1,
  text: "",
  outbox: [],
  ...more,
});

const things = (script: Script): ServiceSchema =>
  ({
    name: "things",
    version: 1,
    mixins: [
      documentStore<Thing, { labels: { _id: string; label: string } }>({
        name: "things",
        collection: "things",
        indexes: [{ fields: ["slug"], unique: true }, { fields: ["variants.sku"], unique: true }, { fields: ["status"] }],
        outbox: { restate: ({ _id, status }) => ({ event: telling(_id, `again ${_id}`), while: { status } }) },
        also: { labels: {} },
      }),
    ],
    events: {
      "reservation.expired": {
        durable: { maxAttempts: 3 },
        async handler(ctx: { params: { orderId: string }; locals: { work: Work } }) {
          const { work } = ctx.locals;
          if (script.onExpired) return script.onExpired(work, ctx.params.orderId);
          await work.insertOnce(thing(`${work.eventId}:x`, { text: ctx.params.orderId }));
        },
      },
    },
  }) as unknown as ServiceSchema;

const expiredAt = "2026-01-01T00:00:00.000Z";
const expired = (orderId: string): Envelope => newEnvelope("reservation.expired", orderId, { orderId }, expiredAt) as Envelope;
const telling = (aggregateId: string, orderId: string) => outgoing("reservation.expired", aggregateId, { orderId }, expiredAt);
const quiet = { LOG_LEVEL: "fatal" };

afterAll(() => removeDataDirs());

for (const { store, servers, settings } of documentStores) {
  describeWith(servers, `The document store on ${store}`, () => {
    let env: Record<string, string>;
    let script: Script;
    const brokers: ServiceBroker[] = [];
    const clock = new ManualClock();

    const start = async (): Promise<ThingsService> => {
      const broker = new ServiceBroker(brokerOptions(env, clock));
      broker.createService(things(script));
      brokers.push(broker);
      await broker.start();
      return broker.getLocalService("v1.things") as unknown as ThingsService;
    };
    const stop = async ({ broker }: Service): Promise<void> => {
      brokers.splice(brokers.indexOf(broker), 1);
      await broker.stop();
    };
    const idsOf = async ({ documents }: ThingsService) => (await documents.find({ sort: ["_id"] })).map(({ _id }) => _id);

    beforeEach(() => {
      env = { DATA_DIR: temporaryDataDir(), ...quiet, ...settings("things") };
      script = {};
    });
    afterEach(async () => {
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
    });

    test("offers none of moleculer-db's own actions to the mesh", async () => {
      const { broker } = await start();
      expect(broker.registry.getActionList({ withEndpoints: false }).filter(({ name }) => name.includes("things"))).toEqual([]);
      await expect(broker.call("v1.things.list", {})).rejects.toMatchObject({ name: "ServiceNotFoundError" });
    });

    test("finds by query, in order, up to a limit", async () => {
      const { documents, collections } = await start();
      await documents.insertMany(["c", "a", "b"].map((id) => thing(id, { status: id === "b" ? "old" : "new" })));
      expect(await documents.get("b")).toEqual(thing("b", { status: "old" }));
      expect(await documents.get("d")).toBeUndefined();
      expect((await documents.find({ query: { status: "new" }, sort: ["-_id"] })).map(({ _id }) => _id)).toEqual(["c", "a"]);
      expect((await documents.find({ sort: ["status", "-_id"], limit: 2 })).map(({ _id }) => _id)).toEqual(["c", "a"]);
      expect((await documents.find({ query: { "variants.sku": { $in: ["a-1", "a-2", "c-2"] } } })).length).toBe(2);
      expect(await documents.count({ status: { $ne: "new" } })).toBe(1);
      await collections.labels.insert({ _id: "l", label: "fragile" });
      expect(await collections.labels.get("l")).toEqual({ _id: "l", label: "fragile" });
      expect(await documents.removeMany({ _id: { $in: ["a", "b"] } })).toBe(2);
      expect(await documents.count()).toBe(1);
    });

    test("takes an id of 24 hexadecimal digits for the text that it is", async () => {
      const { documents } = await start();
      const id = "0123456789abcdef01234567";
      await documents.insert(thing(id));
      expect((await documents.get(id))?._id).toBe(id);
      expect((await documents.updateOne({ _id: id }, { $set: { status: "old" } }))?.status).toBe("old");
    });

    test("refuses a key that another document has, by insert and by update, also after a restart", async () => {
      const attempts = async ({ documents }: ThingsService) => {
        await expect(documents.insert(thing("a", { slug: "z", variants: [] }))).rejects.toBeInstanceOf(DuplicateKey);
        await expect(documents.insert(thing("c", { slug: "a" }))).rejects.toBeInstanceOf(DuplicateKey);
        await expect(documents.insert(thing("c", { variants: [{ sku: "new" }, { sku: "a-2" }] }))).rejects.toBeInstanceOf(
          DuplicateKey,
        );
        const taking = { $set: { variants: [{ sku: "free" }, { sku: "a-1" }] } };
        await expect(documents.updateOne({ _id: "b" }, taking)).rejects.toBeInstanceOf(DuplicateKey);
        expect(await documents.get("b")).toEqual(thing("b"));
      };
      const first = await start();
      await first.documents.insertMany([thing("a"), thing("b")]);
      await attempts(first);
      await stop(first);
      const second = await start();
      await attempts(second);
      expect(await idsOf(second)).toEqual(["a", "b"]);
      // What a refused write had taken for a moment is free.
      await second.documents.insert(thing("c", { variants: [{ sku: "new" }, { sku: "free" }] }));
    });

    test("lets a document keep its own keys and give them to another", async () => {
      const { documents } = await start();
      await documents.insertMany([thing("a"), thing("b")]);
      await documents.updateOne({ _id: "a" }, { $set: { variants: [{ sku: "a-1" }, { sku: "a-3" }] } });
      expect(await documents.updateOne({ _id: "b" }, { $set: { variants: [{ sku: "a-2" }] } })).toMatchObject({ _id: "b" });
    });

    test("lets one of many conditional updates win", async () => {
      const { documents } = await start();
      await documents.insert(thing("a"));
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          documents.updateOne({ _id: "a", version: 1 }, { $set: { text: `writer ${i}` }, $inc: { version: 1 } }),
        ),
      );
      const winners = outcomes.filter((outcome) => outcome !== undefined);
      expect(winners).toHaveLength(1);
      expect(await documents.get("a")).toEqual(winners[0]);
      expect(winners[0]?.version).toBe(2);
    });

    describe("The events of a document", () => {
      test("reach the consumers in their order, once, and leave the document", async () => {
        const heard: string[] = [];
        script.onExpired = async (_, orderId) => {
          heard.push(orderId);
        };
        const service = await start();
        await service.documents.insert(thing("a", { outbox: [telling("a", "one"), telling("a", "two")] }));
        await service.documents.updateOne({ _id: "a" }, { $push: { outbox: telling("a", "three") } });
        await eventually(() => expect(heard.toSorted()).toEqual(["one", "three", "two"]));
        await eventually(async () => expect((await service.documents.get("a"))?.outbox).toEqual([]));
      });

      test("are all sent when more of them come while others are being sent", async () => {
        const heard = new Set<string>();
        script.onExpired = async (_, orderId) => {
          heard.add(orderId);
        };
        const { documents } = await start();
        await documents.insert(thing("a"));
        const orderIds = Array.from({ length: 50 }, (_, i) => `o${i}`);
        await Promise.all(orderIds.map((id) => documents.updateOne({ _id: "a" }, { $push: { outbox: telling("a", id) } })));
        await eventually(() => expect([...heard].toSorted()).toEqual(orderIds.toSorted()));
        await eventually(async () => expect((await documents.get("a"))?.outbox).toEqual([]));
      });

      test("are sent again under the same id when the relay does not know that the bus has them", async () => {
        const service = await start();
        const { bus } = runtimeOf(service.broker);
        const publish = bus.publish.bind(bus);
        const published: string[][] = [];
        bus.publish = async (envelopes) => {
          published.push(envelopes.map(({ id }) => id));
          await publish(envelopes);
          if (published.length === 1) throw new Unavailable("the test's bus");
        };
        await service.documents.insert(thing("a", { outbox: [telling("a", "one")] }));
        await eventually(async () => expect((await service.documents.get("a"))?.outbox).toEqual([]));
        expect(published).toHaveLength(2);
        expect(published[1]).toEqual(published[0]);
        await eventually(async () => expect(await service.documents.count({ text: "one" })).toBe(1));
      });

      test("may have keys that a document must not have", async () => {
        const { documents, broker } = await start();
        const seen: unknown[] = [];
        await runtimeOf(broker).bus.subscribe({
          service: "test",
          event: "product.deleted",
          concurrency: 1,
          async onDelivery({ message, ack }) {
            seen.push((message as Envelope).data);
            ack();
          },
        });
        const data = { productId: "p", skus: [], "a.b": 1, $c: { "d.": 2 } };
        await documents.insert(thing("a", { outbox: [outgoing("product.deleted", "p", data, expiredAt)] }));
        await eventually(() => expect(seen).toEqual([data]));
      });
    });

    describe("The inbox", () => {
      const failure = { code: "BROKEN", message: "It broke" };
      const BY = { actor: "ada", reason: "not needed" };

      test("gives an event one effect, however often it is delivered", async () => {
        const service = await start();
        const event = expired("o1");
        await runtimeOf(service.broker).bus.publish([event, event]);
        await eventually(async () => expect(await idsOf(service)).toEqual([`${event.id}:x`]));
        await eventually(async () => expect(await deliver(service as never, event)).toBe("duplicate"));
        expect(await idsOf(service)).toEqual([`${event.id}:x`]);
      });

      test("lets a handler that was killed after its effect run again without a second one", async () => {
        const service = await start();
        const event = expired("o1");
        const killed = service.inbox.process(event, async (work) => {
          expect(await work.insertOnce(thing(`${work.eventId}:x`))).toBe(true);
          throw new Error("killed");
        });
        await expect(killed).rejects.toThrow("killed");
        const again = await service.inbox.process(event, async (work) => {
          expect(await work.insertOnce(thing(`${work.eventId}:x`, { slug: "other", variants: [] }))).toBe(false);
        });
        expect(again).toBe("processed");
        expect((await service.documents.find()).map(({ slug }) => slug)).toEqual([`${event.id}:x`]);
      });

      test("tells a repeat from another document that has taken a unique key", async () => {
        const { inbox, documents } = await start();
        await documents.insert(thing("a"));
        const taking = inbox.process(expired("o1"), async (work) => {
          await work.insertOnce(thing(work.eventId, { slug: "a" }));
        });
        await expect(taking).rejects.toBeInstanceOf(DuplicateKey);
      });

      test("counts attempts, keeps the last failure, and a success settles them", async () => {
        const { inbox } = await start();
        const event = expired("o1");
        expect(await inbox.fail(event, failure)).toBe(1);
        expect(await inbox.fail(event, failure)).toBe(2);
        expect(await inbox.deadLetters({ limit: 10 })).toEqual([]);
        expect(await inbox.process(event, async () => {})).toBe("processed");
        expect(await inbox.fail(event, failure)).toBe(0);
        await inbox.bury(event, failure);
        expect(await inbox.deadLetter(event.id)).toBeUndefined();
        expect(await inbox.process(event, () => Promise.reject(new Error("not to be run")))).toBe("duplicate");
      });

      test("keeps dead letters over a restart, page by page, and a replay settles one", async () => {
        const first = await start();
        const events = [expired("o1"), expired("o2"), expired("o3")];
        await first.inbox.fail(events[0] as Envelope, failure);
        for (const event of events) await first.inbox.bury(event, failure);
        await stop(first);
        const { inbox } = await start();
        const page = await inbox.deadLetters({ limit: 2 });
        expect(page.map(({ eventId }) => eventId)).toEqual(events.slice(0, 2).map(({ id }) => id));
        expect(page[0]).toMatchObject({
          ...failure,
          attempts: 1,
          type: "reservation.expired",
          aggregateId: "o1",
          envelope: events[0],
        });
        expect(await inbox.deadLetters({ limit: 2, after: page[1]?.eventId })).toMatchObject([{ eventId: events[2]?.id }]);
        expect(await inbox.process(events[0] as Envelope, async () => {})).toBe("processed");
        expect(await inbox.deadLetter(events[0]?.id as string)).toBeUndefined();
      });

      test("never lets a discarded event have an effect", async () => {
        const { inbox } = await start();
        const event = expired("o1");
        expect(await inbox.discard(event.id, BY)).toBe(false);
        await inbox.bury(event, failure);
        expect(await inbox.discard(event.id, BY)).toBe(true);
        expect(await inbox.discard(event.id, BY)).toBe(false);
        expect(await inbox.process(event, () => Promise.reject(new Error("not to be run")))).toBe("duplicate");
      });

      test("forgets what was processed more than a month ago, and nothing else", async () => {
        const { inbox } = await start();
        const [old, dead, fresh] = [expired("o1"), expired("o2"), expired("o3")];
        await inbox.process(old, async () => {});
        await inbox.bury(dead, failure);
        clock.advance(32 * 24 * 3_600_000);
        await inbox.process(fresh, async () => {});
        await inbox.prune();
        expect(await inbox.process(fresh, async () => {})).toBe("duplicate");
        expect(await inbox.deadLetter(dead.id)).toBeDefined();
        expect(await inbox.process(old, async () => {})).toBe("processed");
      });

      test("makes a refused event a dead letter at once, and one that fails after its last attempt", async () => {
        script.onExpired = async (_, orderId) => {
          throw orderId === "refused" ? new Refusal("NO", 409, "no") : new NotYet("LATER", 409, "later");
        };
        const service = await start();
        await runtimeOf(service.broker).bus.publish([expired("refused"), expired("failing")]);
        await eventually(async () => {
          const letters = await service.inbox.deadLetters({ limit: 10 });
          expect(letters.map(({ code, attempts }) => [code, attempts]).toSorted()).toEqual([
            ["LATER", 3],
            ["NO", 1],
          ]);
        });
      });
    });

    test("says how it is", async () => {
      const service = await start();
      await expect(service.healthChecks["things documents"]?.()).resolves.toBeUndefined();
      await stop(service);
      await expect(service.healthChecks["things documents"]?.()).rejects.toBeInstanceOf(Unavailable);
    });
  });
}

describe("A NeDB file", () => {
  const stores: DocumentStore[] = [];
  const warnings: string[] = [];
  let file: string;

  const open = async (unique = true): Promise<DocumentStore> => {
    const log = { warn: (message: string) => void warnings.push(message) };
    const store = await openNedb({ file: () => file, collections: { things: [{ fields: ["slug"], unique }] }, log });
    stores.push(store);
    return store;
  };
  const documentsOf = (store: DocumentStore) => store.collection<Thing>("things");

  beforeEach(() => {
    file = `${temporaryDataDir()}/things.nedb`;
    warnings.length = 0;
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });

  test("belongs to one broker at a time", async () => {
    const store = await open();
    await expect(open()).rejects.toBeInstanceOf(StoreInUse);
    await store.close();
    await open();
  });

  test("has every write that was answered when its process is killed", async () => {
    const modules = ["document-store/open-nedb.ts", "document-store/outbox.ts"].map(
      (name) => new URL(`../../mixins/${name}`, pathToFileURL(import.meta.filename)).href,
    );
    const script = `
      const { openNedb } = await import(${JSON.stringify(modules[0])});
      const store = await openNedb({ file: () => ${JSON.stringify(file)}, collections: { things: [] }, log: console });
      const things = store.collection("things");
      for (let i = 0; ; i++) {
        await things.insert({ _id: "t" + i, slug: "t" + i });
        await things.updateOne({ _id: "t" + i }, { $set: { status: "sure" } });
        console.log(i);
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    await eventually(() => expect(output.split("\n").length).toBeGreaterThan(100), { withinMs: 30_000 });
    child.kill("SIGKILL");
    await once(child, "close");
    const answered = output.split("\n").slice(0, -1).length;
    expect(await documentsOf(await open()).count({ status: "sure" })).toBeGreaterThanOrEqual(answered);
  });

  test("is loaded without the line that a kill has torn, and goes on after it", async () => {
    const first = await open();
    await documentsOf(first).insert(thing("a"));
    await first.close();
    appendFileSync(file, '{"_id":"torn","slug":"to');
    const second = await open();
    expect(warnings).toEqual(["Cut off an unfinished write"]);
    await documentsOf(second).insert(thing("b"));
    await second.close();
    expect((await documentsOf(await open()).find({ sort: ["_id"] })).map(({ _id }) => _id)).toEqual(["a", "b"]);
  });

  test("takes over a change of its indexes", async () => {
    const first = await open(false);
    await documentsOf(first).insertMany([thing("a", { slug: "s" }), thing("b", { slug: "t" })]);
    await first.close();
    const second = await open();
    await expect(documentsOf(second).insert(thing("c", { slug: "s" }))).rejects.toBeInstanceOf(DuplicateKey);
  });

  test("is refused when it is damaged in the middle", async () => {
    const store = await open();
    await documentsOf(store).insertMany(Array.from({ length: 50 }, (_, i) => thing(`t${i}`)));
    await store.close();
    writeFileSync(file, readFileSync(file, "utf8").replace('"t7"', '"t7'));
    await expect(open()).rejects.toBeInstanceOf(StoreDamaged);
  });

  test("gives back text with line breaks of every kind", async () => {
    const text = "a\nb\r\nc\vd\fe\u0085f\u2028g\u2029h";
    const store = await open();
    await documentsOf(store).insert(thing("a", { text }));
    await store.close();
    expect((await documentsOf(await open()).get("a"))?.text).toBe(text);
  });

  test("does not take a document for stored that could not be written", async () => {
    const documents = documentsOf(await open());
    await documents.insert(thing("a"));
    renameSync(file, `${file}.away`);
    mkdirSync(file);
    await expect(documents.insert(thing("b"))).rejects.toBeInstanceOf(Unavailable);
    await expect(documents.get("b")).rejects.toBeInstanceOf(Unavailable);
    await expect(documents.insert(thing("c"))).rejects.toBeInstanceOf(Unavailable);
    rmdirSync(file);
    renameSync(`${file}.away`, file);
    expect((await documents.find()).map(({ _id }) => _id)).toEqual(["a"]);
    await documents.insert(thing("b"));
    expect(await documents.count()).toBe(2);
  });

  test("does not grow with the number of writes", async () => {
    const documents = documentsOf(await open());
    await documents.insert(thing("a"));
    await Promise.all(Array.from({ length: 6_000 }, () => documents.updateOne({ _id: "a" }, { $inc: { version: 1 } })));
    expect((await documents.get("a"))?.version).toBe(6_001);
    expect(readFileSync(file, "utf8").split("\n").length).toBeLessThan(2_000);
  });
});

describeWith(["mongo"], "A service whose MongoDB comes and goes", () => {
  test("waits for it at the start, and later says that it is out of reach, also when it hangs", async () => {
    const [[name, url]] = Object.entries(mongoSettings("things")) as [[string, string]];
    const [, host, port = "27017"] = /\/\/(?:[^@]*@)?([^:/,]+):?(\d+)?/.exec(url) as unknown as [string, string, string?];
    const proxy = await startTcpProxy({ host, port: Number(port) });
    proxy.cut();
    const env = {
      DATA_DIR: temporaryDataDir(),
      ...quiet,
      [name]: url.replace(/(\/\/(?:[^@]*@)?)[^/]+/, `$1${proxy.host}:${proxy.port}`),
    };
    const broker = new ServiceBroker(brokerOptions(env));
    const warnings: string[] = [];
    const { logger } = broker.createService(things({}));
    logger.warn = (message: string) => void warnings.push(message);
    const started = broker.start();
    try {
      await eventually(() => expect(warnings).toContain("Waiting for the MongoDB of things"));
      proxy.heal();
      await started;
      const service = broker.getLocalService("v1.things") as unknown as ThingsService;
      await service.documents.insert(thing("a"));
      proxy.cut();
      await expect(service.documents.get("a")).rejects.toBeInstanceOf(Unavailable);
      await expect(service.healthChecks["things documents"]?.()).rejects.toBeInstanceOf(Unavailable);
      proxy.heal();
      const isBack = () =>
        eventually(async () => expect(await service.documents.get("a")).toMatchObject({ _id: "a" }), { withinMs: 30_000 });
      await isBack();
      // It takes the commands and says nothing: more of them than there are connections.
      proxy.cut("stall");
      const asked = await Promise.allSettled(Array.from({ length: 30 }, () => service.documents.get("a")));
      expect(new Set(asked.map((answer) => (answer as PromiseRejectedResult).reason?.name))).toEqual(new Set(["Unavailable"]));
      proxy.heal();
      await isBack();
    } finally {
      proxy.heal();
      await started;
      await broker.stop();
      await proxy.close();
    }
  });
});
