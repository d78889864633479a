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
  type PubAck,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from "nats";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import { MolecartError, Unavailable } from "../lib/errors.ts";
import { natsServers } from "../lib/nats-url.ts";
import { type Envelope, isEnvelope } from "./envelope.ts";
import {
  type Consumer,
  consumerName,
  type Delivery,
  type EventBus,
  LEASE_MS,
  STREAM_RETENTION_MS,
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
const RETRY_SUBSCRIBE_MS = 500;
const RECONNECT_MS = 250;
/** A server that is being given other credentials accepts ours within moments, or not before somebody does something. */
const REFUSED_BACKOFF: Backoff = { firstMs: 250, maxMs: 5_000, factor: 2 };
/** A stream that somebody deletes and makes anew behind our back shows in nothing that a broker does: it is looked at so often. */
const SIGHT_EVERY_MS = 15_000;
const STREAM_NAME_IN_USE = 10058;
const STREAM_NOT_FOUND = 10059;
const MESSAGE_NOT_FOUND = 10037;
const MESSAGE_ID = "Nats-Msg-Id";
/** Nobody listens on the subject: there is no stream, or JetStream has no leader at the moment. */
const NO_RESPONDERS = "503";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const apiErrorOf = (error: unknown): number | undefined =>
  (error as { api_error?: { err_code?: number } } | undefined)?.api_error?.err_code;

const isRefusal = (code: unknown): boolean =>
  ["AUTHORIZATION_VIOLATION", "BAD_AUTHENTICATION", "AUTHENTICATION_EXPIRED", "ACCOUNT_AUTHENTICATION_EXPIRED"].includes(
    code as string,
  );

/** At the start of a broker. Later refusals, while the server's accounts are changed, are waited for. */
export class NatsRefused extends MolecartError {
  readonly retryable = false;
  constructor(servers: readonly string[], options?: ErrorOptions) {
    super("NATS_REFUSED", 500, `NATS (${servers.join(", ")}) refuses the credentials of NATS_URL`, { servers }, options);
  }
}

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
  /** Logins that were refused since the last one that was not. */
  #refusals = 0;
  #sighting: NodeJS.Timeout | undefined;
  sightings = 0;
  /** When the stream was made: no update changes it, and a stream that is made anew has another. */
  #created = "";
  /** The last place in the stream that we know to be taken. */
  #highest = 0;

  constructor(options: JetStreamOptions) {
    this.#options = options;
    this.#stream = options.namespace.toUpperCase();
  }

  async start(): Promise<void> {
    this.#connection = await this.#connect();
    if (this.#connection === undefined) return;
    void this.#watch(this.#connection);
    this.#sighting = setInterval(() => this.#info().catch(() => {}), SIGHT_EVERY_MS).unref();
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

  /** Waits for a server that is not there yet, and not for one that does not let us in: wrong credentials end the start by name.
   *  Undefined when the bus is stopped meanwhile. */
  async #connect(): Promise<NatsConnection | undefined> {
    const servers = natsServers(this.#options.url);
    while (!this.#stopping) {
      try {
        return await connect({
          ...servers,
          name: this.#options.clientName,
          maxReconnectAttempts: -1,
          // Two refusals in a row would end the connection for good: a server that is restarted with other accounts, or has not
          // read them yet, would lose its brokers one by one.
          ignoreAuthErrorAbort: true,
          reconnectDelayHandler: () => (this.#refusals === 0 ? RECONNECT_MS : delayMs(REFUSED_BACKOFF, this.#refusals)),
          pingInterval: 5_000,
        });
      } catch (error) {
        if (isRefusal((error as { code?: unknown }).code)) throw new NatsRefused(servers.servers, { cause: error });
        this.#options.onStatus?.("waiting for NATS", error);
        await sleep(RECONNECT_MS);
      }
    }
    return undefined;
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
      // A full disk refuses the publish, which then stays in the outbox, rather than drop an event that somebody has not read.
      retention: RetentionPolicy.Limits,
      max_age: nanos(STREAM_RETENTION_MS),
      discard: DiscardPolicy.New,
      duplicate_window: nanos(DUPLICATE_WINDOW_MS),
      num_replicas: this.#options.replicas,
    };
    try {
      this.#saw(await this.#manager.streams.add(config));
    } catch (error) {
      if (apiErrorOf(error) !== STREAM_NAME_IN_USE) throw error;
      this.#saw(await this.#manager.streams.update(this.#stream, config));
    }
  }

  /** A NATS server that has lost its store is given the stream anew. Should that fail now, then whoever misses it next does it. */
  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      this.#options.onStatus?.(status.type, status.data);
      if (status.type === "error" && isRefusal(status.data)) this.#refusals += 1;
      if (status.type !== "reconnect") continue;
      this.#refusals = 0;
      await this.#ensureStream().catch(() => {});
      // Also where the stream looks as before: its end may be lost, and refilled by others.
      this.sightings += 1;
    }
  }

  async #info(): Promise<StreamInfo> {
    try {
      const info = await this.#manager.streams.info(this.#stream);
      this.#saw(info);
      return info;
    } catch (error) {
      throw new Unavailable("NATS JetStream", { cause: error });
    }
  }

  #saw({ created, state }: Pick<StreamInfo, "created" | "state">): void {
    if (created !== this.#created || state.last_seq < this.#highest) this.sightings += 1;
    this.#created = created;
    this.#highest = state.last_seq;
  }

  async identify(): Promise<string> {
    try {
      await this.#info();
    } catch (error) {
      if (apiErrorOf((error as Error).cause) !== STREAM_NOT_FOUND) throw error;
      await this.#ensureStream().catch((cause) => {
        throw new Unavailable("NATS JetStream", { cause });
      });
    }
    return this.#created;
  }

  async holds(eventId: string, position: number): Promise<boolean> {
    const { state } = await this.#info();
    if (position < state.first_seq) return position <= state.last_seq;
    try {
      const { header } = await this.#manager.streams.getMessage(this.#stream, { seq: position });
      return header.get(MESSAGE_ID) === eventId;
    } catch (error) {
      if (apiErrorOf(error) === MESSAGE_NOT_FOUND) return false;
      throw new Unavailable("NATS JetStream", { cause: error });
    }
  }

  async publish(envelopes: readonly Envelope[], receipt?: (position: number) => void): Promise<void> {
    // Written to the socket one after the other, so the stream has them in this order; only the acks are awaited together.
    const acks = envelopes.map((envelope) =>
      this.#jetstream.publish(this.#subject(envelope.type), encoder.encode(JSON.stringify(envelope)), { msgID: envelope.id }),
    );
    const settled = await Promise.allSettled(acks);
    const failed = settled.find((ack) => ack.status === "rejected");
    if (failed === undefined) {
      const { seq = 0, duplicate = true } = (settled.at(-1) as PromiseFulfilledResult<PubAck> | undefined)?.value ?? {};
      // A place that was taken before: the stream is another one, or has lost its end.
      if (!duplicate && seq <= this.#highest) this.sightings += 1;
      if (!duplicate) this.#highest = seq;
      receipt?.(seq);
      return;
    }
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
    await this.#info();
  }

  async backlog(consumer: Consumer): Promise<number> {
    const info = await this.#manager.consumers.info(this.#stream, consumerName(consumer));
    return info.num_pending + info.num_ack_pending;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sighting);
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
