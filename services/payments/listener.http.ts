import { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type HttpListener, openHttpListener } from "@molecart/mixins/http-listener.ts";
import { newTraceparent, withCorrelation } from "@molecart/mixins/lib/correlation.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { requestIdOf } from "@molecart/mixins/lib/request-id.ts";
import type { TlsFiles } from "@molecart/mixins/lib/tls-config.ts";
import { BadRequest, problemOf } from "./problem.http.ts";

export interface HttpRequest {
  readonly headers: IncomingMessage["headers"];
  /** The groups of the route's path. */
  readonly groups: readonly string[];
  /** The raw body, at most 10 kB. Throws BadRequest. */
  body(): Promise<Buffer>;
}

export interface HttpAnswer {
  status: number;
  body: unknown;
}

export interface Route {
  method: "GET" | "POST";
  path: RegExp;
  /** Browsers of other sites may call it. */
  crossOrigin?: true;
  handle(request: HttpRequest): Promise<HttpAnswer>;
}

export interface ListenerOptions {
  host: string;
  port: number;
  /** The setting that holds the port, for the error message. */
  variable: string;
  tls?: TlsFiles | undefined;
  /** `*` or origins. */
  corsOrigins: readonly string[];
  routes: readonly Route[];
  /** A fault of ours. Gets neither bodies nor paths. */
  onFault(error: unknown): void;
}

/** A card is 100 bytes, an event of a provider some 1 000. */
const MAX_BODY_BYTES = 10_000;
const MAX_HEADER_BYTES = 8_192;
/** A client that sends slower than this holds a connection for nothing. */
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How often the timeouts above are looked at. */
const TIMEOUT_CHECK_MS = 1_000;
/** A database that fails over is back after some seconds. */
const RETRY_AFTER_SECONDS = "3";
/** How long a browser may remember what it is allowed. */
const PREFLIGHT_SECONDS = 600;

const readBody = async (request: IncomingMessage): Promise<Buffer> => {
  const tooLarge = () => new BadRequest("BODY_TOO_LARGE", `The body must not be larger than ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
};

const crossOriginHeaders = (origins: readonly string[], origin: string | undefined): OutgoingHttpHeaders => {
  if (origins.includes("*")) return { "access-control-allow-origin": "*", "access-control-expose-headers": "X-Request-Id" };
  const allowed = origin !== undefined && origins.includes(origin);
  return {
    vary: "Origin",
    ...(allowed && { "access-control-allow-origin": origin, "access-control-expose-headers": "X-Request-Id" }),
  };
};

const preflightHeaders: OutgoingHttpHeaders = {
  "access-control-allow-methods": "POST",
  "access-control-allow-headers": "Content-Type, X-Request-Id",
  "access-control-max-age": String(PREFLIGHT_SECONDS),
};

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

const isBody = (status: number): boolean => status !== 204;

/** The reader of what could not be read as a request has only the socket. */
const refuseConnection = (error: Error & { code?: string }, socket: Duplex): void => {
  // A connection that broke, or whose TLS was never there, has nobody to answer to.
  if (!/^(HPE|ERR_HTTP)_/.test(error.code ?? "") || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal =
    error.code === "ERR_HTTP_REQUEST_TIMEOUT"
      ? new BadRequest("REQUEST_TIMEOUT", "The request took too long to arrive")
      : error.code === "HPE_HEADER_OVERFLOW"
        ? new BadRequest("HEADERS_TOO_LARGE", `The headers must not be larger than ${MAX_HEADER_BYTES} bytes`)
        : new BadRequest("MALFORMED_REQUEST", "This is not an HTTP request");
  const problem = problemOf(refusal, newId());
  const body = JSON.stringify(problem);
  const answer = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${problem.requestId}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
  socket.end(answer, () => socket.destroy());
};

/** Opens a small HTTP server: bounded bodies, headers and times, a request id and, where something is wrong, an
 *  `application/problem+json` on every answer. It logs no request. Throws ConfigurationError when the port cannot be had. */
export const openListener = async (options: ListenerOptions): Promise<HttpListener> => {
  const { host, port, variable, tls, corsOrigins, routes, onFault } = options;
  let closing = false;

  const find = (request: IncomingMessage) => {
    const [path = ""] = (request.url ?? "").split("?");
    const method = request.method === "HEAD" ? "GET" : request.method;
    const here = routes.filter((route) => route.path.test(path));
    return { path, here, route: here.find((one) => one.method === method), shared: here.some((one) => one.crossOrigin) };
  };

  const answer = async (request: IncomingMessage, found: ReturnType<typeof find>): Promise<HttpAnswer> => {
    const { path, here, route } = found;
    if (here.length === 0) throw new BadRequest("NOT_FOUND", "There is nothing here");
    if (route === undefined)
      throw new BadRequest("METHOD_NOT_ALLOWED", `Allowed: ${here.map(({ method }) => method).join(", ")}`);
    if (request.headers.expect !== undefined && !/^100-continue$/i.test(request.headers.expect))
      throw new BadRequest("EXPECTATION_FAILED", "No such expectation can be met");
    const [, ...groups] = route.path.exec(path) as RegExpExecArray;
    return route.handle({ headers: request.headers, groups, body: () => readBody(request) });
  };

  const write = (
    request: IncomingMessage,
    response: ServerResponse,
    { status, body }: HttpAnswer,
    headers: OutgoingHttpHeaders,
  ): void => {
    const text = isBody(status) ? JSON.stringify(body) : "";
    // The rest of a body that was refused is not waited for.
    const unread = hasBody(request) && !request.complete;
    response.writeHead(status, {
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(isBody(status) && { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
      ...((closing || unread) && { connection: "close" }),
      ...headers,
    });
    response.end(request.method === "HEAD" ? "" : text);
    if (unread) request.resume();
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const requestId = requestIdOf(request.headers["x-request-id"]);
    const found = find(request);
    const headers = {
      "x-request-id": requestId,
      ...(found.shared && crossOriginHeaders(corsOrigins, request.headers.origin)),
    };
    if (found.shared && request.method === "OPTIONS") {
      write(request, response, { status: 204, body: null }, { ...headers, ...preflightHeaders });
      return;
    }
    try {
      const result = await withCorrelation({ requestId, traceparent: newTraceparent() }, () => answer(request, found));
      write(request, response, result, headers);
    } catch (error) {
      const problem = problemOf(error, requestId);
      if (problem.status === 500 && !request.destroyed)
        withCorrelation({ requestId, traceparent: newTraceparent() }, () => onFault(error));
      const allow = problem.status === 405 && { allow: found.here.map(({ method }) => method).join(", ") };
      const later = problem.status === 503 && { "retry-after": RETRY_AFTER_SECONDS };
      write(
        request,
        response,
        { status: problem.status, body: problem },
        { ...headers, ...allow, ...later, "content-type": "application/problem+json" },
      );
    }
  };

  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch((error) => {
      onFault(error);
      request.destroy();
    });
  };

  const listener = await openHttpListener({
    variable,
    host,
    port,
    tls,
    handle: serve,
    onError: onFault,
    limits: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // Node would refuse by itself, without a request id; the host does not matter here.
      requireHostHeader: false,
    },
    prepare: (server) => server.on("checkExpectation", serve).on("clientError", refuseConnection),
  });
  return {
    address: listener.address,
    close: (graceMs) => {
      closing = true;
      return listener.close(graceMs);
    },
  };
};
