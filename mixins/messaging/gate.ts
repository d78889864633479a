import { type Backoff, delayMs } from "../lib/backoff.ts";

const PROBE_BACKOFF: Backoff = { firstMs: 100, maxMs: 2_000, factor: 2 };

/** Lets deliveries through while the infrastructure works. After an outage it is shut: nobody passes until a delay is over;
 *  then one passes as a probe, and its outcome opens the gate for all or shuts it for longer. */
export class Gate {
  readonly #waiting = new Set<() => void>();
  #failures = 0;
  #probing = false;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  get isShut(): boolean {
    return this.#failures > 0;
  }

  /** Answers false when the gate has ended, so that the caller gives its delivery back. */
  async pass(): Promise<boolean> {
    while (this.isShut && !this.#ended) {
      if (!this.#probing && this.#timer === undefined) {
        this.#probing = true;
        return true;
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    return !this.#ended;
  }

  succeeded(): void {
    if (!this.isShut) return;
    this.#failures = 0;
    this.#probing = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#release();
  }

  failed(): void {
    // Those that were under way when it was shut fail too: that is one outage, not many.
    if (this.isShut && !this.#probing) return;
    this.#probing = false;
    this.#failures += 1;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#release();
      },
      delayMs(PROBE_BACKOFF, this.#failures),
    );
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#release();
  }

  #release(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
