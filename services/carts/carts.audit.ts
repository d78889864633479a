import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { SETTLED_TTL_MS } from "@molecart/mixins/messaging/redis-inbox.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import type { CartsFacts, InboxFact } from "@molecart/mixins/verify/facts.ts";
import { readMessaging, toInboxFactOfHash } from "@molecart/mixins/verify/messaging-facts.ts";
import type { Redis } from "ioredis";
import { sql } from "kysely";
import { problemOfHash } from "./cart.redis-store.ts";
import { cartsConfig } from "./carts.config.ts";

/** Keys of one round trip. */
const BATCH = 1_000;
const INBOX_FIELDS = ["type", "aggregateId", "status", "attempts", "receivedAt", "code", "message"] as const;

async function* keysOf(redis: Redis, prefix: string): AsyncGenerator<string[]> {
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", `${prefix}*`, "COUNT", BATCH);
    cursor = next;
    if (keys.length > 0) yield keys;
  } while (cursor !== "0");
}

const answersOf = <T>(answers: [error: Error | null, result: unknown][] | null): T[] =>
  (answers ?? []).map(([error, result]) => {
    if (error !== null) throw error;
    return result as T;
  });

const readInbox = async (redis: Redis, prefix: string): Promise<InboxFact[]> => {
  // A scan may answer a key twice.
  const inbox = new Map<string, InboxFact>();
  for await (const keys of keysOf(redis, prefix)) {
    const pipeline = redis.pipeline();
    for (const key of keys) pipeline.hmget(key, ...INBOX_FIELDS);
    for (const [index, values] of answersOf<(string | null)[]>(await pipeline.exec()).entries()) {
      const eventId = (keys[index] as string).slice(prefix.length);
      const hash = Object.fromEntries(INBOX_FIELDS.map((field, at) => [field, values[at] ?? null]));
      // It has expired between the two questions.
      if (hash.status !== null) inbox.set(eventId, toInboxFactOfHash(eventId, hash));
    }
  }
  return [...inbox.values()];
};

const readCarts = async (redis: Redis, prefix: string): Promise<CartsFacts> => {
  const problems = new Map<string, string | null>();
  for await (const keys of keysOf(redis, prefix)) {
    const pipeline = redis.pipeline();
    for (const key of keys) pipeline.hgetall(key);
    for (const [index, hash] of answersOf<Record<string, string>>(await pipeline.exec()).entries())
      problems.set((keys[index] as string).slice(prefix.length), problemOfHash(hash));
  }
  return toFacts(problems);
};

const toFacts = (problems: ReadonlyMap<string, string | null>): CartsFacts => ({
  carts: problems.size,
  unreadable: [...problems].flatMap(([cartId, problem]) => (problem === null ? [] : [{ cartId, problem }])),
});

const isLine = (line: unknown): boolean => {
  const { sku, quantity, item } = (line ?? {}) as Record<string, unknown>;
  return typeof sku === "string" && Number.isInteger(quantity) && typeof item === "object" && item !== null;
};

const problemOfText = (text: string): string | null => {
  try {
    const lines: unknown = JSON.parse(text);
    return Array.isArray(lines) && lines.every(isLine) ? null : "its lines are not lines of a cart";
  } catch {
    return "its lines are not JSON";
  }
};

const audit: Auditor = async (stores) => {
  const { redisUrl, namespace } = cartsConfig(stores.env);
  if (redisUrl !== undefined)
    return stores.redis("carts", redisUrl, async (redis) => ({
      messaging: {
        outbox: [],
        inbox: await readInbox(redis, `${namespace}:carts:inbox:`),
        jobs: [],
        outboxIsKept: false,
        inboxKeepsMs: SETTLED_TTL_MS,
      },
      carts: await readCarts(redis, `${namespace}:carts:cart:`),
    }));
  return stores.sql<MessagingTables, Awaited<ReturnType<Auditor>>>("carts", async (db) => {
    // As text: one cart that cannot be parsed must not hide the others.
    const { rows } = await sql<{ id: string; text: string }>`select id, cast(lines as text) as text from cart`.execute(db);
    return {
      messaging: await readMessaging(db),
      carts: toFacts(new Map(rows.map(({ id, text }) => [id, problemOfText(text)]))),
    };
  });
};

export default audit;
