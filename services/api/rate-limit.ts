import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { roll, usedAt, type WindowCounts, waitMs } from "./sliding-window.ts";

/** One limit that a request falls under. */
export interface Quota {
  /** Of the policy, as clients read it: `write-user`. */
  policy: string;
  /** Whose: all gateways count it under this name. */
  key: string;
  /** Requests per window. */
  limit: number;
}

/** The limit that leaves the least. */
export interface Verdict {
  allowed: boolean;
  quota: Quota;
  /** Requests that are left at this moment. */
  remaining: number;
  /** Whole seconds until a refused request may come again; of an allowed one, until its window ends. */
  seconds: number;
}

/** What all gateways have counted under one key. */
export interface SharedCount {
  current: number;
  previous: number;
}
export interface SharedReply {
  /** The time of the counters' server: all gateways go by it. */
  nowMs: number;
  /** Whether all were below their limits, and were counted. */
  counted: boolean;
  counts: SharedCount[];
}

/** The counters that the gateways share. Each call is one round trip and happens whole or not at all. */
export interface SharedCounters {
  /** Counts one request under each key if that leaves none above its limit. */
  take(quotas: readonly Quota[]): Promise<SharedReply>;
  /** Adds what was counted here. */
  add(counts: readonly (readonly [key: string, count: number])[]): Promise<SharedReply>;
}

export interface RateLimiterOptions {
  clock: Clock;
  windowMs: number;
  /** Absent: this gateway is the only one. */
  shared?: SharedCounters | undefined;
  log: { info(message: string): void; warn(message: string, detail: object): void };
}

interface Counter extends WindowCounts {
  key: string;
  /** Of `current`: counted here, and not yet told. */
  untold: number;
}

/** How often gateways tell each other. What one of them lets through too much is what comes to it meanwhile. */
const TELL_EVERY_MS = 250;
/** A key that has used up this share of its limit since then is told of at once. */
const URGENT_SHARE = 0.1;
/** Redis answers within a millisecond or so. A request waits no longer, and none waits again until Redis is back. */
const PATIENCE_MS = 100;
/** How often an absent Redis is asked, by nobody's request. */
const PROBE_EVERY_MS = 1_000;
/** In one script: Redis does nothing else meanwhile. */
const TELL_AT_ONCE = 500;
/** 20 MB. Beyond it the counters that were made first are forgotten. */
const MAX_COUNTERS = 100_000;

const within = async <T>(ms: number, work: Promise<T>): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};

/** Limits requests per key by sliding windows, over all gateways that share counters.
 *
 *  Two ways to count: exactly, where a request waits for the shared counters, and later, where it is decided by what is known
 *  here and told in the background. A request that is refused counts nowhere, so whoever waits as long as he was told is served.
 *  While the shared counters do not answer, every gateway limits by its own. */
export class RateLimiter {
  readonly #options: RateLimiterOptions;
  readonly #counters = new Map<string, Counter>();
  #untold = new Set<Counter>();
  #isAway = false;
  #telling: Promise<void> | undefined;
  #nextProbeAt = 0;
  /** The counters' server's time less ours. */
  #offsetMs = 0;
  #sweptAt: number;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.#sweptAt = options.clock.now();
    if (options.shared === undefined) return;
    this.#timer = setInterval(() => void this.#tell(), TELL_EVERY_MS).unref();
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#telling;
  }

  /** The refusal of a request, where it is known here already that it will be refused. Counts nothing. */
  refusalOf(quotas: readonly Quota[]): Verdict | undefined {
    const verdict = this.#judge(quotas);
    return verdict.allowed ? undefined : verdict;
  }

  /** Decides by what is known here, and counts. */
  takeNow(quotas: readonly Quota[]): Verdict {
    const verdict = this.#judge(quotas);
    if (!verdict.allowed) return verdict;
    for (const quota of quotas) this.#count(quota);
    return { ...verdict, remaining: verdict.remaining - 1 };
  }

  /** Decides by what all gateways have counted, and counts. Falls back to what is known here. */
  async take(quotas: readonly Quota[]): Promise<Verdict> {
    const { shared } = this.#options;
    if (shared === undefined || this.#isAway) return this.takeNow(quotas);
    // The others can only have counted more.
    const refusal = this.refusalOf(quotas);
    if (refusal !== undefined) return refusal;
    try {
      const reply = await within(PATIENCE_MS, shared.take(quotas));
      this.#learn(
        quotas.map(({ key }) => key),
        reply,
      );
      return this.#verdictOf(quotas, reply.counted);
    } catch (error) {
      this.#miss(error);
      return this.takeNow(quotas);
    }
  }

  #now(): number {
    return this.#options.clock.now() + this.#offsetMs;
  }

  #judge(quotas: readonly Quota[]): Verdict {
    const now = this.#now();
    const { windowMs } = this.#options;
    const fits = quotas.every(({ key, limit }) => {
      const counter = this.#counters.get(key);
      if (counter === undefined) return true;
      this.#roll(counter, now);
      return usedAt(counter, now, windowMs) + 1 <= limit;
    });
    return this.#verdictOf(quotas, fits);
  }

  /** Names the limit that leaves the least; of a refusal, the one that takes the longest. */
  #verdictOf(quotas: readonly Quota[], allowed: boolean): Verdict {
    const now = this.#now();
    const { windowMs } = this.#options;
    let found: Verdict | undefined;
    for (const quota of quotas) {
      const counter = this.#counterOf(quota.key, now);
      const remaining = Math.max(0, Math.floor(quota.limit - usedAt(counter, now, windowMs)));
      const wait = allowed ? (counter.index + 1) * windowMs - now : waitMs(counter, quota.limit, now, windowMs);
      const verdict = { allowed, quota, remaining, seconds: Math.max(1, Math.ceil(wait / 1000)) };
      const isTighter = found === undefined || (allowed ? remaining < found.remaining : verdict.seconds > found.seconds);
      if (isTighter) found = verdict;
    }
    return found as Verdict;
  }

  #counterOf(key: string, now: number): Counter {
    const known = this.#counters.get(key);
    if (known !== undefined) {
      this.#roll(known, now);
      return known;
    }
    this.#sweep(now);
    if (this.#counters.size >= MAX_COUNTERS) this.#forget(this.#counters.values().next().value as Counter);
    const counter = { key, index: Number.NEGATIVE_INFINITY, current: 0, previous: 0, untold: 0 };
    this.#roll(counter, now);
    this.#counters.set(key, counter);
    return counter;
  }

  #roll(counter: Counter, now: number): void {
    // What was not told before the window's end would count in the wrong one.
    if (roll(counter, now, this.#options.windowMs)) counter.untold = 0;
  }

  #count({ key, limit }: Quota): void {
    const counter = this.#counterOf(key, this.#now());
    counter.current += 1;
    if (this.#options.shared === undefined) return;
    counter.untold += 1;
    this.#untold.add(counter);
    if (counter.untold >= limit * URGENT_SHARE && !this.#isAway) void this.#tell();
  }

  #forget(counter: Counter): void {
    this.#counters.delete(counter.key);
    this.#untold.delete(counter);
  }

  /** Once per window: forgets who has not come for two. */
  #sweep(now: number): void {
    const { windowMs } = this.#options;
    if (Math.abs(now - this.#sweptAt) < windowMs) return;
    this.#sweptAt = now;
    for (const counter of this.#counters.values()) if (now - counter.index * windowMs >= 2 * windowMs) this.#forget(counter);
  }

  #tell(): Promise<void> {
    this.#telling ??= this.#tellOnce().finally(() => {
      this.#telling = undefined;
    });
    return this.#telling;
  }

  async #tellOnce(): Promise<void> {
    const { shared } = this.#options;
    if (shared === undefined) return;
    if (this.#isAway && performance.now() < this.#nextProbeAt) return;
    if (!this.#isAway && this.#untold.size === 0) return;
    const told = [...this.#untold].slice(0, TELL_AT_ONCE);
    const now = this.#now();
    for (const counter of told) this.#roll(counter, now);
    const counts = told.map((counter) => [counter.key, counter.untold] as const);
    for (const counter of told) {
      this.#untold.delete(counter);
      counter.untold = 0;
    }
    try {
      const reply = await within(PROBE_EVERY_MS, shared.add(counts));
      this.#learn(
        counts.map(([key]) => key),
        reply,
      );
      if (this.#isAway) this.#options.log.info("The limits are shared again");
      this.#isAway = false;
    } catch (error) {
      // Not told again: Redis may have counted it before it went, and twice is a refusal that nobody deserves.
      this.#miss(error);
    }
  }

  #learn(keys: readonly string[], { nowMs, counts }: SharedReply): void {
    this.#offsetMs = nowMs - this.#options.clock.now();
    keys.forEach((key, n) => {
      const { current, previous } = counts[n] as SharedCount;
      const counter = this.#counterOf(key, nowMs);
      // Not less than is known here: a Redis that was started anew has forgotten.
      counter.current = Math.max(counter.current, current + counter.untold);
      counter.previous = Math.max(counter.previous, previous);
    });
  }

  #miss(error: unknown): void {
    this.#nextProbeAt = performance.now() + PROBE_EVERY_MS;
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.log.warn("The limits are not shared for now: each gateway counts by itself", { error: messageOf(error) });
  }
}
