import { Refusal } from "@molecart/mixins/lib/errors.ts";

/** What access logs have for a request that was broken off; no client sees it. */
export const CLIENT_CLOSED_REQUEST = 499;

/** What the edge itself refuses. The services' own codes are in their contracts. */
export const edgeErrors = {
  UNAUTHENTICATED: "The access token or API key is missing, expired, revoked or not valid",
  FORBIDDEN: "The account may not do this",
  NOT_FOUND: "No such resource",
  METHOD_NOT_ALLOWED: "The resource does not offer this method",
  VALIDATION_FAILED: "The request does not have the expected form",
  MALFORMED_JSON: "The body is not JSON",
  MALFORMED_URL: "The address is not encoded correctly",
  INVALID_CART_TOKEN: "The X-Cart-Token header is not a token that this shop has given out",
  IDEMPOTENCY_KEY_REQUIRED: "The Idempotency-Key header is missing",
  PRECONDITION_FAILED: "The resource is not at the version that If-Match names",
  UPLOAD_OFFSET_MISMATCH: "The upload does not go on where the earlier one has ended",
  BODY_TOO_LARGE: "The body is larger than this API takes",
  UNSUPPORTED_MEDIA_TYPE: "The body must be JSON, encoded in UTF-8 and not compressed",
  INVALID_LAST_EVENT_ID: "The Last-Event-ID is not one that this stream has given out",
  INVALID_REQUEST_TIMEOUT: "The Request-Timeout header does not hold seconds",
  TOO_MANY_STREAMS: "Too many event streams are open",
  DEADLINE_EXCEEDED: "The time for this request is over",
  NOT_ACCEPTABLE: "The answer would be JSON, which the Accept header excludes",
  URI_TOO_LONG: "The address is longer than this API takes",
  HEADERS_TOO_LARGE: "The headers are larger than this API takes",
  REQUEST_TIMEOUT: "The request took too long to arrive",
  EXPECTATION_FAILED: "The Expect header asks for what this API does not do",
  MALFORMED_REQUEST: "This is not an HTTP request",
  RATE_LIMITED: "Too many requests",
  SERVICE_UNAVAILABLE: "A part of the shop is not available at the moment",
  INTERNAL: "The shop has failed to answer",
} as const;
export type EdgeCode = keyof typeof edgeErrors;

/** A field of a request that is not as it must be. */
export interface InvalidField {
  /** `shippingAddress.city`; empty for the whole body. */
  path: string;
  message: string;
}

/** One refusal of the edge. `headers` go with the answer. */
export class EdgeRefusal extends Refusal {
  readonly headers: Readonly<Record<string, string>>;
  constructor(code: EdgeCode, status: number, detail: string, headers: Record<string, string> = {}, data?: unknown) {
    super(code, status, detail, data);
    this.headers = headers;
  }
}

export class Unauthenticated extends EdgeRefusal {
  constructor(detail: string) {
    super("UNAUTHENTICATED", 401, detail, { "WWW-Authenticate": 'Bearer realm="molecart"' });
  }
}

export class Forbidden extends EdgeRefusal {
  constructor(detail: string) {
    super("FORBIDDEN", 403, detail);
  }
}

export class NotFound extends EdgeRefusal {
  constructor() {
    super("NOT_FOUND", 404, "There is nothing at this address");
  }
}

export class MethodNotAllowed extends EdgeRefusal {
  constructor(method: string, allowed: string) {
    super("METHOD_NOT_ALLOWED", 405, `${method} is not offered here; ${allowed} are`, { Allow: allowed });
  }
}

export class ValidationFailed extends EdgeRefusal {
  constructor(errors: readonly InvalidField[]) {
    super("VALIDATION_FAILED", 422, "Some fields are missing, not known or not valid", {}, errors);
  }
}

export class IdempotencyKeyRequired extends EdgeRefusal {
  constructor() {
    super("IDEMPOTENCY_KEY_REQUIRED", 400, "Send an Idempotency-Key header: any text that is new for each order");
  }
}

export class InvalidCartToken extends EdgeRefusal {
  constructor() {
    super("INVALID_CART_TOKEN", 400, "The X-Cart-Token header does not hold a cart token");
  }
}

export class UnsupportedMediaType extends EdgeRefusal {
  constructor() {
    super("UNSUPPORTED_MEDIA_TYPE", 415, "Send the body as application/json", { Accept: "application/json" });
  }
}

export class RateLimited extends EdgeRefusal {
  constructor(retryAfterSeconds: number) {
    super("RATE_LIMITED", 429, `Too many requests; the next one in ${retryAfterSeconds} s`, {
      "Retry-After": String(retryAfterSeconds),
    });
  }
}

export class InvalidLastEventId extends EdgeRefusal {
  constructor() {
    super("INVALID_LAST_EVENT_ID", 400, "Leave Last-Event-ID out to start from the beginning");
  }
}

export class InvalidRequestTimeout extends EdgeRefusal {
  constructor() {
    super("INVALID_REQUEST_TIMEOUT", 400, "Send Request-Timeout as seconds, such as 2 or 0.5");
  }
}

const STREAMS_RETRY_AFTER = { "Retry-After": "5" };

/** The caller's own. */
export class TooManyStreams extends EdgeRefusal {
  constructor(limit: number) {
    super("TOO_MANY_STREAMS", 429, `You have ${limit} event streams open; close one`, STREAMS_RETRY_AFTER);
  }
}

/** Of all callers of this gateway. Another one may have room. */
export class StreamsExhausted extends EdgeRefusal {
  constructor() {
    super("TOO_MANY_STREAMS", 503, "Too many event streams are open here. Try again soon", STREAMS_RETRY_AFTER);
  }
}

/** Nobody reads an answer any more: never sent. */
export class ClientGone extends Refusal {
  constructor() {
    super("CLIENT_GONE", CLIENT_CLOSED_REQUEST, "The client has closed the connection");
  }
}

export class NotAcceptable extends EdgeRefusal {
  constructor() {
    super("NOT_ACCEPTABLE", 406, "There is application/json only");
  }
}

/** Of a body that is there at once, or of a whole file. */
export class BodyTooLarge extends EdgeRefusal {
  constructor(maxBytes: number) {
    super("BODY_TOO_LARGE", 413, `The body must not be larger than ${maxBytes} bytes`);
  }
}

export class UriTooLong extends EdgeRefusal {
  constructor(maxLength: number) {
    super("URI_TOO_LONG", 414, `The address must not be longer than ${maxLength} characters`);
  }
}

export class HeadersTooLarge extends EdgeRefusal {
  constructor() {
    super("HEADERS_TOO_LARGE", 431, "Send smaller or fewer headers");
  }
}

export class PreconditionFailed extends EdgeRefusal {
  constructor() {
    super("PRECONDITION_FAILED", 412, "If-Match does not hold a strong entity tag of this resource. Read it again");
  }
}

export class UploadOffsetMismatch extends EdgeRefusal {
  constructor(offset: number) {
    super("UPLOAD_OFFSET_MISMATCH", 409, `Go on from byte ${offset}`, { "Upload-Offset": String(offset) });
  }
}

export class RequestTimeout extends EdgeRefusal {
  constructor() {
    super("REQUEST_TIMEOUT", 408, "Send the request again, faster", { Connection: "close" });
  }
}

export class ExpectationFailed extends EdgeRefusal {
  constructor() {
    super("EXPECTATION_FAILED", 417, "Only 100-continue can be expected");
  }
}

export class MalformedRequest extends EdgeRefusal {
  constructor() {
    super("MALFORMED_REQUEST", 400, "This is not an HTTP request");
  }
}
