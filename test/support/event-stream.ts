export interface Told {
  id: string | undefined;
  event: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into events of every shape
  data: any;
}

/** A client of Server-Sent Events that keeps what it was told, byte by byte as it came. */
export class EventStreamClient {
  readonly status: number;
  readonly headers: Headers;
  /** The body where the answer is no stream. */
  readonly problem: { code?: string } | undefined;
  readonly events: Told[] = [];
  readonly comments: string[] = [];
  retryMs: number | undefined;
  /** What came last with an id: where a browser goes on. */
  lastEventId: string | undefined;
  /** How it ended: `end` in order, `lost` when the connection broke. */
  ended: Promise<"end" | "lost">;
  readonly #abort: AbortController;

  private constructor(response: Response, abort: AbortController, problem: { code?: string } | undefined) {
    this.status = response.status;
    this.headers = response.headers;
    this.problem = problem;
    this.#abort = abort;
    this.ended = problem === undefined && response.body !== null ? this.#read(response.body) : Promise.resolve("end");
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventStreamClient> {
    const abort = new AbortController();
    const deadline = setTimeout(() => abort.abort(new Error("no answer within 15 s")), 15_000);
    const response = await fetch(url, { headers: { accept: "text/event-stream", ...headers }, signal: abort.signal });
    clearTimeout(deadline);
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
    const text = isStream ? "" : await response.text();
    return new EventStreamClient(response, abort, isStream ? undefined : text === "" ? {} : JSON.parse(text));
  }

  /** The values of `event: status`, in order. */
  get statuses(): string[] {
    return this.events.filter(({ event }) => event === "status").map(({ data }) => data.status);
  }

  close(): void {
    this.#abort.abort();
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<"end" | "lost"> {
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const chunk of body) {
        rest += decoder.decode(chunk, { stream: true });
        const blocks = rest.split("\n\n");
        rest = blocks.pop() as string;
        for (const block of blocks) this.#take(block);
      }
      return "end";
    } catch {
      return "lost";
    }
  }

  #take(block: string): void {
    const told: Told = { id: undefined, event: "message", data: undefined };
    for (const line of block.split("\n")) {
      const [, field, value = ""] = /^([^:]*):? ?(.*)$/.exec(line) as unknown as [string, string, string];
      if (field === "") this.comments.push(value);
      else if (field === "retry") this.retryMs = Number(value);
      else if (field === "id") told.id = value;
      else if (field === "event") told.event = value;
      else if (field === "data") told.data = JSON.parse(value);
    }
    if (told.id !== undefined) this.lastEventId = told.id;
    if (told.data !== undefined) this.events.push(told);
  }
}
