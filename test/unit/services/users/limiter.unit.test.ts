import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Limiter } from "../../../../services/users/limiter.ts";

const refusal = () => new Error("full");

/** A task that ends when the test says so. */
const task = () => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const state = { begun: false };
  const run = () => {
    state.begun = true;
    return promise;
  };
  return { state, run, resolve, reject };
};

describe("A limiter", () => {
  test("never runs more tasks at once than it may, and runs all of them in order of arrival", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ fails: fc.boolean(), turns: fc.nat(5) }), { maxLength: 20 }),
        async (concurrency, plans) => {
          const limiter = new Limiter({ concurrency, maxWaiting: 100, maxWaitMs: 1_000, refusal });
          const begun: number[] = [];
          let running = 0;
          let most = 0;
          const ends = await Promise.allSettled(
            plans.map(({ fails, turns }, index) =>
              limiter.run(async () => {
                begun.push(index);
                most = Math.max(most, ++running);
                for (let turn = 0; turn < turns; turn++) await Promise.resolve();
                running -= 1;
                if (fails) throw new Error("failed");
              }),
            ),
          );
          expect(most).toBeLessThanOrEqual(concurrency);
          expect(begun).toEqual(plans.map((_, index) => index));
          expect(ends.map(({ status }) => status)).toEqual(plans.map(({ fails }) => (fails ? "rejected" : "fulfilled")));
        },
      ),
    );
  });

  test("refuses a task when the queue is full, and takes it when there is room again", async () => {
    const limiter = new Limiter({ concurrency: 1, maxWaiting: 1, maxWaitMs: 1_000, refusal });
    const [first, second, third] = [task(), task(), task()];
    const running = limiter.run(first.run);
    const waiting = limiter.run(second.run);
    await expect(limiter.run(third.run)).rejects.toThrow("full");
    expect([first.state.begun, second.state.begun, third.state.begun]).toEqual([true, false, false]);

    first.resolve("one");
    expect(await running).toBe("one");
    const retried = limiter.run(third.run);
    second.resolve("two");
    third.resolve("three");
    expect(await Promise.all([waiting, retried])).toEqual(["two", "three"]);
  });

  test("passes the place on when a task fails", async () => {
    const limiter = new Limiter({ concurrency: 1, maxWaiting: 1, maxWaitMs: 1_000, refusal });
    const [first, second] = [task(), task()];
    const ends = Promise.allSettled([limiter.run(first.run), limiter.run(second.run)]);
    first.reject(new Error("failed"));
    second.resolve("two");
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });

  test("refuses a task that does not get its turn in time, and never runs it", async () => {
    const limiter = new Limiter({ concurrency: 1, maxWaiting: 2, maxWaitMs: 5, refusal });
    const [first, late, last] = [task(), task(), task()];
    const running = limiter.run(first.run);
    await expect(limiter.run(late.run)).rejects.toThrow("full");

    first.resolve("one");
    last.resolve("last");
    expect(await running).toBe("one");
    expect(await limiter.run(last.run)).toBe("last");
    expect(late.state.begun).toBe(false);
  });
});
