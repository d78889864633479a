import type { EventName } from "../contracts/index.ts";
import { faults } from "../faults.ts";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import { codeOf, messageOf } from "../lib/errors.ts";
import type { Envelope } from "./envelope.ts";
import { type Delivery, type EventBus, LEASE_MS, type Subscription } from "./event-bus.ts";
import { Gate } from "./gate.ts";
import type { Failure, Inbox, Outcome } from "./inbox.ts";
import { verdictOn } from "./verdict.ts";

export interface ConsumerOptions {
  service: string;
  event: EventName;
  bus: EventBus;
  inbox: Pick<Inbox<unknown>, "fail" | "bury">;
  /** Processes the event exactly once in effect: the inbox's `process` around the service's handler. */
  handle(envelope: Envelope): Promise<Outcome>;
  concurrency?: number;
  maxAttempts?: number;
  backoff?: Backoff;
  log: { warn(message: string, detail: object): void; error(message: string, detail: object): void };
}

const DEFAULT_CONCURRENCY = 16;
/** With the backoff below, about a minute from the first attempt to the dead letter. */
export const DEFAULT_MAX_ATTEMPTS = 9;
export const DEFAULT_BACKOFF: Backoff = { firstMs: 200, maxMs: 20_000, factor: 2 };

/** Works off one consumer's deliveries. Each ends in one of these ways:
 *
 *    processed or duplicate      -> ack
 *    parked                      -> stored behind a dead letter of its aggregate, then ack
 *    failed, attempts left       -> noted in the inbox, retry after a backoff
 *    refused, or no attempt left -> a dead letter, committed, then ack
 *
 *  An outage of the infrastructure is none of these: the delivery stays in hand, the gate shuts, and one probe at a time finds
 *  out when the infrastructure is back. */
export class EventConsumer {
  readonly #options: ConsumerOptions;
  readonly #gate = new Gate();
  #subscription: Subscription | undefined;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { bus, service, event, concurrency = DEFAULT_CONCURRENCY, backoff = DEFAULT_BACKOFF } = this.#options;
    const take = (delivery: Delivery): Promise<void> => this.#take(delivery);
    this.#subscription = await bus.subscribe({
      service,
      event,
      concurrency,
      maxRetryMs: backoff.maxMs,
      onDelivery: faults.disturb?.(take) ?? take,
    });
  }

  async stop(): Promise<void> {
    this.#gate.end();
    await this.#subscription?.stop();
  }

  get isPaused(): boolean {
    return this.#gate.isShut;
  }

  async #take(delivery: Delivery): Promise<void> {
    const lease = setInterval(() => delivery.extend(), LEASE_MS / 3);
    try {
      while (await this.#gate.pass()) {
        try {
          faults.crashPoint?.("delivery.taken");
          const end = await this.#settle(delivery);
          this.#gate.succeeded();
          faults.crashPoint?.("delivery.before-ack");
          end();
          faults.crashPoint?.("delivery.acked");
          return;
        } catch (error) {
          // Only outages come here: of the handler's stores and callees, or of the inbox while it notes a failure.
          if (!this.#gate.isShut)
            this.#options.log.warn("Consumer paused: the infrastructure fails", this.#describe(delivery, error));
          this.#gate.failed();
        }
      }
      delivery.retry(0);
    } finally {
      clearInterval(lease);
    }
  }

  /** Answers how to end the delivery; throws on an outage. */
  async #settle(delivery: Delivery): Promise<() => void> {
    const ack = () => delivery.ack();
    const { message } = delivery;
    const { event, log } = this.#options;
    if ("malformed" in message) {
      await this.#bury(unreadable(message, event), {
        code: "MALFORMED_EVENT",
        message: "The message is not an event",
      });
      return ack;
    }
    try {
      const outcome = await this.#options.handle(message);
      if (outcome === "parked")
        log.warn("Event waits for a dead letter of its aggregate", {
          eventId: message.id,
          event,
          aggregateId: message.aggregateId,
        });
      return ack;
    } catch (error) {
      const verdict = verdictOn(error);
      if (verdict === "outage") throw error;
      const failure = failureOf(error);
      if (verdict === "refused") {
        await this.#bury(message, failure);
        return ack;
      }
      return this.#noteFailure(message, failure, delivery);
    }
  }

  async #noteFailure(envelope: Envelope, failure: Failure, delivery: Delivery): Promise<() => void> {
    const { inbox, maxAttempts = DEFAULT_MAX_ATTEMPTS, backoff = DEFAULT_BACKOFF, log } = this.#options;
    const attempts = await inbox.fail(envelope, failure);
    if (attempts >= maxAttempts) {
      await this.#bury(envelope, failure);
      return () => delivery.ack();
    }
    const delay = delayMs(backoff, attempts);
    log.warn("Event failed, will be retried", { ...this.#describe(delivery, failure), attempts, retryInMs: delay });
    return () => delivery.retry(delay);
  }

  async #bury(envelope: Envelope, failure: Failure): Promise<void> {
    await this.#options.inbox.bury(envelope, failure);
    this.#options.log.error("Event is a dead letter now", { eventId: envelope.id, event: envelope.type, ...failure });
  }

  #describe({ message }: Delivery, error: unknown) {
    const requestId = "malformed" in message ? undefined : message.requestId;
    return { event: this.#options.event, eventId: message.id, requestId, code: codeOf(error), error: messageOf(error) };
  }
}

/** What is kept of an error, and told to people. */
export const failureOf = (error: unknown): Failure => ({ code: codeOf(error), message: explain(error) });

/** A validation error says which fields in its data. */
const explain = (error: unknown): string => {
  const { data } = error as { data?: unknown };
  const fields = Array.isArray(data) ? data.map(({ field, message }) => `${field} ${message}`).join("; ") : "";
  return fields === "" ? messageOf(error) : `${messageOf(error)} ${fields}`;
};

const unreadable = (message: { malformed: string; id: string }, type: EventName): Envelope => ({
  id: message.id,
  type,
  version: 0,
  occurredAt: new Date().toISOString(),
  aggregateId: message.id,
  traceparent: "",
  requestId: message.id,
  data: { malformed: message.malformed } as never,
});
