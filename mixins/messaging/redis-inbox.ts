import type { AuditEntry } from "../contracts/operations.ts";
import type { InboxStatus } from "../database/messaging.table.ts";
import { type RedisConnection, type RedisScript, redisScript } from "../database/redis.ts";
import { type Clock, isoTime } from "../lib/clock.ts";
import { traceIdOf } from "../lib/correlation.ts";
import type { Envelope } from "./envelope.ts";
import { fingerprintOf } from "./fingerprint.ts";
import {
  type DeadLetter,
  type DeadLetterPage,
  type Failure,
  type Group,
  groupLetters,
  type Inbox,
  type LetterRecord,
  type Outcome,
  type Passage,
  type Step,
} from "./inbox.ts";

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
  /** The service's name. */
  service: string;
  redis: RedisConnection;
  /** Of this service's keys, such as `molecart:carts`. */
  prefix: string;
  clock: Clock;
}

/** Longer than the event bus keeps an event (30 days), so that no copy of it comes after the note of it has gone. */
export const SETTLED_TTL_MS = 31 * 24 * 3_600_000;

/** What every script is given: the keys that an event has a part in, and what is known of it. */
const PREAMBLE = `
local event, dead_letters, dead_of_aggregate, parked_of_aggregate, parked_aggregates, arrivals, events_of_aggregate, audit =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local id, event_type, aggregate, request_id, trace_id, now, now_ms, ttl =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local status = redis.call('HGET', event, 'status')
local function describe(new_status)
  redis.call('HSETNX', event, 'receivedAt', now)
  redis.call('HSET', event, 'status', new_status, 'type', event_type, 'aggregateId', aggregate, 'requestId', request_id, 'traceId', trace_id)
  redis.call('ZADD', events_of_aggregate, 'NX', now_ms, id)
  redis.call('PEXPIRE', events_of_aggregate, ttl)
end
local function unpark()
  redis.call('ZREM', parked_of_aggregate, id)
  if redis.call('EXISTS', parked_of_aggregate) == 0 then redis.call('SREM', parked_aggregates, aggregate) end
end
local function bury()
  redis.call('ZADD', dead_letters, 0, id)
  redis.call('SADD', dead_of_aggregate, id)
end
local function settle()
  redis.call('PEXPIRE', event, ttl)
  redis.call('PEXPIRE', audit, ttl)
  redis.call('ZREM', dead_letters, id)
  redis.call('SREM', dead_of_aggregate, id)
  unpark()
end
`;
const EVENT_KEYS = 8;
const EVENT_ARGS = 8;

/** ARGV after those of every script: passage, envelope; then for each write how many keys and arguments it has, and its arguments.
 *  Answers 0 for a duplicate, 1 when it is processed, 2 when it has to wait. */
const processScript = (writes: readonly string[]): RedisScript =>
  redisScript(`${PREAMBLE}
if status == 'processed' or status == 'discarded' then return 0 end
local passage, envelope = ARGV[${EVENT_ARGS + 1}], ARGV[${EVENT_ARGS + 2}]
if passage == 'arrival' and status == 'parked' then return 0 end
if passage == 'arrival' and not status and redis.call('EXISTS', dead_of_aggregate, parked_of_aggregate) > 0 then
  describe('parked')
  redis.call('HSET', event, 'envelope', envelope, 'attempts', 0)
  redis.call('ZADD', parked_of_aggregate, redis.call('INCR', arrivals), id)
  redis.call('SADD', parked_aggregates, aggregate)
  return 2
end
if passage == 'replay' and status ~= 'dead' and status ~= 'parked' then return 0 end
if passage == 'release' then
  if status ~= 'parked' then return 0 end
  if redis.call('EXISTS', dead_of_aggregate) > 0 or redis.call('ZRANGE', parked_of_aggregate, 0, 0)[1] ~= id then return 0 end
end
local key, arg = ${EVENT_KEYS}, ${EVENT_ARGS + 2}
local function take()
  local key_count, arg_count = tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  local keys = {unpack(KEYS, key + 1, key + key_count)}
  local args = {unpack(ARGV, arg + 3, arg + 2 + arg_count)}
  key, arg = key + key_count, arg + 2 + arg_count
  return keys, args
end
${writes.map((lua, index) => `local function write_${index}(KEYS, ARGV)\n${lua}\nend\nwrite_${index}(take())`).join("\n")}
describe('processed')
redis.call('HINCRBY', event, 'attempts', 1)
redis.call('HSET', event, 'processedAt', now)
redis.call('HDEL', event, 'envelope')
settle()
return 1`);

/** ARGV after those of every script: failed or dead, envelope, code, message, fingerprint, whether the attempt counts.
 *  Answers the attempts. To bury what has failed before is not another attempt. */
const NOTE = redisScript(`${PREAMBLE}
local wanted, envelope, code, message, fingerprint, counted = unpack(ARGV, ${EVENT_ARGS + 1}, ${EVENT_ARGS + 6})
if status == 'processed' or status == 'discarded' then return 0 end
if not status or wanted == 'failed' or counted == '1' then redis.call('HINCRBY', event, 'attempts', 1) end
describe(status == 'parked' and wanted == 'failed' and 'parked' or wanted)
redis.call('HSET', event, 'envelope', envelope, 'code', code, 'message', message, 'fingerprint', fingerprint)
if wanted == 'dead' then
  bury()
  unpark()
elseif status ~= 'parked' then
  redis.call('ZREM', dead_letters, id)
  redis.call('SREM', dead_of_aggregate, id)
end
return tonumber(redis.call('HGET', event, 'attempts'))`);

/** ARGV after those of every script: the audit entry. */
const DISCARD = redisScript(`${PREAMBLE}
if status ~= 'dead' then return 0 end
redis.call('HSET', event, 'status', 'discarded', 'processedAt', now)
redis.call('RPUSH', audit, ARGV[${EVENT_ARGS + 1}])
settle()
return 1`);

/** ARGV after those of every script: the audit entry. Answers the envelope. */
const BEGIN_REPLAY = redisScript(`${PREAMBLE}
if status ~= 'dead' and status ~= 'parked' then return false end
redis.call('RPUSH', audit, ARGV[${EVENT_ARGS + 1}])
return redis.call('HGET', event, 'envelope')`);

/** ARGV after those of every script: the audit entry, the envelope before and after. False when it is not the one before. */
const EDIT = redisScript(`${PREAMBLE}
if status ~= 'dead' or redis.call('HGET', event, 'envelope') ~= ARGV[${EVENT_ARGS + 2}] then return 0 end
redis.call('RPUSH', audit, ARGV[${EVENT_ARGS + 1}])
redis.call('HSET', event, 'envelope', ARGV[${EVENT_ARGS + 3}])
return 1`);

type Note = Record<string, string>;
/** What a script must know of an event. */
interface About {
  id: string;
  type: string;
  aggregateId: string;
  requestId?: string;
  traceparent?: string;
}

const PAGE = 200;

/** The inbox of a service whose state is in Redis. One hash per event, and sets that lead to them: the dead letters, by
 *  aggregate the dead and the parked, the aggregates with parked events, and for operators all events of an aggregate. */
export class RedisInbox implements Inbox<RedisWork> {
  readonly #options: RedisInboxOptions;
  readonly #deadLetters: string;
  readonly #parkedAggregates: string;
  /** By what the writes do; a service has as many as it has kinds of handlers. */
  readonly #scripts = new Map<string, RedisScript>();

  constructor(options: RedisInboxOptions) {
    this.#options = options;
    this.#deadLetters = `${options.prefix}:dead-letters`;
    this.#parkedAggregates = `${options.prefix}:parked-aggregates`;
  }

  /** The handler also runs for an event that turns out to be a duplicate, or to have to wait; its writes are then not made. */
  async process(envelope: Envelope, handler: (work: RedisWork) => Promise<void>, passage: Passage = "arrival"): Promise<Outcome> {
    const writes: Write[] = [];
    await handler({ write: (lua, keys, args) => writes.push({ lua, keys, args }) });
    const outcome = await this.#options.redis.run(
      this.#scriptOf(writes.map(({ lua }) => lua)),
      [...this.#keys(envelope), ...writes.flatMap(({ keys }) => keys)],
      [
        ...this.#describe(envelope),
        passage,
        JSON.stringify(envelope),
        ...writes.flatMap(({ keys, args }) => [keys.length, args.length, ...args]),
      ],
    );
    return outcome === 1 ? "processed" : outcome === 2 ? "parked" : "duplicate";
  }

  fail(envelope: Envelope, failure: Failure): Promise<number> {
    return this.#note(envelope, "failed", failure, true);
  }

  async bury(envelope: Envelope, failure: Failure, counted = false): Promise<void> {
    await this.#note(envelope, "dead", failure, counted);
  }

  async deadLetters({ limit, after, fingerprint }: DeadLetterPage): Promise<DeadLetter[]> {
    const found: DeadLetter[] = [];
    for await (const letter of this.#letters(after, fingerprint === undefined ? limit : PAGE)) {
      if (fingerprint === undefined || letter.fingerprint === fingerprint) found.push(letter);
      if (found.length === limit) break;
    }
    return found;
  }

  async deadLetterGroups(): Promise<Group[]> {
    const letters: DeadLetter[] = [];
    for await (const letter of this.#letters(undefined, PAGE)) letters.push(letter);
    return groupLetters(letters);
  }

  /** In the order of their ids, which is that of their making. */
  async *#letters(after: string | undefined, pageSize: number): AsyncGenerator<DeadLetter> {
    for (let last = after; ; ) {
      const first = last === undefined ? "-" : `(${last}`;
      const ids = await this.#options.redis.ask((redis) =>
        redis.zrange(this.#deadLetters, first, "+", "BYLEX", "LIMIT", 0, pageSize),
      );
      const letters = await Promise.all(ids.map((id) => this.deadLetter(id)));
      for (const letter of letters) if (letter !== undefined) yield letter;
      if (ids.length < pageSize) return;
      last = ids.at(-1);
    }
  }

  async deadLetter(eventId: string): Promise<DeadLetter | undefined> {
    const note = await this.#find(eventId);
    return note?.status === ("dead" satisfies InboxStatus)
      ? { ...this.#describeLetter(eventId, note), envelope: JSON.parse(note.envelope as string) as Envelope }
      : undefined;
  }

  async record(eventId: string): Promise<LetterRecord | undefined> {
    const [note, audit] = await Promise.all([
      this.#find(eventId),
      this.#options.redis.ask((redis) => redis.lrange(this.#auditKey(eventId), 0, -1)),
    ]);
    if (note === undefined || (note.status !== "dead" && audit.length === 0)) return undefined;
    const waiting = await this.#options.redis.ask((redis) => redis.zrange(this.#parkedKey(note.aggregateId as string), 0, -1));
    return {
      ...this.#describeLetter(eventId, note),
      status: note.status as InboxStatus,
      envelope: note.envelope === undefined ? null : (JSON.parse(note.envelope) as Envelope),
      parked: waiting.filter((id) => id !== eventId).length,
      audit: audit.map((entry) => JSON.parse(entry) as AuditEntry),
    };
  }

  async beginReplay(eventId: string, actor: string): Promise<Envelope | undefined> {
    const envelope = await this.#runOn(eventId, BEGIN_REPLAY, [this.#auditEntry(actor, "replayed")]);
    return typeof envelope === "string" ? (JSON.parse(envelope) as Envelope) : undefined;
  }

  async edit(eventId: string, data: Envelope["data"], actor: string): Promise<boolean> {
    const before = (await this.#find(eventId))?.envelope;
    if (before === undefined) return false;
    const envelope = JSON.parse(before) as Envelope;
    const entry = this.#auditEntry(actor, "edited", { oldData: envelope.data, newData: data });
    return (await this.#runOn(eventId, EDIT, [entry, before, JSON.stringify({ ...envelope, data })])) === 1;
  }

  async discard(eventId: string, { actor, reason }: { actor: string; reason: string }): Promise<boolean> {
    return (await this.#runOn(eventId, DISCARD, [this.#auditEntry(actor, "discarded", { reason })])) === 1;
  }

  async releasable(limit: number): Promise<Envelope[]> {
    const { redis } = this.#options;
    const aggregates = await redis.ask((client) => client.smembers(this.#parkedAggregates));
    const envelopes: Envelope[] = [];
    for (const aggregateId of aggregates) {
      if (envelopes.length === limit) break;
      if ((await redis.ask((client) => client.exists(this.#deadKey(aggregateId)))) > 0) continue;
      const [first] = await redis.ask((client) => client.zrange(this.#parkedKey(aggregateId), 0, 0));
      const note = first === undefined ? undefined : await this.#find(first);
      if (note?.envelope !== undefined) envelopes.push(JSON.parse(note.envelope) as Envelope);
    }
    return envelopes;
  }

  async steps(aggregateId: string): Promise<Step[]> {
    const ids = await this.#options.redis.ask((redis) => redis.zrange(this.#eventsKey(aggregateId), 0, -1));
    const notes = await Promise.all(ids.map((id) => this.#find(id)));
    return notes.flatMap((note, index) =>
      note === undefined
        ? []
        : {
            event: note.type as string,
            eventId: ids[index] as string,
            direction: "in" as const,
            at: (note.processedAt ?? note.receivedAt) as string,
            status: note.status as string,
            attempts: Number(note.attempts),
            error: note.message || null,
            requestId: note.requestId || null,
            traceId: note.traceId || null,
          },
    );
  }

  async #note(envelope: Envelope, status: "failed" | "dead", failure: Failure, counted: boolean): Promise<number> {
    const { code } = failure;
    const message = failure.message.slice(0, 2_000);
    const fingerprint = fingerprintOf(this.#options.service, envelope.type, { code, message });
    const args = [status, JSON.stringify(envelope), code, message, fingerprint, counted ? 1 : 0];
    return (await this.#options.redis.run(NOTE, this.#keys(envelope), [...this.#describe(envelope), ...args])) as number;
  }

  async #runOn(eventId: string, script: RedisScript, args: readonly string[]): Promise<unknown> {
    const note = await this.#find(eventId);
    if (note === undefined) return undefined;
    const about = { id: eventId, type: note.type as string, aggregateId: note.aggregateId as string };
    return this.#options.redis.run(script, this.#keys(about), [...this.#describe(about), ...args]);
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

  async #find(eventId: string): Promise<Note | undefined> {
    const note = await this.#options.redis.ask((redis) => redis.hgetall(this.#key(eventId)));
    return note.status === undefined ? undefined : note;
  }

  /** As PREAMBLE names them. */
  #keys({ id, aggregateId }: About): string[] {
    return [
      this.#key(id),
      this.#deadLetters,
      this.#deadKey(aggregateId),
      this.#parkedKey(aggregateId),
      this.#parkedAggregates,
      `${this.#options.prefix}:arrivals`,
      this.#eventsKey(aggregateId),
      this.#auditKey(id),
    ];
  }

  #describe({ id, type, aggregateId, requestId = "", traceparent = "" }: About): (string | number)[] {
    const now = this.#options.clock.now();
    return [id, type, aggregateId, requestId, traceIdOf(traceparent) ?? "", isoTime(now), now, SETTLED_TTL_MS];
  }

  #key(eventId: string): string {
    return `${this.#options.prefix}:inbox:${eventId}`;
  }
  #auditKey(eventId: string): string {
    return `${this.#options.prefix}:audit:${eventId}`;
  }
  #deadKey(aggregateId: string): string {
    return `${this.#options.prefix}:dead:${aggregateId}`;
  }
  #parkedKey(aggregateId: string): string {
    return `${this.#options.prefix}:parked:${aggregateId}`;
  }
  #eventsKey(aggregateId: string): string {
    return `${this.#options.prefix}:events:${aggregateId}`;
  }

  #auditEntry(actor: string, action: AuditEntry["action"], more: Partial<AuditEntry> = {}): string {
    const at = isoTime(this.#options.clock.now());
    return JSON.stringify({ at, actor, action, reason: null, oldData: null, newData: null, ...more } satisfies AuditEntry);
  }

  #describeLetter(eventId: string, note: Note): Omit<DeadLetter, "envelope"> {
    const type = note.type as Envelope["type"];
    const failure = { code: note.code ?? "UNKNOWN", message: note.message ?? "" };
    return {
      eventId,
      type,
      aggregateId: note.aggregateId as string,
      attempts: Number(note.attempts),
      receivedAt: note.receivedAt as string,
      ...failure,
      fingerprint: note.fingerprint ?? fingerprintOf(this.#options.service, type, failure),
      requestId: note.requestId || null,
    };
  }
}
