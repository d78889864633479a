import { setTimeout as sleep } from "node:timers/promises";
import type { Channel } from "@molecart/mixins/contracts/notifications.ts";
import { delayMs } from "@molecart/mixins/lib/backoff.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { Poller } from "@molecart/mixins/messaging/poller.ts";
import type { ChannelAdapter } from "./channels/channel.ts";
import type { NotificationDocument } from "./notification.document.ts";
import { type AfterFailure, afterFailure } from "./notification.ts";

/** The queue as a sender needs it. Several senders may share one. */
export interface Queue {
  /** Claims up to `limit` due notifications: until `leaseEndsAt` nobody else gets them. Answers them as they are now. */
  claim(now: number, leaseEndsAt: number, limit: number): Promise<NotificationDocument[]>;
  setSent(notification: NotificationDocument, now: number): Promise<void>;
  /** Has no effect if somebody else has claimed it since. */
  setFailure(notification: NotificationDocument, next: AfterFailure, error: string): Promise<void>;
}

export interface SenderOptions {
  queue: Queue;
  clock: Clock;
  channels: Record<Channel, ChannelAdapter>;
  /** The message with what is not stored of it; rejects with `Pointless` when there is nothing to be sent any more. */
  complete?(notification: NotificationDocument): Promise<NotificationDocument>;
  /** Notifications in hand at the same time. */
  concurrency: number;
  sendDeadlineMs: number;
  giveUpAfterMs: number;
  log: { warn(message: string, detail: object): void; error(message: string, detail: object): void };
}

/** A message that helps nobody any more, such as one with a link that has expired. */
export class Pointless extends Error {}

/** What a sender may need beyond the deadline of its channel to note the outcome. */
const LEASE_MARGIN_MS = 30_000;
/** Some ten tries within that time. */
const NOTE_BACKOFF = { firstMs: 250, maxMs: 4_000, factor: 2 };
/** Another broker may have stored a notification, or died with one in hand. */
const MAX_SLEEP_MS = 1_000;
/** At the end, messages in hand get this long; a shutdown has 15 seconds in all. */
const STOP_GRACE_MS = 4_000;

/** Sends what is queued. A claim counts the attempt and moves the due time to the end of a lease, so a notification whose
 *  sender dies comes up again:
 *
 *    queued  --claim-->  in hand  --handed over-->             sent
 *                                 --failed, time left-->       queued, due after a backoff
 *                                 --failed, time is over-->    failed
 *                                 --sender died, lease ends--> queued
 *
 *  Between the hand-over and `sent` a sender may die; the repeat then carries the same Message-ID. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #poller: Poller;
  readonly #inHand = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#poller = new Poller({
      round: () => this.#round(),
      maxSleepMs: MAX_SLEEP_MS,
      onError: (error) => options.log.warn("The queue of notifications is out of reach", { code: faultCode(error) }),
    });
  }

  start(): void {
    this.#poller.start();
  }

  /** There is something to send. */
  wake(): void {
    this.#poller.wake();
  }

  /** Ends what is in hand, or gives it back to the queue, and closes the channels. */
  async stop(): Promise<void> {
    await this.#poller.stop();
    const grace = setTimeout(() => this.#stopping.abort(new Error("The sender stops")), STOP_GRACE_MS);
    await Promise.all(this.#inHand);
    clearTimeout(grace);
    for (const channel of Object.values(this.#options.channels)) channel.close();
  }

  async #round(): Promise<"more" | number> {
    const { queue, clock, concurrency, sendDeadlineMs } = this.#options;
    const free = concurrency - this.#inHand.size;
    if (free <= 0) return MAX_SLEEP_MS;
    const now = clock.now();
    for (const notification of await queue.claim(now, now + sendDeadlineMs + LEASE_MARGIN_MS, free)) {
      const work = this.#send(notification).finally(() => {
        this.#inHand.delete(work);
        this.#poller.wake();
      });
      this.#inHand.add(work);
    }
    return MAX_SLEEP_MS;
  }

  /** Never rejects: what cannot be noted comes up again at the end of the lease. */
  async #send(notification: NotificationDocument): Promise<void> {
    const { queue, clock } = this.#options;
    const failure = await this.#attempt(notification);
    const endedAt = clock.now();
    await this.#untilNoted(notification, () =>
      failure === undefined ? queue.setSent(notification, endedAt) : this.#noteFailure(notification, failure.error),
    );
  }

  /** A store that is away for a moment must not make a message that was handed over go out again: tries while the lease holds. */
  async #untilNoted({ _id, nextAttemptAt: leaseEndsAt }: NotificationDocument, note: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        await note();
        return;
      } catch (error) {
        const delay = delayMs(NOTE_BACKOFF, tries);
        if (this.#stopping.signal.aborted || clock.now() + delay >= leaseEndsAt) {
          log.warn("The outcome of a notification could not be noted", { notificationId: _id, code: faultCode(error) });
          return;
        }
        await sleep(delay, undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }

  async #attempt(notification: NotificationDocument): Promise<{ error: unknown } | undefined> {
    const { channels, complete, sendDeadlineMs } = this.#options;
    try {
      await withDeadline(sendDeadlineMs, this.#stopping.signal, async (signal) => {
        const message = complete === undefined ? notification : await complete(notification);
        await channels[notification.channel].deliver(message, signal);
      });
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  async #noteFailure(notification: NotificationDocument, error: unknown): Promise<void> {
    const { queue, clock, giveUpAfterMs, log } = this.#options;
    const isPointless = error instanceof Pointless;
    const next = isPointless ? { status: "suppressed" as const } : afterFailure(notification, clock.now(), giveUpAfterMs);
    await queue.setFailure(notification, next, messageOf(error));
    // The error's text may hold the address, so the log has its code alone.
    const detail = {
      notificationId: notification._id,
      template: notification.template,
      attempts: notification.attempts,
      code: faultCode(error),
    };
    if (isPointless) log.warn("Notification has become pointless", detail);
    else if (next.status === "failed") log.error("Notification is given up", detail);
    else log.warn("Notification was not sent, will be retried", detail);
  }
}

/** The mail server's answer, the system's or the mailer's code. */
const faultCode = (error: unknown): string => {
  const { responseCode, code, name } = (error ?? {}) as { responseCode?: unknown; code?: unknown; name?: unknown };
  return String(responseCode ?? code ?? name ?? "UNKNOWN");
};

/** Runs until the deadline or until `other` aborts, and not longer even if `run` does not heed its signal. */
const withDeadline = async <T>(ms: number, other: AbortSignal, run: (signal: AbortSignal) => Promise<T>): Promise<T> => {
  const controller = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    controller.signal.addEventListener("abort", () => reject(controller.signal.reason), { once: true });
  });
  const timer = setTimeout(() => controller.abort(new Error(`No answer within ${ms} ms`)), ms);
  const follow = () => controller.abort(other.reason);
  other.addEventListener("abort", follow, { once: true });
  if (other.aborted) follow();
  try {
    return await Promise.race([run(controller.signal), aborted]);
  } finally {
    clearTimeout(timer);
    other.removeEventListener("abort", follow);
  }
};
