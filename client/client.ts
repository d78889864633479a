import { ShopProblem, ShopUnreachable } from "./problem.ts";
import { readServerEvents, type ServerEvent, Silence } from "./server-events.ts";
import { type Operation, type OperationArgs, ShopApi } from "./shop-api.ts";

/** What a sign-in gives. */
export interface Tokens {
  accessToken: string;
  refreshToken?: string;
  /** Seconds until the access token expires. */
  expiresIn?: number;
}

export interface MolecartOptions {
  /** Where the gateway is: `https://shop.example`. Asked for at each attempt, so that the next one may go elsewhere. */
  api: string | (() => string);
  /** Where the payments listener is: cards go there. */
  payments?: string | (() => string);
  /** Milliseconds for one attempt. */
  attemptMs?: number;
  /** Milliseconds for a request with all its attempts; asked for at the beginning of each request where it is a function. */
  withinMs?: number | (() => number);
  /** Of a program, in the place of a sign-in: good for the operations of its scopes. Not for web pages, which cannot keep it. */
  apiKey?: string;
  /** Of an earlier session. */
  tokens?: Tokens;
  /** Of an earlier guest. */
  cartToken?: string;
  /** Told of new tokens, to keep them; of `undefined` when they are no good any more. */
  onTokens?(tokens: Tokens | undefined): void;
  onCartToken?(cartToken: string | undefined): void;
  /** Headers of every request. */
  headers?: Readonly<Record<string, string>>;
  fetch?: typeof globalThis.fetch;
}

export interface RequestOptions {
  signal?: AbortSignal;
  /** In the place of the client's own. */
  withinMs?: number;
  /** Headers of this request: `If-Match`, `Upload-Offset`. */
  headers?: Readonly<Record<string, string>>;
  /** Also repeats what may have an effect twice: for callers who know what to make of that. */
  repeat?: boolean;
}

interface PreparedRequest {
  method: string;
  server: Operation["server"];
  path: string;
  headers: Record<string, string>;
  body: File | undefined;
}

/** What can be sent as it is, and sent again. */
type File = string | Uint8Array<ArrayBuffer> | Blob;

const ATTEMPT_MS = 10_000;
const WITHIN_MS = 30_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 2_000;
/** The shop gives a sign of life every 15 s. */
const STREAM_SILENCE_MS = 50_000;
const MAX_STREAM_DELAY_MS = 20_000;
/** An access token that is about to expire would do so on its way. */
const EXPIRY_MARGIN_MS = 5_000;
/** What the shop says where a repeat can help; anything else is an answer. */
const PASSING = [408, 429, 500, 502, 503, 504];

/** A client as it should be. Every request has a deadline, and is repeated with backoff where a repeat does no harm: reads, what
 *  the shop says is idempotent, and what carries an Idempotency-Key, which is made where the caller gives none. Access tokens
 *  are renewed, and a guest's cart token is kept and sent, by themselves. */
export class MolecartClient extends ShopApi {
  readonly #options: MolecartOptions;
  #tokens: Tokens | undefined;
  #expiresAt = Number.POSITIVE_INFINITY;
  #refreshing: Promise<void> | undefined;
  #cartToken: string | undefined;
  /** Attempts beyond the first ones, so far. */
  retries = 0;

  constructor(options: MolecartOptions) {
    super();
    if (options.apiKey !== undefined && options.tokens !== undefined)
      throw new TypeError("A client has either an API key or tokens");
    this.#options = options;
    this.#cartToken = options.cartToken;
    if (options.tokens !== undefined) this.#setTokens(options.tokens);
  }

  get tokens(): Tokens | undefined {
    return this.#tokens;
  }
  get cartToken(): string | undefined {
    return this.#cartToken;
  }

  /** Takes over tokens that were kept, or given by another client. */
  signIn(tokens: Tokens): void {
    this.#setTokens(tokens);
  }

  /** Forgets the tokens. `logout` also ends the session in the shop. */
  signOut(): void {
    this.#tokens = undefined;
    this.#options.onTokens?.(undefined);
  }

  protected override async send(operation: Operation, args: OperationArgs = {}, options: RequestOptions = {}): Promise<unknown> {
    const request = this.#requestOf(operation, args, options);
    const mayRepeat = operation.idempotent || options.repeat === true || request.headers["idempotency-key"] !== undefined;
    const deadline = this.#giveUpAt(options);
    let renewed = false;
    for (let attempt = 1; ; attempt++) {
      try {
        if (this.#isExpiring() && operation.id !== "refreshTokens") await this.#renew();
        const response = await this.#attempt(operation, request, deadline, options.signal);
        return await this.#accept(operation, response);
      } catch (error) {
        if (!renewed && this.#canRenewAfter(error)) {
          renewed = true;
          await this.#renew();
          continue;
        }
        const delay = delayOf(error, attempt);
        if (!mayRepeat || !isPassing(error) || options.signal?.aborted || performance.now() + delay > deadline) throw error;
        this.retries += 1;
        await sleep(delay, options.signal);
      }
    }
  }

  protected override async *stream(
    operation: Operation,
    args: OperationArgs = {},
    options: RequestOptions = {},
  ): AsyncGenerator<ServerEvent> {
    let lastId: string | undefined;
    let pauseMs = FIRST_DELAY_MS;
    let failures = 0;
    let giveUpAt = this.#giveUpAt(options);
    for (;;) {
      const request = this.#requestOf(operation, args, options);
      request.headers.accept = "text/event-stream";
      if (lastId !== undefined) request.headers["last-event-id"] = lastId;
      const silence = new Silence(STREAM_SILENCE_MS);
      const signal = options.signal === undefined ? silence.signal : AbortSignal.any([silence.signal, options.signal]);
      const startedAt = performance.now();
      let heard = false;
      let lost: unknown = new ShopUnreachable(operation.id, { cause: new Error("the stream ended early") });
      try {
        if (this.#isExpiring()) await this.#renew();
        const opened = await this.#attempt(operation, request, giveUpAt, signal);
        // A stream that is over says so with this status.
        if (opened.status === 204 || opened.body === null) return;
        for await (const event of readServerEvents(silence.watch(opened.body), (ms) => (pauseMs = ms))) {
          heard = true;
          lastId = event.id ?? lastId;
          yield event;
          if (event.event === "end") return;
        }
      } catch (error) {
        if (options.signal?.aborted) throw options.signal.reason;
        if (this.#canRenewAfter(error) && failures === 0) await this.#renew();
        else if (!isPassing(error)) throw error;
        lost = error;
      } finally {
        silence.end();
      }
      const hasWorked = heard || performance.now() - startedAt > STREAM_SILENCE_MS;
      failures = hasWorked ? 0 : failures + 1;
      if (hasWorked) giveUpAt = this.#giveUpAt(options);
      const backoff = Math.min(pauseMs * 2 ** Math.max(failures - 1, 0), MAX_STREAM_DELAY_MS);
      const delay = Math.max(retryAfterMs(lost), backoff);
      if (performance.now() + delay > giveUpAt) throw lost;
      this.retries += 1;
      await sleep(delay, options.signal);
    }
  }

  /** Milliseconds of `performance.now()`. */
  #giveUpAt(options: RequestOptions): number {
    const { withinMs = WITHIN_MS } = this.#options;
    return performance.now() + (options.withinMs ?? (typeof withinMs === "function" ? withinMs() : withinMs));
  }

  #requestOf(operation: Operation, args: OperationArgs, options: RequestOptions): PreparedRequest {
    const { method, path, server, query, idempotencyKey, file } = operation;
    const { body, idempotencyKey: key, ...values } = args;
    const search = new URLSearchParams();
    // A list is a name that is repeated.
    for (const name of query)
      for (const value of [values[name]].flat()) if (value !== undefined) search.append(name, String(value));
    const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
    const headers: Record<string, string> = { ...this.#options.headers };
    if (body !== undefined) headers["content-type"] = file === "sent" ? "application/octet-stream" : "application/json";
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value;
    // One key for all attempts: they are one request.
    if (idempotencyKey) headers["idempotency-key"] = (key as string | undefined) ?? crypto.randomUUID();
    const content = body === undefined || file === "sent" ? (body as File | undefined) : JSON.stringify(body);
    return { method, server, headers, path: search.size === 0 ? filled : `${filled}?${search}`, body: content };
  }

  #baseOf(server: Operation["server"]): string {
    const given = server === "payments" ? this.#options.payments : this.#options.api;
    if (given === undefined) throw new TypeError("This client was not told where the payments listener is");
    return (typeof given === "function" ? given() : given).replace(/\/$/, "");
  }

  /** Resolves with an answer that is no problem; of a stream, as soon as it has begun. */
  async #attempt(
    operation: Operation,
    { method, server, headers, path, body }: PreparedRequest,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const url = this.#baseOf(server) + path;
    const left = Math.max(deadline - performance.now(), 1);
    // A file takes its time: the request's own deadline is all that it has.
    const attemptMs = operation.file === undefined ? Math.min(this.#options.attemptMs ?? ATTEMPT_MS, left) : left;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error(`not within ${Math.round(attemptMs)} ms`)), attemptMs);
    const withDeadline = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]);
    try {
      const response = await (this.#options.fetch ?? fetch)(url, {
        method,
        headers: { ...this.#credentials(operation), ...headers },
        ...(body !== undefined && { body }),
        signal: withDeadline,
      });
      if (operation.streams && response.ok) return response;
      // Read here, while the clock runs.
      const text = response.status === 204 ? "" : await response.text();
      if (!response.ok) throw new ShopProblem(response, parse(text));
      return new Response(response.status === 204 ? null : text, response);
    } catch (error) {
      if (error instanceof ShopProblem) throw error;
      if (signal?.aborted) throw signal.reason;
      throw new ShopUnreachable(`${operation.method} ${url}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Each listener gets only what it has given out. */
  #credentials({ server, id }: Operation): Record<string, string> {
    if (server === "payments") return {};
    if (this.#options.apiKey !== undefined) return { "x-api-key": this.#options.apiKey };
    if (this.#tokens !== undefined && id !== "refreshTokens") return { authorization: `Bearer ${this.#tokens.accessToken}` };
    return this.#cartToken === undefined ? {} : { "x-cart-token": this.#cartToken };
  }

  async #accept(operation: Operation, response: Response): Promise<unknown> {
    const cartToken = response.headers.get("x-cart-token");
    if (cartToken !== null && cartToken !== this.#cartToken) this.#setCartToken(cartToken);
    const text = await response.text();
    const result = operation.file === "answered" ? text : text === "" ? null : parse(text);
    if (operation.server === "shop" && isTokens(result)) this.#setTokens(result);
    if (operation.id === "mergeCart") this.#setCartToken(undefined);
    if (operation.id === "logout") this.signOut();
    return result;
  }

  #setCartToken(cartToken: string | undefined): void {
    this.#cartToken = cartToken;
    this.#options.onCartToken?.(cartToken);
  }

  #setTokens({ accessToken, refreshToken, expiresIn }: Tokens): void {
    this.#tokens = { accessToken, ...(refreshToken && { refreshToken }), ...(expiresIn !== undefined && { expiresIn }) };
    this.#expiresAt = expiresIn === undefined ? Number.POSITIVE_INFINITY : performance.now() + expiresIn * 1000;
    this.#options.onTokens?.(this.#tokens);
  }

  #isExpiring(): boolean {
    return this.#tokens?.refreshToken !== undefined && performance.now() > this.#expiresAt - EXPIRY_MARGIN_MS;
  }

  #canRenewAfter(error: unknown): boolean {
    return error instanceof ShopProblem && error.code === "UNAUTHENTICATED" && this.#tokens?.refreshToken !== undefined;
  }

  /** Once for all requests that wait for it: a refresh token is good once. */
  async #renew(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const refreshToken = this.#tokens?.refreshToken as string;
    try {
      await this.refreshTokens({ body: { refreshToken } });
    } catch (error) {
      if (error instanceof ShopProblem && error.code === "INVALID_REFRESH_TOKEN") this.signOut();
      throw error;
    }
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const isTokens = (value: unknown): value is Tokens =>
  typeof value === "object" && value !== null && typeof (value as Partial<Tokens>).accessToken === "string";

const isPassing = (error: unknown): boolean =>
  error instanceof ShopUnreachable || (error instanceof ShopProblem && PASSING.includes(error.status));

const retryAfterMs = (error: unknown): number => (error instanceof ShopProblem ? (error.retryAfterMs ?? 0) : 0);

/** Half of it is random, so that clients that were refused together do not come back together. */
const delayOf = (error: unknown, attempt: number): number => {
  const backoff = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS);
  return Math.max(retryAfterMs(error), backoff / 2 + (Math.random() * backoff) / 2);
};

const sleep = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
