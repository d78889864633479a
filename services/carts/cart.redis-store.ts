import { openRedis, redisScript } from "@molecart/mixins/database/redis.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { RedisInbox } from "@molecart/mixins/messaging/redis-inbox.ts";
import { CartFull, IdempotencyKeyReused, QuantityLimit } from "./cart.errors.ts";
import { type CartStore, cartInbox } from "./cart.store.ts";
import {
  ADDITION_KEEP_MS,
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
  savedOf,
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

/** KEYS: cart, revision, the addition's note. ARGV: SKU, quantity, item, most lines, lifetime, now, how long the note is kept.
 *  False: the cart is full. "REUSED": the note is of another request. A number: so many are there, and no room for these. */
const ADD_LINE = redisScript(`${LINES}
local request = ARGV[1] .. ':' .. ARGV[2]
local noted = redis.call('GET', KEYS[3])
if noted and noted ~= request then return 'REUSED' end
if noted then return redis.call('HGETALL', KEYS[1]) end
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return false end
local place, additions
if known then
  place, additions = parse(known)
  local there = quantity_of(additions)
  if there + tonumber(ARGV[2]) > ${MAX_QUANTITY} then return there end
else
  place, additions = last_place(KEYS[1]) + 1, {}
end
table.insert(additions, {quantity = tonumber(ARGV[2]), revision = next_revision(KEYS[2], ARGV[6])})
write(KEYS[1], ARGV[1], place, additions, ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('SET', KEYS[3], request, 'PX', ARGV[7])
return redis.call('HGETALL', KEYS[1])`);

/** KEYS: from, into, revision, the one to answer. ARGV: SKU, most lines, lifetime, now. False: there is no room for the line, and
 *  both are as before. */
const MOVE_LINE = redisScript(`${LINES}
local moving = redis.call('HGET', KEYS[1], ARGV[1])
if not moving then return redis.call('HGETALL', KEYS[4]) end
local known = redis.call('HGET', KEYS[2], ARGV[1])
if not known and redis.call('HLEN', KEYS[2]) >= tonumber(ARGV[2]) then return false end
local _, units, snapshot = parse(moving)
local addition = {quantity = quantity_of(units), revision = next_revision(KEYS[3], ARGV[4])}
if known then
  local place, additions, item = parse(known)
  table.insert(additions, addition)
  write(KEYS[2], ARGV[1], place, additions, item)
else
  write(KEYS[2], ARGV[1], last_place(KEYS[2]) + 1, {addition}, snapshot)
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return redis.call('HGETALL', KEYS[4])`);

/** KEYS: cart. ARGV: SKU, lifetime. */
const REMOVE_LINE = redisScript(`
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])`);

/** KEYS: cart, what is saved, of the guest; cart, what is saved, of the customer; revision. ARGV: most lines, lifetime, now. False:
 *  not all lines fit, and everything is as before. */
const MERGE = redisScript(`${LINES}
local function fits(from, into)
  local added = 0
  for _, sku in ipairs(redis.call('HKEYS', from)) do
    if redis.call('HEXISTS', into, sku) == 0 then added = added + 1 end
  end
  return added == 0 or redis.call('HLEN', into) + added <= tonumber(ARGV[1])
end
local function merge(from, into)
  local lines, arriving = redis.call('HGETALL', from), {}
  if #lines == 0 then return end
  for i = 1, #lines, 2 do
    local place, additions, item = parse(lines[i + 1])
    table.insert(arriving, {sku = lines[i], place = place, quantity = quantity_of(additions), item = item})
  end
  table.sort(arriving, function(a, b) return a.place < b.place end)
  local last, revision = last_place(into), next_revision(KEYS[5], ARGV[3])
  for _, line in ipairs(arriving) do
    local addition = {quantity = line.quantity, revision = revision}
    local known = redis.call('HGET', into, line.sku)
    if known then
      local place, additions, item = parse(known)
      table.insert(additions, addition)
      write(into, line.sku, place, additions, item)
    else
      last = last + 1
      write(into, line.sku, last, {addition}, line.item)
    end
  end
  redis.call('DEL', from)
  redis.call('PEXPIRE', into, ARGV[2])
end
if KEYS[1] ~= KEYS[3] then
  if not (fits(KEYS[1], KEYS[3]) and fits(KEYS[2], KEYS[4])) then return false end
  merge(KEYS[1], KEYS[3])
  merge(KEYS[2], KEYS[4])
end
return redis.call('HGETALL', KEYS[3])`);

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
  const savedKeyOf = (cartId: string): string => keyOf(savedOf(cartId));
  const additionKeyOf = (cartId: string, key: string): string => `${prefix}:addition:${cartId}:${key}`;

  const read = async (key: string): Promise<StoredLine[]> =>
    toLines(Object.entries(await redis.ask((client) => client.hgetall(key))));

  const move = async (cartId: string, from: string, into: string, sku: string): Promise<Lines> => {
    const args = [sku, MAX_LINES, lifetimeMs(cartId), clock.now()];
    const reply = await redis.run(MOVE_LINE, [from, into, revisionKey, keyOf(cartId)], args);
    if (reply === null) throw new CartFull(MAX_LINES);
    return toLines(pairs(reply));
  };

  return {
    name: "redis",
    inbox: cartInbox(new RedisInbox({ service: "carts", redis, prefix, clock }), (work) => ({
      async subtract(cartId, ordered, revision) {
        const quantities = new Map<string, number>();
        for (const { sku, quantity } of ordered) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
        work.write(SUBTRACT, [keyOf(cartId)], [lifetimeMs(cartId), revision ?? "", ...[...quantities].flat()]);
      },
    })),
    read: (cartId) => read(keyOf(cartId)),
    readSaved: (cartId) => read(savedKeyOf(cartId)),
    async snapshot(cartId) {
      const lines = toStored(Object.entries(await redis.ask((client) => client.hgetall(keyOf(cartId)))));
      return { lines, revision: revisionOf(lines) };
    },
    async setLine(cartId, { sku, quantity, item }): Promise<Lines> {
      const args = [sku, quantity, JSON.stringify(item), MAX_LINES, lifetimeMs(cartId), clock.now()];
      const reply = await redis.run(SET_LINE, [keyOf(cartId), revisionKey], args);
      if (reply === null) throw new CartFull(MAX_LINES);
      return toLines(pairs(reply));
    },
    async addLine(cartId, { sku, quantity, item }, key): Promise<Lines> {
      const args = [sku, quantity, JSON.stringify(item), MAX_LINES, lifetimeMs(cartId), clock.now(), ADDITION_KEEP_MS];
      const reply = await redis.run(ADD_LINE, [keyOf(cartId), revisionKey, additionKeyOf(cartId, key)], args);
      if (reply === null) throw new CartFull(MAX_LINES);
      if (reply === "REUSED") throw new IdempotencyKeyReused(key);
      if (typeof reply === "number") throw new QuantityLimit(sku, reply, MAX_QUANTITY);
      return toLines(pairs(reply));
    },
    async hasAdded(cartId, key) {
      return (await redis.ask((client) => client.exists(additionKeyOf(cartId, key)))) === 1;
    },
    async removeLine(cartId, sku) {
      return toLines(pairs(await redis.run(REMOVE_LINE, [keyOf(cartId)], [sku, lifetimeMs(cartId)])));
    },
    saveLine: (cartId, sku) => move(cartId, keyOf(cartId), savedKeyOf(cartId), sku),
    restoreLine: (cartId, sku) => move(cartId, savedKeyOf(cartId), keyOf(cartId), sku),
    async removeSaved(cartId, sku) {
      await redis.run(REMOVE_LINE, [savedKeyOf(cartId)], [sku, lifetimeMs(cartId)]);
      return read(keyOf(cartId));
    },
    async clear(cartId) {
      await redis.ask((client) => client.del(keyOf(cartId)));
    },
    async merge(from, into) {
      const keys = [keyOf(from), savedKeyOf(from), keyOf(into), savedKeyOf(into), revisionKey];
      const reply = await redis.run(MERGE, keys, [MAX_MERGED_LINES, lifetimeMs(into), clock.now()]);
      if (reply === null) throw new CartFull(MAX_MERGED_LINES);
      return toLines(pairs(reply));
    },
    ping: () => redis.ping(),
    close: () => redis.close(),
  };
};
