import { openRedis, redisScript } from "@molecart/mixins/database/redis.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { RedisInbox } from "@molecart/mixins/messaging/redis-inbox.ts";
import { CartFull } from "./cart.errors.ts";
import { type CartStore, cartInbox } from "./cart.store.ts";
import { type ItemSnapshot, type Lines, lifetimeMs, MAX_LINES, MAX_MERGED_LINES, MAX_QUANTITY, type StoredLine } from "./cart.ts";

export interface RedisStoreOptions {
  url: string;
  /** Shops that share a Redis differ in it. */
  namespace: string;
  clientName: string;
  clock: Clock;
  log: { info(message: string): void; warn(message: string, detail: object): void };
}

/** A cart is a hash: SKU -> "<place>:<quantity>:<item as JSON>". The place counts the additions; it orders the lines. The item
 *  is not decoded here, because Lua's JSON would round large amounts. */
const LINES = `
local function parse(value)
  local place, quantity, item = string.match(value, '^(%d+):(%d+):(.*)$')
  return tonumber(place), tonumber(quantity), item
end
local function write(cart, sku, place, quantity, item)
  redis.call('HSET', cart, sku, string.format('%d:%d:', place, quantity) .. item)
end
local function last_place(cart)
  local last = 0
  for _, value in ipairs(redis.call('HVALS', cart)) do last = math.max(last, (parse(value))) end
  return last
end
`;

/** KEYS: cart. ARGV: SKU, quantity, item, most lines, lifetime. False: the cart is full. */
const SET_LINE = redisScript(`${LINES}
local known = redis.call('HGET', KEYS[1], ARGV[1])
if not known and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return false end
local place = known and parse(known) or last_place(KEYS[1]) + 1
write(KEYS[1], ARGV[1], place, ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return redis.call('HGETALL', KEYS[1])`);

/** KEYS: cart. ARGV: SKU, lifetime. */
const REMOVE_LINE = redisScript(`
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])`);

/** KEYS: from, into. ARGV: most of one line, most lines, lifetime. False: not all lines fit, and both carts are as before. */
const MERGE = redisScript(`${LINES}
local from = redis.call('HGETALL', KEYS[1])
if KEYS[1] == KEYS[2] or #from == 0 then return redis.call('HGETALL', KEYS[2]) end
local arriving, added = {}, 0
for i = 1, #from, 2 do
  local place, quantity, item = parse(from[i + 1])
  table.insert(arriving, {sku = from[i], place = place, quantity = quantity, item = item})
  if redis.call('HEXISTS', KEYS[2], from[i]) == 0 then added = added + 1 end
end
if added > 0 and redis.call('HLEN', KEYS[2]) + added > tonumber(ARGV[2]) then return false end
table.sort(arriving, function(a, b) return a.place < b.place end)
local last = last_place(KEYS[2])
for _, line in ipairs(arriving) do
  local known = redis.call('HGET', KEYS[2], line.sku)
  if known then
    local place, quantity, item = parse(known)
    write(KEYS[2], line.sku, place, math.min(quantity + line.quantity, tonumber(ARGV[1])), item)
  else
    last = last + 1
    write(KEYS[2], line.sku, last, line.quantity, line.item)
  end
end
redis.call('DEL', KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return redis.call('HGETALL', KEYS[2])`);

/** KEYS: cart. ARGV: lifetime, then SKU and quantity of each ordered line. */
const SUBTRACT = `${LINES}
for i = 2, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if known then
    local place, quantity, item = parse(known)
    local left = quantity - tonumber(ARGV[i + 1])
    if left > 0 then write(KEYS[1], ARGV[i], place, left, item) else redis.call('HDEL', KEYS[1], ARGV[i]) end
  end
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])`;

const VALUE = /^(\d+):(\d+):(.*)$/s;

const toLines = (hash: readonly (readonly [sku: string, value: string])[]): StoredLine[] =>
  hash
    .map(([sku, value]) => {
      const [, place, quantity, item] = VALUE.exec(value) as unknown as [string, string, string, string];
      return { place: Number(place), line: { sku, quantity: Number(quantity), item: JSON.parse(item) as ItemSnapshot } };
    })
    .sort((a, b) => a.place - b.place)
    .map(({ line }) => line);

/** Why a stored cart cannot be read; null when it can. */
export const problemOfHash = (hash: Readonly<Record<string, string>>): string | null => {
  try {
    toLines(Object.entries(hash));
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
  const keyOf = (cartId: string): string => `${prefix}:cart:${cartId}`;

  return {
    name: "redis",
    inbox: cartInbox(new RedisInbox({ redis, prefix, clock }), (work) => ({
      async subtract(cartId, ordered) {
        const quantities = ordered.flatMap(({ sku, quantity }) => [sku, quantity]);
        work.write(SUBTRACT, [keyOf(cartId)], [lifetimeMs(cartId), ...quantities]);
      },
    })),
    async read(cartId) {
      return toLines(Object.entries(await redis.ask((client) => client.hgetall(keyOf(cartId)))));
    },
    async setLine(cartId, { sku, quantity, item }): Promise<Lines> {
      const args = [sku, quantity, JSON.stringify(item), MAX_LINES, lifetimeMs(cartId)];
      const reply = await redis.run(SET_LINE, [keyOf(cartId)], args);
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
      const reply = await redis.run(MERGE, [keyOf(from), keyOf(into)], [MAX_QUANTITY, MAX_MERGED_LINES, lifetimeMs(into)]);
      if (reply === null) throw new CartFull(MAX_MERGED_LINES);
      return toLines(pairs(reply));
    },
    ping: () => redis.ping(),
    close: () => redis.close(),
  };
};
