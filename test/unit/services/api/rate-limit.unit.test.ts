import { afterEach, describe, expect, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import fc from "fast-check";
import { type Quota, RateLimiter, type SharedCounters } from "../../../../services/api/rate-limit.ts";
import { roll, usedAt, type WindowCounts, waitMs } from "../../../../services/api/sliding-window.ts";
import { eventually } from "../../../support/eventually.ts";

const WINDOW_MS = 60_000;
const quota = (key: string, limit: number): Quota => ({ policy: `of-${key}`, key, limit });

describe("a sliding window", () => {
  const requests = fc.array(fc.nat({ max: 20_000 }), { minLength: 1, maxLength: 200 });

  test("lets no more through in any window than the limit, and as much again that has slid out of the one before", () => {
    fc.assert(
      fc.property(requests, fc.integer({ min: 1, max: 20 }), (gaps, limit) => {
        const counts: WindowCounts = { index: 0, current: 0, previous: 0 };
        const taken: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          roll(counts, now, WINDOW_MS);
          if (usedAt(counts, now, WINDOW_MS) + 1 > limit) continue;
          counts.current += 1;
          taken.push(now);
        }
        const inFixed = Map.groupBy(taken, (at) => Math.floor(at / WINDOW_MS));
        for (const some of inFixed.values()) expect(some.length).toBeLessThanOrEqual(limit);
        for (const start of taken)
          expect(taken.filter((at) => at >= start && at < start + WINDOW_MS).length).toBeLessThanOrEqual(2 * limit);
      }),
    );
  });

  test("serves whoever has waited as long as it was told, and not much earlier", () => {
    fc.assert(
      fc.property(
        fc.record({ previous: fc.nat({ max: 50 }), current: fc.nat({ max: 50 }) }),
        fc.integer({ min: 1, max: 50 }),
        fc.nat({ max: WINDOW_MS - 1 }),
        (counted, limit, nowMs) => {
          const usedAfter = (ms: number): number => {
            const counts = { index: 0, ...counted };
            roll(counts, nowMs + ms, WINDOW_MS);
            return usedAt(counts, nowMs + ms, WINDOW_MS) + 1;
          };
          const wait = waitMs({ index: 0, ...counted }, limit, nowMs, WINDOW_MS);
          expect(usedAfter(wait + 1)).toBeLessThanOrEqual(limit + 1e-6);
          if (wait > 2) expect(usedAfter(wait - 2)).toBeGreaterThan(limit);
        },
      ),
    );
  });
});

/** Counters as Redis keeps them, for several gateways of one test. */
class Shared implements SharedCounters {
  readonly #clock: ManualClock;
  readonly counts = new Map<string, number>();
  away = false;
  calls = 0;
  constructor(clock: ManualClock) {
    this.#clock = clock;
  }
  async take(quotas: readonly Quota[]) {
    const fits = quotas.every(({ key, limit }) => (this.counts.get(key) ?? 0) + 1 <= limit);
    return this.#answer(
      quotas.map(({ key }) => [key, fits ? 1 : 0] as const),
      fits,
    );
  }
  async add(counts: readonly (readonly [string, number])[]) {
    return this.#answer(counts, true);
  }
  async #answer(counts: readonly (readonly [string, number])[], counted: boolean) {
    this.calls += 1;
    if (this.away) throw new Error("away");
    for (const [key, count] of counts) this.counts.set(key, (this.counts.get(key) ?? 0) + count);
    const known = counts.map(([key]) => ({ current: this.counts.get(key) as number, previous: 0 }));
    return { nowMs: this.#clock.now(), counted, counts: known };
  }
}

describe("the limiter", () => {
  let limiters: RateLimiter[] = [];
  const said: string[] = [];
  const log = { info: (message: string) => void said.push(message), warn: (message: string) => void said.push(message) };
  const clock = new ManualClock(10 * WINDOW_MS);
  const open = (shared?: SharedCounters): RateLimiter => {
    const limiter = new RateLimiter({ clock, windowMs: WINDOW_MS, shared, log });
    limiters.push(limiter);
    return limiter;
  };
  afterEach(async () => {
    await Promise.all(limiters.map((limiter) => limiter.stop()));
    limiters = [];
    said.length = 0;
  });
  const times = (n: number, take: () => boolean): number => Array.from({ length: n }, take).filter(Boolean).length;

  test("counts each key by itself, tells what is left, and refuses without counting", () => {
    const limiter = open();
    const left = [1, 2, 3, 4].map(() => limiter.takeNow([quota("a", 3)]));
    expect(left.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
    ]);
    expect(limiter.takeNow([quota("b", 3)]).allowed).toBe(true);
    const { seconds } = limiter.takeNow([quota("a", 3)]);
    clock.advance(seconds * 1000);
    expect(limiter.takeNow([quota("a", 3)]).allowed).toBe(true);
  });

  test("takes from all limits of a request or from none, and names the one that refuses", () => {
    const limiter = open();
    const both = [quota("address", 10), quota("user", 1)];
    expect(limiter.takeNow(both)).toMatchObject({ allowed: true, quota: { key: "user" }, remaining: 0 });
    for (let n = 0; n < 20; n++) expect(limiter.takeNow(both)).toMatchObject({ allowed: false, quota: { key: "user" } });
    expect(limiter.takeNow([quota("address", 10)]).remaining).toBe(8);
  });

  test("is exact over gateways where it asks the shared counters", async () => {
    const shared = new Shared(clock);
    const gateways = [open(shared), open(shared)];
    const verdicts = [];
    for (let n = 0; n < 10; n++) verdicts.push(await (gateways[n % 2] as RateLimiter).take([quota("login", 5)]));
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([...Array(5).fill(true), ...Array(5).fill(false)]);
  });

  test("asks nobody about a key that is known to have nothing left", async () => {
    const shared = new Shared(clock);
    const limiter = open(shared);
    await limiter.take([quota("hammer", 1)]);
    const before = shared.calls;
    for (let n = 0; n < 100; n++) expect((await limiter.take([quota("hammer", 1)])).allowed).toBe(false);
    expect(shared.calls).toBe(before);
  });

  test("learns in the background what other gateways have counted", async () => {
    const shared = new Shared(clock);
    const [one, two] = [open(shared), open(shared)];
    expect(times(60, () => one.takeNow([quota("reader", 100)]).allowed)).toBe(60);
    await eventually(() => expect(shared.counts.get("reader")).toBe(60));
    // The first request of a stranger is let through, and learns about him.
    expect(two.takeNow([quota("reader", 100)]).allowed).toBe(true);
    await eventually(() => expect(shared.counts.get("reader")).toBe(61));
    await eventually(() => expect(two.refusalOf([quota("reader", 61)])).toBeDefined());
    expect(times(100, () => two.takeNow([quota("reader", 100)]).allowed)).toBe(39);
  });

  test("limits by itself while the shared counters are away, says so once, and comes back", async () => {
    const shared = new Shared(clock);
    const limiter = open(shared);
    await limiter.take([quota("login", 5)]);
    shared.away = true;
    const verdicts = [];
    for (let n = 0; n < 8; n++) verdicts.push((await limiter.take([quota("login", 5)])).allowed);
    expect(verdicts).toEqual([true, true, true, true, false, false, false, false]);
    expect(said).toHaveLength(1);
    // Nobody's request asks again.
    const before = shared.calls;
    await limiter.take([quota("other", 5)]);
    expect(shared.calls).toBe(before);
    shared.away = false;
    await eventually(() => expect(said).toHaveLength(2));
    await limiter.take([quota("fresh", 5)]);
    expect(shared.counts.get("fresh")).toBe(1);
    // What it knows is not forgotten with a Redis that was started anew.
    shared.counts.clear();
    expect((await limiter.take([quota("login", 5)])).allowed).toBe(false);
  });

  test("waits a bounded time for counters that do not answer", async () => {
    const silent: SharedCounters = { take: () => new Promise(() => {}), add: () => Promise.reject(new Error("away")) };
    expect((await open(silent).take([quota("login", 5)])).allowed).toBe(true);
    expect(said).toHaveLength(1);
  });
});
