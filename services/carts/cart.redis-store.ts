import { openRedis, redisScript } from "@molecart/mixins/database/redis.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { RedisInbox } from "@molecart/mixins/messaging/redis-inbox.ts";
import { CartFull } from "./cart.errors.ts";
import { type CartStore, cartInbox } from "./cart.store.ts";
import {
  type Addition,
  type ItemSnapshot,
  type Lines,
  lifetimeMs,
  MAX_ADDITIONS,
  MAX_LINES,
  MAX_MERGED_LINES,
  MAX_QUANTITY,
  revisionOf,
  type StoredLine,
  shown,
} from "./cart.ts";

export interface RedisStoreOptions {
  url: string;
  /** Shops that share a Redis differ in it. */
  namespace: string;
  clientName: string;
  clock: Clock;
  log: { info(message: string): void; warn(message: string, detail: object): void };
}

/** A cart is a hash: SKU -> "<place>:<quantity>:<item as JSON>". The place counts the additions; it orders the lines. The item is
 *  not decoded here, because Lua's JSON would round large amounts. Its first field says where the quantity comes from:
 *  `{"added":"<quantity>@<revision>+…",…`, oldest first. A broker of before reads over it, and writes a quantity that it does not
 *  add up to, or none: then the line is one addition without a revision. */
const LINES = `
local function quantity_of(additions)
  local sum = 0
  for _, addition in ipairs(additions) do sum = sum + addition.quantity end
  return math.min(sum, ${MAX_QUANTITY})
end
local function parse(value)
  local place, quantity, item = string.match(value, '^(%d+):(%d+):(.*)$')
  local added, rest = string.match(item, '^{"added":"([%d@+]+)",(.*)$')
  local additions = {}
  if added then
    item = '{' .. rest
    for units, revision in string.gmatch(added, '(%d+)@(%d+)') do
      table.insert(additions, {quantity = tonumber(units), revision = tonumber(revision)})
    end
  end
  if quantity_of(additions) ~= tonumber(quantity) then additions = {{quantity = tonumber(quantity), revision = 0}} end
  return tonumber(place), additions, item
end
local function write(cart, sku, place, additions, item)
  while #additions > ${MAX_ADDITIONS} do
    additions[2].quantity = additions[1].quantity + additions[2].quantity
    table.remove(additions, 1)
  end
  local added = {}
  for _, addition in ipairs(additions) do
    table.insert(added, string.format('%d@%d', addition.quantity, addition.revision))
  end
  local origin = '{"added":"' .. table.concat(added, '+') .. '",'
  redis.call('HSET', cart, sku, string.format('%d:%d:', place, quantity_of(additions)) .. origin .. string.sub(item, 2))
end
local function last_place(cart)
  local last = 0
  for _, value in ipairs(redis.call('HVALS', cart)) do last = math.max(last, (parse(value))) end
  return last
end
-- Above every one before it, also if Redis has lost them: the clock has gone on meanwhile.
local function next_revision(counter, now)
  local revision = math.max(tonumber(redis.call('GET', counter) or '0') + 1, tonumber(now))
  redis.call('SET', counter, string.format('%d', revision))
  return revision
end
`;

/** KEYS: cart, revision. ARGV: SKU, quantity, item, most lines, lifetime, now. False: the cart is full. */
const SET_LINE = redisScript(`${LINES}
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return false end
local place = known and parse(known) or last_place(KEYS[1]) + 1
write(KEYS[1], ARGV[1], place, {{quantity = tonumber(ARGV[2]), revision = next_revision(KEYS[2], ARGV[6])}}, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return redis.call('HGETALL', KEYS[1])`);

/** KEYS: cart. ARGV: SKU, lifetime. */
const REMOVE_LINE = redisScript(`
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])`);

/** KEYS: from, into, revision. ARGV: most lines, lifetime, now. False: not all lines fit, and both carts are as before. */
const MERGE = redisScript(`${LINES}
local from = redis.call('HGETALL', KEYS[1])
if KEYS[1] == KEYS[2] or #from == 0 then return redis.call('HGETALL', KEYS[2]) end
local arriving, added = {}, 0
for i = 1, #from, 2 do
  local place, additions, item = parse(from[i + 1])
  table.insert(arriving, {sku = from[i], place = place, quantity = quantity_of(additions), item = item})
  if redis.call('HEXISTS', KEYS[2], from[i]) == 0 then added = added + 1 end
end
if added > 0 and redis.call('HLEN', KEYS[2]) + added > tonumber(ARGV[1]) then return false end
table.sort(arriving, function(a, b) return a.place < b.place end)
local last, revision = last_place(KEYS[2]), next_revision(KEYS[3], ARGV[3])
for _, line in ipairs(arriving) do
  local addition = {quantity = line.quantity, revision = revision}
  local known = redis.call('HGET', KEYS[2], line.sku)
  if known then
    local place, additions, item = parse(known)
    table.insert(additions, addition)
    write(KEYS[2], line.sku, place, additions, item)
  else
    last = last + 1
    write(KEYS[2], line.sku, last, {addition}, line.item)
  end
end
redis.call('DEL', KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return redis.call('HGETALL', KEYS[2])`);

/** KEYS: cart. ARGV: lifetime, the order's revision or nothing, then SKU and quantity of each ordered line, a SKU once. */
const SUBTRACT = `${LINES}
local revision = tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if known then
    local place, additions, item = parse(known)
    local kept, left = {}, quantity_of(additions) - tonumber(ARGV[i + 1])
    for n = #additions, 1, -1 do
      local addition = additions[n]
      if not revision then
        addition.quantity = math.max(0, math.min(left, addition.quantity))
        left = left - addition.quantity
      end
      if addition.quantity > 0 and (not revision or addition.revision > revision) then table.insert(kept, 1, addition) end
    end
    if #kept > 0 then write(KEYS[1], ARGV[i], place, kept, item) else redis.call('HDEL', KEYS[1], ARGV[i]) end
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

const VALUE = /^(\d+):(\d+):(.*)$/s;

/** Undefined unless it adds up to the quantity. */
const toAdded = (text: string | undefined, quantity: number): Addition[] | undefined => {
  const added = text?.split("+").map((addition) => {
    const [units, revision] = addition.split("@").map(Number) as [number, number];
    return { quantity: units, revision };
  });
  const sum = added?.reduce((total, addition) => total + addition.quantity, 0);
  return sum !== undefined && Math.min(sum, MAX_QUANTITY) === quantity ? added : undefined;
};

const toStored = (hash: readonly (readonly [sku: string, value: string])[]): StoredLine[] =>
  hash
    .map(([sku, value]) => {
      const [, place, units, json] = VALUE.exec(value) as unknown as [string, string, string, string];
      const quantity = Number(units);
      const { added: text, ...item } = JSON.parse(json) as ItemSnapshot & { added?: string };
      const added = toAdded(text, quantity);
      return { place: Number(place), line: { sku, quantity, item, ...(added && { added }) } };
    })
    .sort((a, b) => a.place - b.place)
    .map(({ line }) => line);

const toLines = (hash: readonly (readonly [sku: string, value: string])[]): StoredLine[] => toStored(hash).map(shown);

/** Why a stored cart cannot be read; null when it can. */
export const problemOfHash = (hash: Readonly<Record<string, string>>): string | null => {
  try {
    toStored(Object.entries(hash));
    return null;
  } catch {
    return "a line is not a line of a cart";
  }
};

/** A script's answer holds field and value by turns. */
const pairs = (reply: unknown): [string, string][] => {
  const flat = reply as string[];
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] as string, flat[2 * i + 1] as string]);
};

/** The served store, shared by all brokers of the service. A write is one script, so no two are under way at the same time;
 *  what each does is what the function of the same name in `cart.ts` says. */
export const openRedisStore = async ({ namespace, clock, ...connection }: RedisStoreOptions): Promise<CartStore> => {
  const redis = await openRedis(connection);
  const prefix = `${namespace}:carts`;
  const revisionKey = `${prefix}:revision`;
  const keyOf = (cartId: string): string => `${prefix}:cart:${cartId}`;

  return {
    name: "redis",
    inbox: cartInbox(new RedisInbox({ service: "carts", redis, prefix, clock }), (work) => ({
      async subtract(cartId, ordered, revision) {
        const quantities = new Map<string, number>();
        for (const { sku, quantity } of ordered) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
        work.write(SUBTRACT, [keyOf(cartId)], [lifetimeMs(cartId), revision ?? "", ...[...quantities].flat()]);
      },
    })),
    async read(cartId) {
      return toLines(Object.entries(await redis.ask((client) => client.hgetall(keyOf(cartId)))));
    },
    async snapshot(cartId) {
      const lines = toStored(Object.entries(await redis.ask((client) => client.hgetall(keyOf(cartId)))));
      return { lines: lines.map(shown), revision: revisionOf(lines) };
    },
    async setLine(cartId, { sku, quantity, item }): Promise<Lines> {
      const args = [sku, quantity, JSON.stringify(item), MAX_LINES, lifetimeMs(cartId), clock.now()];
      const reply = await redis.run(SET_LINE, [keyOf(cartId), revisionKey], args);
      if (reply === null) throw new CartFull(MAX_LINES);
      return toLines(pairs(reply));
    },
    async removeLine(cartId, sku) {
      return toLines(pairs(await redis.run(REMOVE_LINE, [keyOf(cartId)], [sku, lifetimeMs(cartId)])));
    },
    async clear(cartId) {
      await redis.ask((client) => client.del(keyOf(cartId)));
    },
    async merge(from, into) {
      const keys = [keyOf(from), keyOf(into), revisionKey];
      const reply = await redis.run(MERGE, keys, [MAX_MERGED_LINES, lifetimeMs(into), clock.now()]);
      if (reply === null) throw new CartFull(MAX_MERGED_LINES);
      return toLines(pairs(reply));
    },
    ping: () => redis.ping(),
    close: () => redis.close(),
  };
};
