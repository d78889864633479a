import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerMessages,
  connect,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamClient,
  type JetStreamManager,
  type JsMsg,
  type NatsConnection,
  nanos,
  RetentionPolicy,
  StorageType,
} from "nats";
import { Unavailable } from "../lib/errors.ts";
import { type Envelope, isEnvelope } from "./envelope.ts";
import {
  type Consumer,
  consumerName,
  type Delivery,
  type EventBus,
  LEASE_MS,
  type SubscribeOptions,
  type Subscription,
} from "./event-bus.ts";

export interface JetStreamOptions {
  /** `nats://…`, several separated by commas. */
  url: string;
  /** Shops that share a NATS server differ in it; also the stream's name. */
  namespace: string;
  clientName: string;
  /** Copies of the stream over NATS nodes: 3 in a cluster of three. */
  replicas: number;
  onStatus?(status: string, detail: unknown): void;
}

/** A publish that is not acknowledged in this time is repeated by the outbox relay, under the same message id. */
const PUBLISH_TIMEOUT_MS = 5_000;
/** JetStream drops a repeat of a message id within this window; the inbox catches the later ones. */
const DUPLICATE_WINDOW_MS = 120_000;
const RETENTION_MS = 30 * 24 * 3_600_000;
const RETRY_SUBSCRIBE_MS = 500;
const STREAM_NAME_IN_USE = 10058;
const STREAM_NOT_FOUND = 10059;
/** Nobody listens on the subject: there is no stream, or JetStream has no leader at the moment. */
const NO_RESPONDERS = "503";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const apiErrorOf = (error: unknown): number | undefined => (error as { api_error?: { err_code?: number } }).api_error?.err_code;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class JetStreamDelivery implements Delivery {
  readonly #message: JsMsg;
  readonly message: Delivery["message"];

  constructor(message: JsMsg) {
    this.#message = message;
    this.message = parse(message);
  }
  ack(): void {
    this.#tell(() => this.#message.ack());
  }
  retry(delayMs: number): void {
    this.#tell(() => this.#message.nak(Math.round(delayMs)));
  }
  extend(): void {
    this.#tell(() => this.#message.working());
  }

  /** On a connection that is closed for good nobody can be told; the event is handed out again when its lease is over. */
  #tell(answer: () => void): void {
    try {
      answer();
    } catch {}
  }
}

const parse = (message: JsMsg): Delivery["message"] => {
  const text = decoder.decode(message.data);
  try {
    const value: unknown = JSON.parse(text);
    if (isEnvelope(value)) return value;
  } catch {
    // Told below: not JSON and not an envelope are the same to a consumer.
  }
  return { malformed: text.slice(0, 10_000), id: `${message.info.stream}-${message.seq}` };
};

/** Durable events on NATS JetStream: one stream on disk, one durable pull consumer per (service, event), explicit acks. */
export class JetStreamBus implements EventBus {
  readonly #options: JetStreamOptions;
  readonly #stream: string;
  readonly #subscriptions = new Set<{ stop(): Promise<void> }>();
  #connection: NatsConnection | undefined;
  #jetstream!: JetStreamClient;
  #manager!: JetStreamManager;
  #ensuring: Promise<void> | undefined;
  #stopping = false;

  constructor(options: JetStreamOptions) {
    this.#options = options;
    this.#stream = options.namespace.toUpperCase();
  }

  async start(): Promise<void> {
    const { url, clientName } = this.#options;
    this.#connection = await connect({
      servers: url.split(","),
      name: clientName,
      maxReconnectAttempts: -1,
      waitOnFirstConnect: true,
      reconnectTimeWait: 250,
      pingInterval: 5_000,
    });
    void this.#watch(this.#connection);
    this.#jetstream = this.#connection.jetstream({ timeout: PUBLISH_TIMEOUT_MS });
    while (!this.#stopping) {
      try {
        this.#manager = await this.#connection.jetstreamManager();
        await this.#ensureStream();
        return;
      } catch (error) {
        this.#options.onStatus?.("stream not available yet", error);
        await sleep(RETRY_SUBSCRIBE_MS);
      }
    }
  }

  /** All who miss the stream at the same time wait for one request. */
  #ensureStream(): Promise<void> {
    this.#ensuring ??= this.#makeStream().finally(() => {
      this.#ensuring = undefined;
    });
    return this.#ensuring;
  }

  async #makeStream(): Promise<void> {
    const config = {
      name: this.#stream,
      subjects: [`${this.#options.namespace}.events.>`],
      storage: StorageType.File,
      // Kept for longer than any outage that goes unnoticed, also for a consumer that is deployed later. A full disk refuses
      // the publish, which then stays in the outbox, rather than drop an event that somebody has not read.
      retention: RetentionPolicy.Limits,
      max_age: nanos(RETENTION_MS),
      discard: DiscardPolicy.New,
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      num_replicas: this.#options.replicas,
    };
    try {
      await this.#manager.streams.add(config);
    } catch (error) {
      if (apiErrorOf(error) !== STREAM_NAME_IN_USE) throw error;
      await this.#manager.streams.update(this.#stream, config);
    }
  }

  /** A NATS server that has lost its store is given the stream anew. Should that fail now, then whoever misses it next does it. */
  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      this.#options.onStatus?.(status.type, status.data);
      if (status.type === "reconnect") await this.#ensureStream().catch(() => {});
    }
  }

  async publish(envelopes: readonly Envelope[]): Promise<void> {
    // Written to the socket one after the other, so the stream has them in this order; only the acks are awaited together.
    const acks = envelopes.map((envelope) =>
      this.#jetstream.publish(this.#subject(envelope.type), encoder.encode(JSON.stringify(envelope)), { msgID: envelope.id }),
    );
    const failed = (await Promise.allSettled(acks)).find((ack) => ack.status === "rejected");
    if (failed === undefined) return;
    // Somebody may have deleted the stream: the relay's next attempt finds it again.
    if (failed.reason.code === NO_RESPONDERS) await this.#ensureStream().catch(() => {});
    throw new Unavailable("NATS JetStream", { cause: failed.reason });
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = new JetStreamSubscription(options, () => this.#pull(options));
    this.#subscriptions.add(subscription);
    subscription.start();
    return {
      stop: async () => {
        this.#subscriptions.delete(subscription);
        await subscription.stop();
      },
    };
  }

  async #pull({ service, event, concurrency }: SubscribeOptions): Promise<ConsumerMessages> {
    const name = consumerName({ service, event });
    await this.#addConsumer({
      durable_name: name,
      filter_subject: this.#subject(event),
      ack_policy: AckPolicy.Explicit,
      deliver_policy: DeliverPolicy.All,
      ack_wait: nanos(LEASE_MS),
      // Attempts are counted in the inbox: a limit here would leave a message stuck with nothing but an advisory.
      max_deliver: -1,
      max_ack_pending: 5_000,
    });
    const consumer = await this.#jetstream.consumers.get(this.#stream, name);
    return consumer.consume({ max_messages: concurrency, expires: 10_000, idle_heartbeat: 2_000 });
  }

  async #addConsumer(config: Partial<ConsumerConfig>): Promise<void> {
    try {
      await this.#manager.consumers.add(this.#stream, config);
    } catch (error) {
      if (apiErrorOf(error) !== STREAM_NOT_FOUND) throw error;
      await this.#ensureStream();
      await this.#manager.consumers.add(this.#stream, config);
    }
  }

  async ping(): Promise<void> {
    if (this.#connection === undefined || this.#connection.isClosed()) throw new Unavailable("NATS");
    try {
      await this.#manager.streams.info(this.#stream);
    } catch (error) {
      throw new Unavailable("NATS JetStream", { cause: error });
    }
  }

  async backlog(consumer: Consumer): Promise<number> {
    const info = await this.#manager.consumers.info(this.#stream, consumerName(consumer));
    return info.num_pending + info.num_ack_pending;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.stop()));
    this.#subscriptions.clear();
    // Acks are fire and forget: a flush within the drain takes them to the server.
    await this.#connection?.drain().catch(() => this.#connection?.close());
  }

  #subject(event: string): string {
    return `${this.#options.namespace}.events.${event}`;
  }
}

class JetStreamSubscription {
  readonly #options: SubscribeOptions;
  readonly #pull: () => Promise<ConsumerMessages>;
  readonly #inHand = new Set<Promise<void>>();
  #messages: ConsumerMessages | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(options: SubscribeOptions, pull: () => Promise<ConsumerMessages>) {
    this.#options = options;
    this.#pull = pull;
  }

  start(): void {
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#messages = await this.#pull();
        // Stopped while the consumer was being opened: `stop` has found nothing to end.
        if (this.#stopped) this.#messages.stop();
        void this.#reopenWhenLost(this.#messages);
        for await (const message of this.#messages) {
          // What was pulled and not begun goes to another broker at once, not when the lease is over.
          if (this.#stopped) message.nak();
          else await this.#take(message);
        }
      } catch {
        // The server is away, or the consumer was deleted: made anew below.
      }
      await sleep(this.#stopped ? 0 : RETRY_SUBSCRIBE_MS);
    }
  }

  /** After a loss of the store the consumer is gone; leaving the loop makes it again. */
  async #reopenWhenLost(messages: ConsumerMessages): Promise<void> {
    for await (const status of await messages.status()) {
      if (["stream_not_found", "consumer_not_found", "consumer_deleted"].includes(status.type)) {
        messages.stop();
        return;
      }
    }
  }

  async #take(message: JsMsg): Promise<void> {
    const work = this.#options.onDelivery(new JetStreamDelivery(message)).finally(() => this.#inHand.delete(work));
    this.#inHand.add(work);
    while (this.#inHand.size >= this.#options.concurrency && !this.#stopped) await Promise.race(this.#inHand);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#messages?.stop();
    await Promise.all(this.#inHand);
    await this.#running;
  }
}
