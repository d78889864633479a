import type { Desk } from "./route.ts";

/** Of what is left of the request's time: the answer without the part must still reach a client in a hurry. */
const SHARE_OF_REMAINING = 0.8;

/** The parts of one answer that could not be had. */
export class Degraded {
  readonly #log: { reportPart(part: string, error: unknown): void };
  readonly #names = new Set<string>();
  constructor(log: { reportPart(part: string, error: unknown): void }) {
    this.#log = log;
  }

  add(name: string, error: unknown): void {
    this.#names.add(name);
    this.#log.reportPart(name, error);
  }

  /** In the order of `parts`. */
  among<const P extends string>(parts: readonly P[]): P[] {
    return parts.filter((name) => this.#names.has(name));
  }
}

/** A part of an answer that can do without it: null, and named in `degraded`, when it fails or is late. The mesh is told how long
 *  it is waited for, and does not work on it for longer.
 *  @param deadlineMs repeats included */
export const part = async <T>(
  name: string,
  deadlineMs: number,
  desk: Pick<Desk, "remainingMs">,
  degraded: Degraded,
  ask: (limit: { timeoutMs: number }) => Promise<T>,
): Promise<T | null> => {
  const timeoutMs = Math.max(1, Math.min(deadlineMs, desk.remainingMs() * SHARE_OF_REMAINING));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not there within ${Math.round(timeoutMs)} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([ask({ timeoutMs }), late]);
  } catch (error) {
    degraded.add(name, error);
    return null;
  } finally {
    clearTimeout(timer);
  }
};
