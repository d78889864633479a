import { connect } from "nats";
import { natsServers } from "../lib/nats-url.ts";
import type { Backlog, BusFacts } from "./facts.ts";
import { type StoreReader, StoreUnreadable } from "./stores.ts";

interface BusTables {
  consumer: { name: string };
  delivery: { consumer: string; seq: number };
  event: { seq: number; id: string };
  identity: { id: string };
}

const readEmbedded = (stores: StoreReader): Promise<BusFacts> =>
  stores.sql<BusTables, BusFacts>("events", async (db) => {
    const consumers = await db.selectFrom("consumer").select("name").execute();
    const waiting = await db
      .selectFrom("delivery")
      .innerJoin("event", "event.seq", "delivery.seq")
      .select(["delivery.consumer", "event.id"])
      .execute();
    const eventIds = new Map(consumers.map(({ name }) => [name, new Set<string>()]));
    for (const { consumer, id } of waiting) eventIds.get(consumer)?.add(id);
    const identity = await db.selectFrom("identity").select("id").executeTakeFirst();
    return {
      consumers: new Map([...eventIds].map(([name, ids]) => [name, { count: ids.size, eventIds: ids }])),
      storeId: identity?.id,
    };
  });

const CONNECT_TIMEOUT_MS = 5_000;

/** JetStream tells how much waits for a consumer, not what. Asking leaves nothing behind. */
const readJetStream = async (url: string, namespace: string): Promise<BusFacts> => {
  const consumers = new Map<string, Backlog>();
  let storeId: string | undefined;
  const connection = await connect({ ...natsServers(url), name: "verify", timeout: CONNECT_TIMEOUT_MS, reconnect: false });
  try {
    const manager = await connection.jetstreamManager({ timeout: CONNECT_TIMEOUT_MS });
    storeId = (await manager.streams.info(namespace.toUpperCase())).created;
    for await (const { name, num_pending, num_ack_pending } of manager.consumers.list(namespace.toUpperCase()))
      consumers.set(name, { count: num_pending + num_ack_pending, eventIds: null });
  } finally {
    await connection.close();
  }
  return { consumers, storeId };
};

export const readBus = async (stores: StoreReader): Promise<BusFacts> => {
  const { read } = stores;
  const url = read.url("NATS_URL", ["nats", "tls"]);
  if (url === undefined) return readEmbedded(stores);
  try {
    return await readJetStream(url, read.text("NAMESPACE", "molecart"));
  } catch (error) {
    throw new StoreUnreadable("The event bus (NATS JetStream)", error);
  }
};
