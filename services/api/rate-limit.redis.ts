import { type RedisConnection, redisScript } from "@molecart/mixins/database/redis.ts";
import type { SharedCounters, SharedReply } from "./rate-limit.ts";

/** KEYS: counters, each a hash of window, its count and the count of the window before. ARGV: the window's length, then for
 *  each counter what to add and its limit (-1: none). Adds to all of them or, where one would come above its limit, to none.
 *  Answers [server's time, 1 if added, count, count before, …]. By Redis' own clock: those of gateways differ. */
const COUNT = redisScript(`
local length = tonumber(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = math.floor(now / length)
local left = 1 - (now - window * length) / length
local counts, fits = {}, true
for i, key in ipairs(KEYS) do
  local known = redis.call('HMGET', key, 'w', 'c', 'p')
  local at = tonumber(known[1])
  local current, previous = 0, 0
  if at == window then current, previous = tonumber(known[2]), tonumber(known[3])
  elseif at == window - 1 then previous = tonumber(known[2]) end
  local more, limit = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  if limit >= 0 and previous * left + current + more > limit then fits = false end
  counts[i] = {current, previous, more}
end
local answer = {now, fits and 1 or 0}
for i, key in ipairs(KEYS) do
  local current, previous, more = counts[i][1], counts[i][2], counts[i][3]
  if fits and more > 0 then
    current = current + more
    redis.call('HSET', key, 'w', window, 'c', current, 'p', previous)
    redis.call('PEXPIRE', key, 2 * length)
  end
  answer[#answer + 1] = current
  answer[#answer + 1] = previous
end
return answer`);

const NO_LIMIT = -1;

/** The counters in Redis, under `prefix`. Rejects when Redis does not answer. */
export const redisCounters = (redis: RedisConnection, prefix: string, windowMs: number): SharedCounters => {
  const run = async (keys: readonly string[], args: readonly number[]): Promise<SharedReply> => {
    const named = keys.map((key) => `${prefix}:${key}`);
    const [nowMs, counted, ...counts] = (await redis.run(COUNT, named, [windowMs, ...args])) as number[];
    return {
      nowMs: nowMs as number,
      counted: counted === 1,
      counts: keys.map((_, n) => ({ current: counts[2 * n] as number, previous: counts[2 * n + 1] as number })),
    };
  };
  return {
    take: (quotas) =>
      run(
        quotas.map(({ key }) => key),
        quotas.flatMap(({ limit }) => [1, limit]),
      ),
    add: (added) =>
      run(
        added.map(([key]) => key),
        added.flatMap(([, count]) => [count, NO_LIMIT]),
      ),
  };
};
