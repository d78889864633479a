import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  /** The deadline. A try that hangs counts too. */
  withinMs?: number;
  everyMs?: number;
  /** What is waited for, for the message of a failure. */
  describe?: string;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const NO_ANSWER = Symbol("no answer");

/** Repeats `fn` until it returns without throwing, and returns its value. Waits for a fact instead of for a time. At the
 *  deadline it throws an error that says what the last try said. */
export const eventually = async <T>(
  fn: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 20, describe = "it to hold" }: WaitOptions = {},
): Promise<T> => {
  const deadline = performance.now() + withinMs;
  let lastError: unknown = new Error("the first try did not finish");
  for (;;) {
    const leftMs = deadline - performance.now();
    const timer = new AbortController();
    try {
      const outcome = await Promise.race([
        (async () => fn())(),
        sleep(Math.max(0, leftMs), NO_ANSWER, { signal: timer.signal }) as Promise<typeof NO_ANSWER>,
      ]);
      if (outcome !== NO_ANSWER) return outcome;
    } catch (error) {
      lastError = error;
    } finally {
      timer.abort();
    }
    if (performance.now() + everyMs >= deadline)
      throw new Error(`Waited ${withinMs} ms for ${describe}; the last try: ${messageOf(lastError)}`, { cause: lastError });
    await sleep(everyMs);
  }
};

/** Waits until `predicate` is true. */
export const waitFor = (predicate: () => boolean | Promise<boolean>, options: WaitOptions = {}): Promise<void> =>
  eventually(async () => {
    if (!(await predicate())) throw new Error("not yet");
  }, options);
