import { DeadlineExceeded } from "./errors.ts";

/** The end of the time that somebody waits for an answer, by this process's monotonic clock. */
export class Deadline {
  /** As `performance.now()`; never compared with another process's. */
  readonly at: number;
  #signal: AbortSignal | undefined;

  constructor(at: number) {
    this.at = at;
  }

  static in(ms: number): Deadline {
    return new Deadline(performance.now() + ms);
  }

  /** Milliseconds; negative once it has passed. */
  get remainingMs(): number {
    return this.at - performance.now();
  }

  get passed(): boolean {
    return this.remainingMs <= 0;
  }

  /** Before a step that is not to be begun for nobody. Throws DeadlineExceeded. */
  check(what: string): void {
    if (this.passed) throw new DeadlineExceeded(what);
  }

  /** For reads that can be broken off; its reason is DeadlineExceeded. Made at the first use: it is a timer. */
  get signal(): AbortSignal {
    if (this.#signal === undefined) {
      const controller = new AbortController();
      const abort = (): void => controller.abort(new DeadlineExceeded("an answer"));
      setTimeout(abort, Math.max(0, Math.ceil(this.remainingMs))).unref();
      this.#signal = controller.signal;
    }
    return this.#signal;
  }
}
