import { ShopUnreachable } from "./problem.ts";

/** One event of a stream. */
export interface ServerEvent {
  /** Of the stream's last event with an id: what Last-Event-ID says to go on from. */
  id: string | undefined;
  event: string;
  data: unknown;
}

/** The events of a response, as the HTML standard reads them. Also says how long the server asks to wait before a reconnect.
 *  Throws ShopUnreachable when the connection is lost. */
export async function* readServerEvents(
  body: ReadableStream<Uint8Array>,
  onRetry: (ms: number) => void = () => {},
): AsyncGenerator<ServerEvent> {
  let id: string | undefined;
  let event = "message";
  let data: string[] = [];
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length > 0) yield { id, event, data: JSON.parse(data.join("\n")) };
      event = "message";
      data = [];
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
    else if (field === "id") id = value;
    else if (field === "retry" && /^\d+$/.test(value)) onRetry(Number(value));
  }
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const text of body.pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>)) {
      const parts = (rest + text).split(/\r\n|\n|\r(?!$)/);
      rest = parts.pop() as string;
      yield* parts;
    }
  } catch (error) {
    // What a reader throws does not come here.
    throw new ShopUnreachable("The stream was lost", { cause: error });
  }
}

/** Ends a stream that gives no sign of life: its connection may be dead without anybody having said so. */
export class Silence {
  readonly #abort = new AbortController();
  readonly #ms: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The same bytes; comments count as signs of life, too. */
  watch(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const hear = (): void => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#abort.abort(new DOMException("The stream is silent", "TimeoutError")), this.#ms);
    };
    hear();
    return body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          hear();
          controller.enqueue(chunk);
        },
      }),
    );
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
