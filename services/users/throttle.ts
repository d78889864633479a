import { createHash } from "node:crypto";

export interface ThrottleRules {
  /** The last of them locks. */
  allowedTries: number;
  firstLockMs: number;
  maxLockMs: number;
  /** After so long without a try all of them are forgotten. Longer than the longest lock. */
  forgetAfterMs: number;
}

/** The tries of one subject. Times are milliseconds since the epoch. */
export interface Throttle {
  tries: number;
  /** 0: not locked. */
  lockedUntil: number;
  lastAt: number;
}

export const UNTRIED: Throttle = { tries: 0, lockedUntil: 0, lastAt: 0 };

/** By the address alone, whether or not there is such an account. A hash: people also type what is not theirs to store. */
export const accountSubject = (normalisedEmail: string): string =>
  `account:${createHash("sha256").update(normalisedEmail).digest("hex")}`;

export const addressSubject = (address: string): string => `address:${address}`;

/** Whole seconds until the next try; 0 when it may be now. */
export const secondsLocked = ({ lockedUntil }: Throttle, now: number): number =>
  lockedUntil <= now ? 0 : Math.ceil((lockedUntil - now) / 1000);

const lockMs = (tries: number, { allowedTries, firstLockMs, maxLockMs }: ThrottleRules): number =>
  // 2 ** 30 is far beyond any lock, and no number is lost.
  tries < allowedTries ? 0 : Math.min(maxLockMs, firstLockMs * 2 ** Math.min(tries - allowedTries, 30));

/** One more try, which was not locked out. */
export const afterTry = (before: Throttle, now: number, rules: ThrottleRules): Throttle => {
  const tries = now - before.lastAt > rules.forgetAfterMs ? 1 : before.tries + 1;
  const lock = lockMs(tries, rules);
  return { tries, lockedUntil: lock === 0 ? 0 : now + lock, lastAt: now };
};

/** As if the last try had not been made: nobody has looked at its password. */
export const withoutTry = (state: Throttle): Throttle => ({ ...state, tries: Math.max(0, state.tries - 1), lockedUntil: 0 });
