import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { Redis } from "ioredis";
import { connect } from "nats";
import pg from "pg";

/** What is kept somewhere, as text: `orders.outbox`, `redis string`, `mail/` … -> all of it. */
export type StoreTexts = Map<string, string>;

const add = (texts: StoreTexts, name: string, text: string): void => {
  texts.set(name, `${texts.get(name) ?? ""}\n${text}`);
};

/** Every row of every table. */
export const textsOfPostgres = async (texts: StoreTexts, name: string, connectionString: string): Promise<void> => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const tables = await client.query("select table_name from information_schema.tables where table_schema = 'public'");
    for (const { table_name: table } of tables.rows as { table_name: string }[]) {
      const rows = await client.query(`select t::text as text from ${client.escapeIdentifier(table)} t`);
      for (const { text } of rows.rows as { text: string }[]) add(texts, `${name}.${table}`, text);
    }
  } finally {
    await client.end();
  }
};

/** Every key with its value. */
export const textsOfRedis = async (texts: StoreTexts, url: string): Promise<void> => {
  const redis = new Redis(url);
  try {
    for await (const keys of redis.scanStream() as AsyncIterable<string[]>)
      for (const key of keys) {
        const type = await redis.type(key);
        const read: Record<string, () => Promise<unknown>> = {
          string: () => redis.get(key),
          hash: () => redis.hgetall(key),
          list: () => redis.lrange(key, 0, -1),
          set: () => redis.smembers(key),
          zset: () => redis.zrange(key, 0, -1),
          stream: () => redis.xrange(key, "-", "+"),
        };
        const value = await read[type]?.();
        add(texts, `redis ${type}`, `${key} ${JSON.stringify(value)}`);
      }
  } finally {
    redis.disconnect();
  }
};

/** Every message of every stream. */
export const textsOfJetStream = async (texts: StoreTexts, servers: string): Promise<void> => {
  const connection = await connect({ servers });
  try {
    const manager = await connection.jetstreamManager();
    for await (const { config, state } of manager.streams.list())
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; seq++) {
        const message = await manager.streams.getMessage(config.name, { seq }).catch(() => undefined);
        if (message !== undefined) add(texts, `stream ${config.name}`, message.string());
      }
  } finally {
    await connection.close();
  }
};

export const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** Every file, whatever its form; mails under one name, and a log beside its database under that. */
export const textsOfFiles = (texts: StoreTexts, folder: string): void => {
  for (const file of filesIn(folder)) {
    const name = relative(folder, file)
      .replace(/^mail[\\/].*/, "mail/")
      .replace(/-(wal|shm)$/, "");
    add(texts, name, readFileSync(file, "latin1"));
  }
};

/** The text of all e-mail that is kept in files. */
export const readMail = async (dataDir: string): Promise<string> =>
  filesIn(join(dataDir, "mail"))
    .map((file) => readFileSync(file, "utf8").replaceAll(/=\r?\n/g, ""))
    .join("\n");
