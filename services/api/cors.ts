const ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
const ALLOWED_HEADERS =
  "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, Prefer, Request-Timeout, Upload-Complete, Upload-Offset, X-Cart-Token, X-Request-Id, traceparent";
const EXPOSED_HEADERS =
  "Age, Allow, ETag, Location, RateLimit, RateLimit-Policy, Retry-After, Upload-Offset, X-Cart-Token, X-Degraded, X-Request-Id";
const PREFLIGHT_SECONDS = "600";

export type Headers = readonly (readonly [name: string, value: string])[];

const none: Headers = [];
const varies: Headers = [["Vary", "Origin"]];

/** Which web pages may read the answers. Tokens travel in headers that only a page can set, so no cookies are let through.
 *  An origin matches as a whole: a prefix of an allowed one is another site. */
export class Cors {
  readonly #allowed: ReadonlyMap<string, Headers>;
  readonly #other: Headers;
  constructor(origins: readonly string[]) {
    this.#allowed = new Map(
      origins.map((origin) => [
        origin,
        [...varies, ["Access-Control-Allow-Origin", origin], ["Access-Control-Expose-Headers", EXPOSED_HEADERS]],
      ]),
    );
    this.#other = origins.length === 0 ? none : varies;
  }

  /** For every answer. */
  headers(origin: string | undefined): Headers {
    return (origin !== undefined && this.#allowed.get(origin)) || this.#other;
  }

  /** Beside them, for the question that a browser asks before the request itself. */
  preflightHeaders(origin: string | undefined): Headers {
    if (origin === undefined || !this.#allowed.has(origin)) return none;
    return [
      ["Access-Control-Allow-Methods", ALLOWED_METHODS],
      ["Access-Control-Allow-Headers", ALLOWED_HEADERS],
      ["Access-Control-Max-Age", PREFLIGHT_SECONDS],
    ];
  }
}
