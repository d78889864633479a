import { setTimeout as sleep } from "node:timers/promises";
import { type Backoff, delayMs } from "../../lib/backoff.ts";

export interface ShopAddresses {
  api: string;
  payments: string;
}

export class ShopError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, detail: string) {
    super(`${status} ${code}: ${detail}`);
    this.name = "ShopError";
    this.status = status;
    this.code = code;
  }
}

interface Request {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

const REQUEST_DEADLINE_MS = 10_000;
const RETRY: Backoff = { firstMs: 100, maxMs: 2_000, factor: 2 };

interface Problem {
  code?: string;
  detail?: string;
  errors?: { path: string; message: string }[];
}

const toError = (status: number, problem: Problem | null): ShopError => {
  const fields = (problem?.errors ?? []).map(({ path, message }) => `${path} ${message}`).join("; ");
  return new ShopError(status, problem?.code ?? "UNKNOWN", [problem?.detail, fields].filter(Boolean).join(": "));
};

/** Worth another try: the shop is not there, does not answer, is overloaded or says that something of it is down. */
const isPassing = (error: unknown): boolean => !(error instanceof ShopError) || error.status >= 500 || error.status === 429;

/** A client as it should be: every request has a deadline, and is repeated with backoff until `giveUpAt` while the shop is away.
 *  Requests that must not happen twice carry an Idempotency-Key. */
export class ShopClient {
  readonly #addresses: ShopAddresses;
  readonly #giveUpAt: number;
  #accessToken: string | undefined;
  retries = 0;

  constructor(addresses: ShopAddresses, giveUpAt: number) {
    this.#addresses = addresses;
    this.#giveUpAt = giveUpAt;
  }

  signIn(accessToken: string): void {
    this.#accessToken = accessToken;
  }

  shop<T>(path: string, request: Request = {}): Promise<T> {
    const authorization: Record<string, string> =
      this.#accessToken === undefined ? {} : { authorization: `Bearer ${this.#accessToken}` };
    return this.#send(() => `${this.#addresses.api}/api/v1${path}`, {
      ...request,
      headers: { ...authorization, ...request.headers },
    });
  }

  payments<T>(path: string, request: Request): Promise<T> {
    return this.#send(() => `${this.#addresses.payments}${path}`, request);
  }

  /** Asks for the address at each attempt: it may be another one when there are several. */
  async #send<T>(url: () => string, request: Request): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once<T>(url(), request);
      } catch (error) {
        const delay = delayMs(RETRY, attempt);
        if (!isPassing(error) || Date.now() + delay > this.#giveUpAt) throw error;
        this.retries += 1;
        await sleep(delay);
      }
    }
  }

  async #once<T>(url: string, { method = "GET", body, headers = {} }: Request): Promise<T> {
    const response = await fetch(url, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_DEADLINE_MS),
    });
    const text = await response.text();
    const answer = text === "" ? null : (JSON.parse(text) as unknown);
    if (response.ok) return answer as T;
    throw toError(response.status, answer as Problem | null);
  }
}
