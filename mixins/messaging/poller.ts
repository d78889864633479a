import { type Backoff, delayMs } from "../lib/backoff.ts";

export interface PollerOptions {
  /** One round. Answers whether there is more to do at once, or the milliseconds until it should look again. */
  round(): Promise<"more" | number>;
  /** Longest sleep between two rounds: another broker may have left work that nobody wakes us for. */
  maxSleepMs: number;
  onError(error: unknown): void;
}

const ERROR_BACKOFF: Backoff = { firstMs: 50, maxMs: 2_000, factor: 2 };

/** Runs rounds one after the other: at once when woken or when there is more, else after a sleep; after an error with
 *  exponential backoff. `stop` lets the present round end. */
export class Poller {
  readonly #options: PollerOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #woken = false;
  #stopped = true;
  #failures = 0;
  /** When the timer goes off, `performance.now()`; during a round, when something has asked for a look meanwhile. */
  #wakeAt = Number.POSITIVE_INFINITY;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stopped = false;
    this.wake();
  }

  wake(): void {
    if (this.#stopped) return;
    this.#woken = true;
    if (this.#running !== undefined) return;
    clearTimeout(this.#timer);
    this.#wakeAt = Number.POSITIVE_INFINITY;
    this.#running = this.#runRounds().then((sleepMs) => {
      this.#running = undefined;
      if (this.#woken) this.wake();
      else this.#sleepUntil(Math.min(this.#wakeAt, performance.now() + sleepMs));
    });
  }

  /** Wakes after a while at the latest. */
  wakeIn(ms: number): void {
    const at = performance.now() + ms;
    if (this.#stopped || at >= this.#wakeAt) return;
    if (this.#running === undefined) this.#sleepUntil(at);
    else this.#wakeAt = at;
  }

  #sleepUntil(at: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#wakeAt = at;
    this.#timer = setTimeout(() => this.wake(), Math.max(0, at - performance.now()));
  }

  async #runRounds(): Promise<number> {
    let sleepMs = this.#options.maxSleepMs;
    while (this.#woken && !this.#stopped) {
      this.#woken = false;
      try {
        const outcome = await this.#options.round();
        this.#failures = 0;
        if (outcome === "more") this.#woken = true;
        else sleepMs = outcome;
      } catch (error) {
        this.#failures += 1;
        this.#options.onError(error);
        // A wake during an outage must not turn the backoff into a busy loop.
        this.#woken = false;
        sleepMs = delayMs(ERROR_BACKOFF, this.#failures);
      }
    }
    return sleepMs;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
    clearTimeout(this.#timer);
  }
}
