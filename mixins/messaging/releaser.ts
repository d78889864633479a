import type { Backoff } from "../lib/backoff.ts";
import { delayMs } from "../lib/backoff.ts";
import { DEFAULT_BACKOFF, DEFAULT_MAX_ATTEMPTS, failureOf } from "./consumer.ts";
import type { Envelope } from "./envelope.ts";
import type { Inbox, Outcome } from "./inbox.ts";
import { Poller } from "./poller.ts";
import { verdictOn } from "./verdict.ts";

export interface ReleaserOptions {
  inbox: Pick<Inbox<unknown>, "releasable" | "fail" | "bury">;
  /** Runs a parked event's handler inside the inbox; does nothing when its turn has not come or another broker has had it. */
  release(envelope: Envelope): Promise<Outcome>;
  /** Of each event that the service handles. */
  options: ReadonlyMap<string, { maxAttempts?: number; backoff?: Backoff }>;
  onError(error: unknown): void;
  log: { warn(message: string, detail: object): void; error(message: string, detail: object): void };
}

/** Events of different aggregates that are released at the same time. */
const BATCH = 16;
/** A dead letter may have been settled on another broker. The look is by an index that is empty while nothing is parked. */
const MAX_SLEEP_MS = 1_000;

/** Runs parked events when the dead letters of their aggregates are settled: of each aggregate one after the other, in the
 *  order of their arrival. One that fails is tried again like any other; when it becomes a dead letter itself, the later ones go
 *  on waiting. Nothing is kept here that a restart could lose. */
export class Releaser {
  readonly #options: ReleaserOptions;
  readonly #poller: Poller;
  /** Event id -> when it may be tried again, `performance.now()`. */
  readonly #notBefore = new Map<string, number>();

  constructor(options: ReleaserOptions) {
    this.#options = options;
    this.#poller = new Poller({ round: () => this.#round(), maxSleepMs: MAX_SLEEP_MS, onError: options.onError });
  }

  start(): void {
    this.#poller.start();
  }
  wake(): void {
    this.#poller.wake();
  }
  stop(): Promise<void> {
    return this.#poller.stop();
  }

  async #round(): Promise<"more" | number> {
    const now = performance.now();
    // Those that wait for their next attempt must not keep others out of the batch.
    const candidates = await this.#options.inbox.releasable(BATCH + this.#notBefore.size);
    const ids = new Set(candidates.map(({ id }) => id));
    for (const id of this.#notBefore.keys()) if (!ids.has(id)) this.#notBefore.delete(id);
    const due = candidates.filter(({ id }) => (this.#notBefore.get(id) ?? 0) <= now).slice(0, BATCH);
    const outcomes = await Promise.allSettled(due.map((envelope) => this.#release(envelope)));
    const outage = outcomes.find((outcome) => outcome.status === "rejected");
    if (outage !== undefined) throw outage.reason;
    if (outcomes.some((outcome) => outcome.status === "fulfilled" && outcome.value)) return "more";
    return Math.max(1, Math.min(MAX_SLEEP_MS, ...[...this.#notBefore.values()].map((at) => at - now)));
  }

  /** Answers whether anything has changed: another broker may be at it. Rejects on an outage only. */
  async #release(envelope: Envelope): Promise<boolean> {
    const { inbox, release, options, log } = this.#options;
    try {
      return (await release(envelope)) === "processed";
    } catch (error) {
      const verdict = verdictOn(error);
      if (verdict === "outage") throw error;
      const failure = failureOf(error);
      const { maxAttempts = DEFAULT_MAX_ATTEMPTS, backoff = DEFAULT_BACKOFF } = options.get(envelope.type) ?? {};
      const attempts = await inbox.fail(envelope, failure);
      if (verdict === "refused" || attempts >= maxAttempts) {
        await inbox.bury(envelope, failure);
        log.error("Parked event is a dead letter now", { eventId: envelope.id, event: envelope.type, ...failure });
        return true;
      }
      const delay = delayMs(backoff, attempts);
      this.#notBefore.set(envelope.id, performance.now() + delay);
      log.warn("Parked event failed, will be retried", { eventId: envelope.id, attempts, retryInMs: delay, ...failure });
      return true;
    }
  }
}
