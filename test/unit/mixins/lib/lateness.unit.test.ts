import { describe, expect, test } from "@jest/globals";
import { Lateness } from "@molecart/mixins/lib/lateness.ts";
import fc from "fast-check";

describe("the lateness of a message", () => {
  test("is what it took longer than the fastest of its sender, whatever the clocks say", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }),
        fc.array(fc.integer({ min: 0, max: 10_000 }), { minLength: 1, maxLength: 50 }),
        (clockDifference, ways) => {
          const lateness = new Lateness();
          let fastest = Number.POSITIVE_INFINITY;
          ways.forEach((way, index) => {
            const sentAt = index * 1_000;
            fastest = Math.min(fastest, way);
            expect(lateness.of("a", sentAt, sentAt + clockDifference + way)).toBe(way - fastest);
          });
        },
      ),
    );
  });

  test("is nothing for the first message of a run, and each run has a clock of its own", () => {
    const lateness = new Lateness();
    expect(lateness.of("a", 1_000, 500)).toBe(0);
    expect(lateness.of("a restarted", 0, 100_000)).toBe(0);
    expect(lateness.of("a", 2_000, 1_800)).toBe(300);
  });

  test("forgets the fastest way after a while: clocks drift", () => {
    const lateness = new Lateness();
    expect(lateness.of("a", 0, 0)).toBe(0);
    // 100 ms late in the first ten minutes and in the next; afterwards it is the way as it is.
    expect(lateness.of("a", 300_000, 300_100)).toBe(100);
    expect(lateness.of("a", 700_000, 700_100)).toBe(100);
    expect(lateness.of("a", 1_400_000, 1_400_100)).toBe(0);
  });

  test("of a great number of senders is known for the last ones only", () => {
    const lateness = new Lateness();
    lateness.of("first", 0, 0);
    for (let n = 0; n < 1_000; n++) lateness.of(`sender ${n}`, 0, 0);
    expect(lateness.of("first", 0, 500)).toBe(0);
    expect(lateness.of("sender 999", 0, 500)).toBe(500);
  });
});
