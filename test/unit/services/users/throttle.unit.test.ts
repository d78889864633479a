import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  accountSubject,
  afterTry,
  secondsLocked,
  type Throttle,
  type ThrottleRules,
  UNTRIED,
  withoutTry,
} from "../../../../services/users/throttle.ts";

const rules: ThrottleRules = { allowedTries: 3, firstLockMs: 30_000, maxLockMs: 900_000, forgetAfterMs: 3_600_000 };
const NOW = 1_800_000_000_000;

/** Tries one after the other, each as soon as it may be. */
const tried = (times: number, from: Throttle = UNTRIED, at = NOW): { state: Throttle; now: number } => {
  let state = from;
  let now = at;
  for (let n = 0; n < times; n++) {
    now = Math.max(now, state.lockedUntil);
    state = afterTry(state, now, rules);
  }
  return { state, now };
};

describe("Tries of a password", () => {
  test.each([
    [1, 0],
    [2, 0],
    [3, 30],
    [4, 60],
    [5, 120],
    [6, 240],
    [7, 480],
    [8, 900],
    [9, 900],
    [500, 900],
  ])("after %i of them the next one waits %i seconds", (times, seconds) => {
    const { state, now } = tried(times);
    expect(secondsLocked(state, now)).toBe(seconds);
  });

  test("are forgotten when nobody has tried for an hour, and not before", () => {
    const { state, now } = tried(5);
    expect(afterTry(state, now + 3_600_001, rules)).toEqual({ tries: 1, lockedUntil: 0, lastAt: now + 3_600_001 });
    expect(afterTry(state, now + 3_600_000, rules).tries).toBe(6);
  });

  test("that nobody has looked at do not count, and lock nobody out", () => {
    const { state, now } = tried(3);
    expect(withoutTry(state)).toEqual({ tries: 2, lockedUntil: 0, lastAt: now });
    expect(withoutTry(UNTRIED).tries).toBe(0);
  });

  test("of whatever number and pace never lock for longer than the longest lock, nor for no whole second", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 4_000_000 }), { maxLength: 200 }), (pauses) => {
        let state = UNTRIED;
        let now = NOW;
        for (const pause of pauses) {
          now = Math.max(now + pause, state.lockedUntil);
          state = afterTry(state, now, rules);
          const seconds = secondsLocked(state, now);
          expect(Number.isInteger(seconds)).toBe(true);
          expect(seconds).toBeLessThanOrEqual(900);
          expect(seconds > 0).toBe(state.lockedUntil > now);
        }
      }),
    );
  });

  test("are kept under a name that does not tell whose they are", () => {
    expect(accountSubject("ada@example.org")).toMatch(/^account:[0-9a-f]{64}$/);
    expect(accountSubject("ada@example.org")).not.toBe(accountSubject("bob@example.org"));
  });
});
