import { describe, expect, test } from "@jest/globals";
import { delayMs } from "@molecart/mixins/lib/backoff.ts";
import fc from "fast-check";

const backoff = { firstMs: 100, maxMs: 10_000, factor: 2 };

describe("A backoff", () => {
  test("doubles up to its limit, half of it fixed and half by chance", () => {
    const bounds = (attempt: number) => [delayMs(backoff, attempt, () => 0), delayMs(backoff, attempt, () => 1)];
    expect([1, 2, 3, 20].map(bounds)).toEqual([
      [50, 100],
      [100, 200],
      [200, 400],
      [5_000, 10_000],
    ]);
  });
  test("is always whole milliseconds, as JetStream takes a fraction for at once", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 500 }), (attempt) => Number.isInteger(delayMs(backoff, attempt))));
  });
});
