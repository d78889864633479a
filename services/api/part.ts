/** A page that is put together must not wait for its slowest part as long as for the only one. Repeats are in it. */
export const PART_DEADLINE_MS = 2_000;

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

/** A part of an answer that can do without it: null, and named in `degraded`, when it fails or is late. */
export const part = async <T>(
  name: string,
  work: Promise<T>,
  degraded: Degraded,
  deadlineMs = PART_DEADLINE_MS,
): Promise<T | null> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Not there within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    return await Promise.race([work, late]);
  } catch (error) {
    degraded.add(name, error);
    return null;
  } finally {
    clearTimeout(timer);
  }
};
