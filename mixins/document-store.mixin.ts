import type { Service, ServiceBroker } from "moleculer";
import DbService from "moleculer-db";
import type { Collection, DocumentStore, Identified, IndexOptions } from "./document-store/collection.ts";
import { DocumentInbox, type DocumentWork, INBOX_INDEXES, type InboxDocument } from "./document-store/document-inbox.ts";
import { type MigrationStore, migrateDocuments, type SchemaDocument } from "./document-store/document-migrations.ts";
import { openMongo } from "./document-store/open-mongo.ts";
import { openNedb } from "./document-store/open-nedb.ts";
import {
  DocumentRelay,
  OUTBOX_INDEX,
  type Restatement,
  type StreamDocument,
  type WithOutbox,
  wakingRelay,
} from "./document-store/outbox.ts";
import type { Mixin } from "./implement.ts";
import { delayMs } from "./lib/backoff.ts";
import type { Clock } from "./lib/clock.ts";
import { MONGO } from "./lib/config.ts";
import { messageOf, Unavailable } from "./lib/errors.ts";
import type { Inbox } from "./messaging/inbox.ts";
import { verdictOn } from "./messaging/verdict.ts";
import { runtimeOf } from "./runtime.ts";

type Others = Record<string, Identified>;

export interface DocumentStoreOptions<D extends Identified, Also extends Others> {
  /** The service's name; `products` reads PRODUCTS_MONGO_URL, and keeps DATA_DIR/products.nedb when embedded. */
  name: string;
  /** The name of the collection of its documents in MongoDB. */
  collection: string;
  indexes?: readonly IndexOptions[];
  /** The documents send events; see `outgoing` of document-store/outbox.ts. They then have a field `outbox`. */
  outbox?: { restate(document: D): Restatement };
  /** Further collections, by name; `preferences` is kept in DATA_DIR/<service>_preferences.nedb or `<service>_preferences`. */
  also?: { [K in keyof Also]: { indexes?: readonly IndexOptions[] } };
  /** A folder of migrations, each a file with an `up`; see document-store/document-migrations.ts. Which of them have run is kept
   *  in `<service>_schema`. */
  migrations?: URL;
}

export interface DocumentStoreProps<D extends Identified, Also extends Others = Record<never, never>> {
  documents: Collection<D>;
  collections: { [K in keyof Also]: Collection<Also[K]> };
  inbox: Inbox<DocumentWork<D>>;
  clock: Clock;
}

interface Owned<D extends Identified> extends Service {
  documents: Collection<D>;
  collections: Record<string, Collection<Identified>>;
  inbox: DocumentInbox<D>;
  clock: Clock;
  adapter: unknown;
  openStore(): Promise<DocumentStore & { adapterOf(collection: string): unknown }>;
  store: DocumentStore | undefined;
  relay: DocumentRelay | undefined;
  pruning: NodeJS.Timeout | undefined;
  healthChecks: Record<string, () => Promise<void>>;
}

const START_BACKOFF = { firstMs: 200, maxMs: 2_000, factor: 2 };
/** A MongoDB that is started together with the service is there within this time; a wrong URL is told soon enough. */
const START_DEADLINE_MS = 60_000;
const PRUNE_EVERY_MS = 3_600_000;

/** What moleculer-db would offer to the whole mesh: reads without a viewer, writes without a rule. */
const generatedActions = Object.keys((DbService as unknown as { actions: object }).actions);

/** Gives a service its own document store (NeDB in a file, or MongoDB), an inbox, and the relay that takes the events in its
 *  documents to the bus. Opens them when the service starts and closes them when it stops. Of moleculer-db's own actions none
 *  is there: the service's contract says what it offers.
 *
 *    export default implement(notifications, {
 *      mixins: [documentStore<NotificationDocument, { preferences: PreferencesDocument }>({
 *        name: "notifications",
 *        collection: "notifications",
 *        indexes: [{ fields: ["userId"] }, { fields: ["status", "nextAttemptAt"] }],
 *        also: { preferences: {} },
 *      })],
 *      actions: {
 *        async list({ params: { userId, limit } }) {
 *          const found = await this.documents.find({ query: { userId }, sort: ["-_id"], limit: limit + 1 });
 *          …
 *        },
 *        async setPreferences({ params: { userId, preferences } }) {
 *          // Matches only what is there; a new one is inserted (and a DuplicateKey means: somebody was faster, update again).
 *          await this.collections.preferences.updateOne({ _id: userId }, { $set: { preferences } });
 *          …
 *        },
 *      },
 *      durable: {
 *        // The effect and the note that the event is processed are two writes, so the effect must be one that a repeat does
 *        // not add to: an `_id` made of the event's id. insertOnce answers false when an earlier attempt has done it.
 *        "order.created": {
 *          async handler({ params, locals: { work } }) {
 *            await work.insertOnce({ _id: `${work.eventId}:email`, … });
 *          },
 *        },
 *      },
 *    });
 *
 *  Claims and other decisions are conditional updates: what they rely on stands in the query, and the answer is the document
 *  after the change, or undefined when it did not match any more:
 *
 *    const claimed = await this.documents.updateOne(
 *      { _id, attempts: seen.attempts, status: "queued" },
 *      { $set: { nextAttemptAt: leaseEnd }, $inc: { attempts: 1 } },
 *    );
 *
 *  With an `outbox` an event travels in the same write as the state that it tells of; `restate` says how a document tells of
 *  itself again when the event bus has lost what was sent:
 *
 *    await this.documents.insert({ …product, outbox: [outgoing("product.created", id, { product }, now)] });
 *    await this.documents.updateOne({ _id: id, version }, { $set: …, $inc: { version: 1 }, $push: { outbox: outgoing(…) } }); */
export const documentStore = <D extends Identified, Also extends Others = Record<never, never>>(
  options: DocumentStoreOptions<D, Also>,
): Mixin<DocumentStoreProps<D, Also>, DocumentWork<D>> => {
  const { name, collection, indexes = [], outbox, migrations } = options;
  const also = (options.also ?? {}) as Record<string, { indexes?: readonly IndexOptions[] }>;
  const inboxName = `${name}_inbox`;
  const streamName = `${name}_stream`;
  const schemaName = `${name}_schema`;
  const collections: Record<string, readonly IndexOptions[]> = {
    [collection]: outbox !== undefined ? [...indexes, OUTBOX_INDEX] : indexes,
    ...Object.fromEntries(Object.entries(also).map(([key, one]) => [`${name}_${key}`, one.indexes ?? []])),
    [inboxName]: INBOX_INDEXES,
    ...(outbox !== undefined && { [streamName]: [] }),
    ...(migrations && { [schemaName]: [] }),
  };

  const prepare = async (store: MigrationStore): Promise<void> => {
    if (migrations === undefined) return;
    const fullName = (one: string) => (one === collection ? one : `${name}_${one}`);
    const named: MigrationStore = {
      collection: (one) => store.collection(fullName(one)),
      dropIndex: (one, fields) => store.dropIndex(fullName(one), fields),
    };
    await migrateDocuments(named, { name, folder: migrations, book: store.collection<SchemaDocument>(schemaName) });
  };

  const connect = async (service: Owned<D>) => {
    const deadline = Date.now() + START_DEADLINE_MS;
    for (let attempt = 1; ; attempt++) {
      try {
        return await service.openStore();
      } catch (error) {
        if (verdictOn(error) !== "outage" || Date.now() > deadline) throw error;
        service.logger.warn(`Waiting for the MongoDB of ${name}`, { attempt, error: messageOf((error as Error).cause ?? error) });
        await new Promise((resolve) => setTimeout(resolve, delayMs(START_BACKOFF, attempt)));
      }
    }
  };

  return {
    mixins: [DbService],
    ownsInbox: true,
    collection,
    actions: Object.fromEntries(generatedActions.map((action) => [action, false])),
    methods: {
      // moleculer-db would connect in its own way: without a deadline, and again for ever. `started` and `stopped` do it here.
      connect: async () => {},
      disconnect: async () => {},
    },

    created(this: Owned<D>) {
      const { read, clock, bus } = runtimeOf(this.broker as ServiceBroker);
      const url = read.url(`${name.toUpperCase()}_MONGO_URL`, MONGO);
      const fileOf = (one: string) => `${read.dataDir}/${one === collection ? name : one}.nedb`;
      this.clock = clock;
      this.openStore = () =>
        url === undefined
          ? openNedb({ file: fileOf, collections, prepare, log: this.logger })
          : openMongo({ name, url, collections, prepare, owner: this });
      this.healthChecks = {
        ...this.healthChecks,
        [`${name} documents`]: async () => {
          if (this.store === undefined) throw new Unavailable(`the document store of ${name}`);
          await this.store.ping();
        },
        events: () => bus.ping(),
      };
    },

    async started(this: Owned<D>) {
      const store = await connect(this);
      const documents = store.collection<D>(collection);
      this.store = store;
      this.adapter = store.adapterOf(collection);
      if (outbox !== undefined) {
        this.relay = new DocumentRelay({
          documents: documents as unknown as Collection<WithOutbox>,
          state: store.collection<StreamDocument>(streamName),
          restate: outbox.restate as unknown as (document: WithOutbox) => Restatement,
          bus: runtimeOf(this.broker as ServiceBroker).bus,
          onError: (error) => this.logger.warn("Events wait in the documents", { error: messageOf(error) }),
          onLoss: (detail) => this.logger.error("The event bus has lost its store: documents are announced again", detail),
        });
      }
      this.documents = outbox !== undefined ? wakingRelay(documents, () => this.relay?.wake()) : documents;
      this.collections = Object.fromEntries(Object.keys(also).map((key) => [key, store.collection(`${name}_${key}`)]));
      this.inbox = new DocumentInbox(store.collection<InboxDocument>(inboxName), this.documents, this.clock, name);
      this.relay?.start();
      this.pruning = setInterval(() => {
        this.inbox.prune().catch((error) => this.logger.warn("The inbox could not be pruned", { error: messageOf(error) }));
      }, PRUNE_EVERY_MS).unref();
    },

    async stopped(this: Owned<D>) {
      clearInterval(this.pruning);
      await this.relay?.stop();
      await this.store?.close();
      this.store = undefined;
    },
  } as unknown as Mixin<DocumentStoreProps<D, Also>, DocumentWork<D>>;
};
