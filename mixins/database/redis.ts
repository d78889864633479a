import { createHash } from "node:crypto";
import { once } from "node:events";
import { Redis } from "ioredis";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import { messageOf, Unavailable } from "../lib/errors.ts";

/** Runs whole or not at all, and nothing else runs in Redis meanwhile. */
export interface RedisScript {
  readonly source: string;
  readonly sha: string;
}

export const redisScript = (source: string): RedisScript => ({ source, sha: createHash("sha1").update(source).digest("hex") });

export interface RedisOptions {
  /** `redis://…` or `rediss://…` */
  url: string;
  /** Shown by CLIENT LIST. */
  clientName: string;
  /** The caller can do without Redis: one that is away when the connection is opened is not waited for. */
  optional?: true;
  log: { info(message: string): void; warn(message: string, detail: object): void };
}

/** A connection that never makes a caller wait for an absent Redis: a command is answered, or rejected with `Unavailable`
 *  within `COMMAND_TIMEOUT_MS`. It reconnects for as long as it is open. */
export interface RedisConnection {
  run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  ask<T>(command: (client: Redis) => Promise<T>): Promise<T>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** Redis answers within a millisecond or so; one that takes this long is frozen or unreachable. */
const COMMAND_TIMEOUT_MS = 1_000;
/** A peer that has gone without a word leaves the connection open for a quarter of an hour; silence ends it earlier. */
const SOCKET_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** Short: who waits for Redis are customers, and a refused connection costs next to nothing. */
const RECONNECT_BACKOFF: Backoff = { firstMs: 100, maxMs: 500, factor: 2 };

/** A Redis that is started together with the service is there within this time; a wrong URL is told soon enough. */
const START_DEADLINE_MS = 60_000;
const START_BACKOFF: Backoff = { firstMs: 200, maxMs: 2_000, factor: 2 };

/** Loading, failing over, full or busy with a script, as against a fault of the command. */
const PASSING_REPLIES = /^(LOADING|READONLY|MASTERDOWN|NOREPLICAS|MISCONF|OOM|BUSY|TRYAGAIN|CLUSTERDOWN)\b/;

/** Whatever is not Redis' own answer comes from the connection. */
const isOutage = (error: unknown): boolean => (error as Error).name !== "ReplyError" || PASSING_REPLIES.test(messageOf(error));

/** Opens a connection and waits for Redis, which may be started later than this, unless it is optional. */
export const openRedis = async ({ url, clientName, optional, log }: RedisOptions): Promise<RedisConnection> => {
  let connectionError: unknown;
  let closing = false;
  const client = new Redis(url, {
    connectionName: clientName,
    enableOfflineQueue: false,
    // Whose connection breaks is told so at once. Sent again unasked, a write could come after a newer one of the same caller.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    keepAlive: 10_000,
    retryStrategy: (attempt) => delayMs(RECONNECT_BACKOFF, attempt),
    // After a failover the old primary answers so: the name leads to the new one.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  client.on("error", (error: unknown) => {
    connectionError = error;
  });

  const ask = async <T>(command: (client: Redis) => Promise<T>): Promise<T> => {
    try {
      return await command(client);
    } catch (error) {
      // While there is no connection, its last error says why; the command's own says only that there is none.
      throw isOutage(error)
        ? new Unavailable("Redis", { cause: client.status === "ready" ? error : (connectionError ?? error) })
        : error;
    }
  };

  const connection: RedisConnection = {
    ask,
    run: ({ source, sha }, keys, args) =>
      ask(async (redis) => {
        try {
          return await redis.evalsha(sha, keys.length, ...keys, ...args);
        } catch (error) {
          // Redis forgets its scripts when it restarts.
          if (!messageOf(error).startsWith("NOSCRIPT")) throw error;
          return redis.eval(source, keys.length, ...keys, ...args);
        }
      }),
    ping: async () => {
      await ask((redis) => redis.ping());
    },
    close: async () => {
      closing = true;
      await client.quit().catch(() => {});
      client.disconnect();
    },
  };

  // Rejects when the first attempt fails.
  await once(client, "ready", { signal: AbortSignal.timeout(COMMAND_TIMEOUT_MS) }).catch(() => {});
  if (optional === undefined) await waitFor(connection, log);
  let connected = client.status === "ready";
  client.on("ready", () => {
    if (!connected) log.info("Redis is back");
    connected = true;
    connectionError = undefined;
  });
  client.on("close", () => {
    if (connected && !closing) log.warn("The connection to Redis is lost", { error: messageOf(connectionError ?? "closed") });
    connected = false;
  });
  return connection;
};

const waitFor = async (connection: RedisConnection, log: RedisOptions["log"]): Promise<void> => {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection.ping();
    } catch (error) {
      if (!(error instanceof Unavailable) || Date.now() > deadline) {
        await connection.close();
        throw error;
      }
      log.warn("Waiting for Redis", { attempt, error: messageOf(error.cause) });
    }
    await new Promise((resolve) => setTimeout(resolve, delayMs(START_BACKOFF, attempt)));
  }
};
