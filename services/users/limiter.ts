export interface LimiterOptions {
  /** Tasks under way at the same time. */
  concurrency: number;
  /** Tasks that wait for their turn, in order of arrival. */
  maxWaiting: number;
  /** How long a task waits for its turn at most. */
  maxWaitMs: number;
  /** Makes the error for a task that finds the queue full or does not get its turn in time. */
  refusal(): Error;
}

/** Bounds what costs much memory or many cores at once. */
export class Limiter {
  readonly #options: LimiterOptions;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(options: LimiterOptions) {
    this.#options = options;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.#options.concurrency) this.#running += 1;
    else await this.#turn();
    try {
      return await task();
    } finally {
      const [next] = this.#waiting;
      // The place is handed over, not given back: nobody who comes now can take it from the next in the queue.
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  #turn(): Promise<void> {
    const { maxWaiting, maxWaitMs, refusal } = this.#options;
    if (this.#waiting.size >= maxWaiting) throw refusal();
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(go);
        clearTimeout(timer);
      };
      const go = (): void => {
        leave();
        resolve();
      };
      const timer = setTimeout(() => {
        leave();
        reject(refusal());
      }, maxWaitMs);
      this.#waiting.add(go);
    });
  }
}
