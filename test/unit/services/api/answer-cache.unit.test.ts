import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import fc from "fast-check";
import { AnswerCache, type CachedKind, type Served } from "../../../../services/api/answer-cache.ts";

const outage = new Error("away");
const clock = new ManualClock(0);
const open = (options: { maxAgeMs?: number; maxBytes?: number } = {}) =>
  new AnswerCache({
    clock,
    maxAgeMs: 30_000,
    staleMs: 600_000,
    maxBytes: 1_000_000,
    isOutage: (error) => error === outage,
    onStale: () => {},
    ...options,
  });
const route = (cache: CachedKind) => ({ cache });
const product = (version: number, id = "p") => ({ id, version });
const shown = ({ answer }: Served): unknown => JSON.parse(answer.body.toString());
const pending = <T>() => Promise.withResolvers<T>();

describe("the cache of answers", () => {
  test("asks once for all who want the same at the same time, and then not for as long as it may", async () => {
    const cache = open();
    const { promise, resolve } = pending<object>();
    let loads = 0;
    const load = () => {
      loads += 1;
      return promise;
    };
    const all = [1, 2, 3].map(() => cache.read(route("product"), "k", "/p", load));
    resolve(product(1));
    expect((await Promise.all(all)).map(shown)).toEqual([product(1), product(1), product(1)]);
    expect(cache.at("/p")?.answer.products).toEqual([product(1)]);
    await cache.read(route("product"), "k", "/p", load);
    expect(loads).toBe(1);
    clock.advance(30_000);
    expect(cache.at("/p")).toBeUndefined();
    await cache.read(route("product"), "k", "/p", load);
    expect(loads).toBe(2);
  });

  test("knows an answer by each address that has led to it", async () => {
    const cache = open();
    await cache.read(route("products"), "k", "/l?a=1&b=2", async () => ({ items: [] }));
    await cache.read(route("products"), "k", "/l?b=2&a=1", () => Promise.reject(new Error("not asked")));
    expect(cache.at("/l?b=2&a=1")?.answer).toBe(cache.at("/l?a=1&b=2")?.answer);
  });

  test("forgets a product that has changed, every list, and nothing else", async () => {
    const cache = open();
    await cache.read(route("product"), "p", "/p", async () => product(1));
    await cache.read(route("product"), "q", "/q", async () => product(1, "q"));
    await cache.read(route("products"), "l", "/l", async () => ({ items: [product(1, "q")] }));
    await cache.read(route("categories"), "c", "/c", async () => ({ items: [] }));
    cache.changed([product(2)]);
    expect(["/p", "/q", "/l", "/c"].map((address) => cache.at(address) !== undefined)).toEqual([false, true, false, true]);
    cache.clear();
    expect(cache.at("/c")).toBeUndefined();
  });

  test("does not keep what was read before a change that was told while it was read, nor hand it to who comes later", async () => {
    const cache = open();
    const [before, after] = [pending<object>(), pending<object>()];
    const early = cache.read(route("product"), "k", "/p", () => before.promise);
    cache.changed([product(2)]);
    const late = cache.read(route("product"), "k", "/p", () => after.promise);
    after.resolve(product(2));
    expect(shown(await late)).toEqual(product(2));
    before.resolve(product(1));
    expect(shown(await early)).toEqual(product(1));
    expect(cache.at("/p")?.answer.products).toEqual([product(2)]);
  });

  test("does not keep a version that is older than one it was told of: a broker of products may hear of it later", async () => {
    const cache = open();
    cache.changed([product(2)]);
    await cache.read(route("product"), "k", "/p", async () => product(1));
    await cache.read(route("products"), "l", "/l", async () => ({ items: [product(1)] }));
    expect([cache.at("/p"), cache.at("/l")]).toEqual([undefined, undefined]);
    await cache.read(route("product"), "k", "/p", async () => product(2));
    expect(cache.at("/p")).toBeDefined();
  });

  test("keeps no tree of categories that is older than one it was told of, and no list over a change of the tree", async () => {
    const cache = open();
    const tree = (version: number) => ({ items: [], version });
    await cache.read(route("categories"), "c", "/c", async () => tree(1));
    await cache.read(route("products"), "l", "/l", async () => ({ items: [] }));
    await cache.read(route("product"), "k", "/p", async () => product(1));
    cache.categoriesChanged(3);
    expect(["/c", "/l", "/p"].map((address) => cache.at(address) !== undefined)).toEqual([false, false, true]);
    cache.categoriesChanged(2);
    await cache.read(route("categories"), "c", "/c", async () => tree(2));
    expect(cache.at("/c")).toBeUndefined();
    await cache.read(route("categories"), "c", "/c", async () => tree(3));
    expect(cache.at("/c")).toBeDefined();
  });

  test("answers with what it had while the shop cannot be asked, for a time, and says so", async () => {
    const cache = open();
    const away = () => Promise.reject(outage);
    await cache.read(route("product"), "k", "/p", async () => product(1));
    clock.advance(31_000);
    expect(await cache.read(route("product"), "k", "/p", away)).toMatchObject({ stale: true, ageSeconds: 31 });
    await expect(cache.read(route("product"), "other", "/o", away)).rejects.toBe(outage);
    clock.advance(600_000);
    await expect(cache.read(route("product"), "k", "/p", away)).rejects.toBe(outage);
  });

  test("never answers with what was withdrawn: a change or a refusal ends it, also while the shop cannot be asked", async () => {
    const cache = open();
    const gone = new Error("PRODUCT_NOT_FOUND");
    await cache.read(route("product"), "k", "/p", async () => product(1));
    clock.advance(31_000);
    await expect(cache.read(route("product"), "k", "/p", () => Promise.reject(gone))).rejects.toBe(gone);
    await expect(cache.read(route("product"), "k", "/p", () => Promise.reject(outage))).rejects.toBe(outage);
    await cache.read(route("product"), "k", "/p", async () => product(2));
    cache.changed([product(3)]);
    await expect(cache.read(route("product"), "k", "/p", () => Promise.reject(outage))).rejects.toBe(outage);
  });

  test("stays within its room and keeps what was asked for last", async () => {
    const cache = open({ maxBytes: 100_000 });
    const big = (n: number) => ({ ...product(1, `p${n}`), text: "x".repeat(2_000) });
    for (let n = 0; n < 100; n++) await cache.read(route("product"), `k${n}`, `/${n}`, async () => big(n));
    expect(cache.size).toBeLessThan(20);
    expect(cache.at("/99")).toBeDefined();
    expect(cache.at("/0")).toBeUndefined();
    await cache.read(route("product"), "huge", "/huge", async () => ({ ...product(1, "h"), text: "x".repeat(50_000) }));
    expect(cache.at("/huge")).toBeUndefined();
  });

  test("compresses once, and a client gets the same content", async () => {
    const { answer } = await open().read(route("product"), "k", "/p", async () => ({ ...product(1), text: "x".repeat(3_000) }));
    expect(answer.ready("br")).toBeUndefined();
    const [one, two] = await Promise.all([answer.in("br"), answer.in("br")]);
    expect(one).toBe(two);
    expect(answer.ready("br")).toBe(one);
  });

  test("shows the newest version once every message has arrived, whatever overtakes what", async () => {
    type Step = "write" | "tell" | "read" | "arrive";
    const steps = fc.array(fc.constantFrom<Step>("write", "tell", "read", "arrive"), { maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (play) => {
        const cache = open();
        let version = 1;
        const untold: number[] = [];
        const reads: (() => void)[] = [];
        const read = (): void => {
          const { promise, resolve } = pending<object>();
          const seen = product(version);
          void cache.read(route("product"), "k", "/p", () => {
            reads.push(() => resolve(seen));
            return promise;
          });
        };
        for (const step of play) {
          if (step === "write") untold.push(++version);
          else if (step === "tell" && untold.length > 0) cache.changed([product(untold.shift() as number)]);
          else if (step === "read") read();
          else if (step === "arrive") reads.shift()?.();
          await Promise.resolve();
        }
        for (const told of untold) cache.changed([product(told)]);
        for (const arrive of reads) arrive();
        await new Promise((resolve) => setImmediate(resolve));
        const served = await cache.read(route("product"), "k", "/p", async () => product(version));
        expect(served.answer.products).toEqual([product(version)]);
      }),
      { numRuns: 200 },
    );
  });
});
