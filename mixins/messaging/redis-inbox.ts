import type { InboxStatus } from "../database/messaging.table.ts";
import { type RedisConnection, type RedisScript, redisScript } from "../database/redis.ts";
import { type Clock, isoTime } from "../lib/clock.ts";
import type { Envelope } from "./envelope.ts";
import type { DeadLetter, Failure, Inbox } from "./inbox.ts";

/** The writes of one event's handler. They are collected and made in one script with the note that the event is processed. */
export interface RedisWork {
  /** `lua` is the body of a function of KEYS and ARGV. It must not fail after its first write: Redis takes nothing back. */
  write(lua: string, keys: readonly string[], args: readonly (string | number)[]): void;
}

interface Write {
  lua: string;
  keys: readonly string[];
  args: readonly (string | number)[];
}

export interface RedisInboxOptions {
  redis: RedisConnection;
  /** Of this service's keys, such as `molecart:carts`. */
  prefix: string;
  clock: Clock;
}

/** Longer than the event bus keeps an event (30 days), so that no copy of it comes after the note of it has gone. */
export const SETTLED_TTL_MS = 31 * 24 * 3_600_000;

/** KEYS: event, dead letters, and those of the writes. ARGV: event id, type, aggregate id, request id, now, TTL of the note;
 *  then for each write how many keys and arguments it has, and its arguments. */
const processScript = (writes: readonly string[]): RedisScript =>
  redisScript(`
local status = redis.call('HGET', KEYS[1], 'status')
if status == 'processed' or status == 'discarded' then return 0 end
local key, arg = 2, 6
local function take()
  local key_count, arg_count = tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  local keys = {unpack(KEYS, key + 1, key + key_count)}
  local args = {unpack(ARGV, arg + 3, arg + 2 + arg_count)}
  key, arg = key + key_count, arg + 2 + arg_count
  return keys, args
end
${writes.map((lua, index) => `local function write_${index}(KEYS, ARGV)\n${lua}\nend\nwrite_${index}(take())`).join("\n")}
redis.call('HSETNX', KEYS[1], 'receivedAt', ARGV[5])
redis.call('HINCRBY', KEYS[1], 'attempts', 1)
redis.call('HSET', KEYS[1], 'status', 'processed', 'type', ARGV[2], 'aggregateId', ARGV[3], 'requestId', ARGV[4], 'processedAt', ARGV[5])
redis.call('HDEL', KEYS[1], 'envelope', 'code', 'message')
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`);

/** KEYS: event, dead letters. ARGV: event id, type, aggregate id, request id, now, failed or dead, envelope, code, message.
 *  Answers the attempts. To bury what has failed before is not another attempt. */
const NOTE = redisScript(`
local status = redis.call('HGET', KEYS[1], 'status')
if status == 'processed' or status == 'discarded' then return 0 end
if not status or ARGV[6] == 'failed' then redis.call('HINCRBY', KEYS[1], 'attempts', 1) end
redis.call('HSETNX', KEYS[1], 'receivedAt', ARGV[5])
redis.call('HSET', KEYS[1], 'status', ARGV[6], 'type', ARGV[2], 'aggregateId', ARGV[3], 'requestId', ARGV[4],
  'envelope', ARGV[7], 'code', ARGV[8], 'message', ARGV[9])
if ARGV[6] == 'dead' then redis.call('ZADD', KEYS[2], 0, ARGV[1]) else redis.call('ZREM', KEYS[2], ARGV[1]) end
return tonumber(redis.call('HGET', KEYS[1], 'attempts'))`);

/** KEYS: event, dead letters. ARGV: event id, now, TTL of the note. */
const DISCARD = redisScript(`
if redis.call('HGET', KEYS[1], 'status') ~= 'dead' then return 0 end
redis.call('HSET', KEYS[1], 'status', 'discarded', 'processedAt', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1`);

/** The inbox of a service whose state is in Redis: one hash per event, and a sorted set of the dead letters' ids. */
export class RedisInbox implements Inbox<RedisWork> {
  readonly #options: RedisInboxOptions;
  readonly #deadLetters: string;
  /** By what the writes do; a service has as many as it has kinds of handlers. */
  readonly #scripts = new Map<string, RedisScript>();

  constructor(options: RedisInboxOptions) {
    this.#options = options;
    this.#deadLetters = `${options.prefix}:dead-letters`;
  }

  /** The handler also runs for an event that turns out to be a duplicate; its writes are then not made. */
  async process(envelope: Envelope, handler: (work: RedisWork) => Promise<void>): Promise<"processed" | "duplicate"> {
    const writes: Write[] = [];
    await handler({ write: (lua, keys, args) => writes.push({ lua, keys, args }) });
    const processed = await this.#options.redis.run(
      this.#scriptOf(writes.map(({ lua }) => lua)),
      [this.#key(envelope.id), this.#deadLetters, ...writes.flatMap(({ keys }) => keys)],
      [...this.#describe(envelope), SETTLED_TTL_MS, ...writes.flatMap(({ keys, args }) => [keys.length, args.length, ...args])],
    );
    return processed === 1 ? "processed" : "duplicate";
  }

  fail(envelope: Envelope, failure: Failure): Promise<number> {
    return this.#note(envelope, "failed", failure);
  }

  async bury(envelope: Envelope, failure: Failure): Promise<void> {
    await this.#note(envelope, "dead", failure);
  }

  /** In the order of their ids, which is that of their making. */
  async deadLetters({ limit, after }: { limit: number; after?: string | undefined }): Promise<DeadLetter[]> {
    const first = after === undefined ? "-" : `(${after}`;
    const ids = await this.#options.redis.ask((redis) => redis.zrange(this.#deadLetters, first, "+", "BYLEX", "LIMIT", 0, limit));
    const letters = await Promise.all(ids.map((id) => this.deadLetter(id)));
    return letters.filter((letter) => letter !== undefined);
  }

  async deadLetter(eventId: string): Promise<DeadLetter | undefined> {
    const note = await this.#options.redis.ask((redis) => redis.hgetall(this.#key(eventId)));
    return note.status === ("dead" satisfies InboxStatus) ? toDeadLetter(note) : undefined;
  }

  async discard(eventId: string): Promise<boolean> {
    const keys = [this.#key(eventId), this.#deadLetters];
    return (await this.#options.redis.run(DISCARD, keys, [eventId, this.#now(), SETTLED_TTL_MS])) === 1;
  }

  async #note(envelope: Envelope, status: "failed" | "dead", { code, message }: Failure): Promise<number> {
    const keys = [this.#key(envelope.id), this.#deadLetters];
    const args = [...this.#describe(envelope), status, JSON.stringify(envelope), code, message.slice(0, 2_000)];
    return (await this.#options.redis.run(NOTE, keys, args)) as number;
  }

  #scriptOf(writes: readonly string[]): RedisScript {
    const kind = writes.join("\0");
    let script = this.#scripts.get(kind);
    if (script === undefined) {
      script = processScript(writes);
      this.#scripts.set(kind, script);
    }
    return script;
  }

  #describe({ id, type, aggregateId, requestId }: Envelope): string[] {
    return [id, type, aggregateId, requestId ?? "", this.#now()];
  }

  #key(eventId: string): string {
    return `${this.#options.prefix}:inbox:${eventId}`;
  }

  #now(): string {
    return isoTime(this.#options.clock.now());
  }
}

const toDeadLetter = (note: Record<string, string>): DeadLetter => {
  const envelope = JSON.parse(note.envelope as string) as Envelope;
  return {
    eventId: envelope.id,
    type: envelope.type,
    aggregateId: envelope.aggregateId,
    attempts: Number(note.attempts),
    receivedAt: note.receivedAt as string,
    code: note.code as string,
    message: note.message as string,
    envelope,
  };
};
