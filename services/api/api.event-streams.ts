import { MolecartError } from "@molecart/mixins/lib/errors.ts";
import { Poller } from "@molecart/mixins/messaging/poller.ts";
import type { ApiConfig } from "./api.config.ts";
import { StreamsExhausted, TooManyStreams } from "./api.errors.ts";
import type { StreamPart } from "./route.ts";
import { commentText, eventText, retryText } from "./sse.ts";

/** What a reader may leave unread before it is dropped; it comes back with Last-Event-ID. A hundred times an order's history. */
const MAX_UNREAD_BYTES = 64 * 1024;
/** For the last words of a stream, when the gateway stops. */
const FLUSH_MS = 250;

/** An HTTP response, as far as a stream needs it. */
export interface Sink {
  readonly destroyed: boolean;
  /** Bytes that the client has not taken. */
  readonly writableLength: number;
  write(text: string): unknown;
  end(text?: string): unknown;
  destroy(): unknown;
  once(event: "close", listener: () => void): unknown;
}

/** One client's stream, opened and authorized. */
export interface OpenStream {
  topic: string;
  sink: Sink;
  /** The id of the last event that the client has, or that is written to `sink`. */
  position: number;
  /** In the name of this client. */
  read(after: number): Promise<StreamPart>;
  /** Whether this client may still read it, as its token says now. Throws a 4xx error or answers false where it may not. */
  isStillAdmitted(): Promise<boolean>;
}

/** A right to one stream; given back once, or by the sink's end. */
export interface Place {
  release(): void;
}

const isRefusal = (error: unknown): boolean => error instanceof MolecartError && error.code < 500;

class Reader {
  readonly stream: OpenStream;
  #unreadAtHeartbeat = false;
  #ended = false;

  constructor(stream: OpenStream) {
    this.stream = stream;
  }

  get position(): number {
    return this.stream.position;
  }

  /** Writes what this reader does not have yet, each event once and in order. */
  take({ events, last, end }: StreamPart): void {
    const { stream } = this;
    const news = events.filter(({ id }) => id !== undefined && id > stream.position);
    stream.position = news.at(-1)?.id ?? stream.position;
    const isAll = end !== undefined && stream.position >= last;
    const text = news.map(eventText).join("");
    if (isAll) this.end(text + eventText(end));
    else if (text !== "") this.#write(text);
  }

  beat(): void {
    const unread = this.stream.sink.writableLength > 0;
    // Nothing was taken from one heartbeat to the next.
    if (unread && this.#unreadAtHeartbeat) this.stream.sink.destroy();
    else this.#write(commentText("alive"));
    this.#unreadAtHeartbeat = unread;
  }

  end(text = ""): void {
    if (this.#ended || this.stream.sink.destroyed) return;
    this.#ended = true;
    this.stream.sink.end(text);
  }

  #write(text: string): void {
    const { sink } = this.stream;
    if (this.#ended || sink.destroyed) return;
    if (sink.writableLength + text.length > MAX_UNREAD_BYTES) sink.destroy();
    else sink.write(text);
  }
}

/** All readers of one topic on this gateway: one of them reads for all. */
class Feed {
  readonly #readers = new Set<Reader>();
  readonly #poller: Poller;

  constructor(pollMs: number, onError: (error: unknown) => void) {
    // Spread: streams that were opened at the same moment do not look at the same moment for ever.
    const pauseMs = (): number => Math.round(pollMs * (0.5 + Math.random()));
    this.#poller = new Poller({
      round: async () => {
        await this.#read();
        return pauseMs();
      },
      maxSleepMs: pollMs,
      onError,
    });
    this.#poller.start();
  }

  /** Reads at once: something may have happened since the reader's own first look. */
  join(reader: Reader): void {
    this.#readers.add(reader);
    this.#poller.wake();
  }

  /** Answers whether nobody is left; then the feed is over. */
  leave(reader: Reader): boolean {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return false;
    this.close();
    return true;
  }

  close(): void {
    // A read that is under way has a deadline of its own, and nobody to tell.
    void this.#poller.stop();
  }

  wake(): void {
    this.#poller.wake();
  }

  /** Reads from where the last of the readers is, so that whatever each of them lacks is in it. */
  async #read(): Promise<void> {
    const readers = [...this.#readers];
    const [first] = readers;
    if (first === undefined) return;
    const after = Math.min(...readers.map(({ position }) => position));
    let part: StreamPart;
    try {
      part = await first.stream.read(after);
    } catch (error) {
      // It learns why when it comes back; the next of the readers reads for the others.
      if (!isRefusal(error)) throw error;
      first.end(commentText("refused"));
      this.leave(first);
      if (this.#readers.size > 0) this.#poller.wake();
      return;
    }
    for (const reader of readers) reader.take(part);
  }
}

/** The open event streams of a gateway. It keeps nothing that another gateway would need: a client that comes back anywhere with
 *  the id of its last event goes on after it. */
export class EventStreams {
  readonly #limits: ApiConfig["streams"];
  readonly #onError: (error: unknown) => void;
  readonly #feeds = new Map<string, Feed>();
  readonly #readers = new Set<Reader>();
  readonly #places = new Map<string, number>();
  #placesTaken = 0;
  #heartbeat: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(limits: ApiConfig["streams"], onError: (error: unknown) => void) {
    this.#limits = limits;
    this.#onError = onError;
  }

  get size(): number {
    return this.#readers.size;
  }

  /** Throws where there is no room for another stream, of this caller or at all. */
  reserve(callerId: string): Place {
    const { perCaller, perGateway } = this.#limits;
    const own = this.#places.get(callerId) ?? 0;
    if (this.#closed || this.#placesTaken >= perGateway) throw new StreamsExhausted();
    if (own >= perCaller) throw new TooManyStreams(perCaller);
    this.#places.set(callerId, own + 1);
    this.#placesTaken += 1;
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        this.#placesTaken -= 1;
        const left = (this.#places.get(callerId) as number) - 1;
        if (left === 0) this.#places.delete(callerId);
        else this.#places.set(callerId, left);
      },
    };
  }

  /** Keeps a stream up to date from now on, until its sink ends. */
  follow(stream: OpenStream, place: Place): void {
    const reader = new Reader(stream);
    if (this.#closed) reader.end(retryText());
    if (this.#closed || stream.sink.destroyed) {
      place.release();
      return;
    }
    this.#readers.add(reader);
    this.#heartbeat ??= setInterval(() => this.#beat(), this.#limits.heartbeatMs).unref();
    let feed = this.#feeds.get(stream.topic);
    if (feed === undefined) {
      feed = new Feed(this.#limits.pollMs, this.#onError);
      this.#feeds.set(stream.topic, feed);
    }
    const joined = feed;
    stream.sink.once("close", () => {
      place.release();
      this.#readers.delete(reader);
      if (joined.leave(reader) && this.#feeds.get(stream.topic) === joined) this.#feeds.delete(stream.topic);
    });
    joined.join(reader);
  }

  /** A hint: something has happened to a topic. */
  wake(topic: string): void {
    this.#feeds.get(topic)?.wake();
  }

  #beat(): void {
    for (const reader of this.#readers) {
      reader.beat();
      void this.#checkAdmission(reader);
    }
  }

  /** A token that has expired or was withdrawn ends its stream; that users is away does not. */
  async #checkAdmission(reader: Reader): Promise<void> {
    try {
      if (await reader.stream.isStillAdmitted()) return;
    } catch (error) {
      if (!isRefusal(error)) return;
    }
    reader.end(commentText("sign in again"));
  }

  /** Ends all streams at once, and cuts off who does not take the end. Clients come back, here or at another gateway. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    for (const feed of this.#feeds.values()) feed.close();
    const readers = [...this.#readers];
    for (const reader of readers) reader.end(`${commentText("the gateway stops")}${retryText()}`);
    setTimeout(() => {
      for (const { stream } of readers) stream.sink.destroy();
    }, FLUSH_MS).unref();
  }
}
