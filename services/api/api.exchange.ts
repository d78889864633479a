import type { IncomingMessage, ServerResponse } from "node:http";
import type { HealthReport } from "@molecart/mixins/health.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { isTraceparent, newTraceparent } from "@molecart/mixins/lib/correlation.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Context, Service } from "moleculer";
import { admit } from "./access.ts";
import type { ApiConfig } from "./api.config.ts";
import { IdempotencyKeyRequired, RateLimited, RequestTimeout, UnsupportedMediaType, ValidationFailed } from "./api.errors.ts";
import type { Authenticator } from "./authentication.ts";
import { startBodyDeadline } from "./body-deadline.http.ts";
import { customerCart, guestCart, newCartToken, readCartToken } from "./cart-identity.ts";
import type { Cors, Headers } from "./cors.ts";
import { entityTag, isKnown } from "./entity-tag.ts";
import { type ProblemAnswer, problemOf } from "./problem.ts";
import { addressKey, type WindowCounter } from "./rate-limit.ts";
import { requestIdOf } from "./request-id.ts";
import type { RouteChecks } from "./request-validation.ts";
import {
  type AnyRequest,
  API_PREFIX,
  type Caller,
  type CallMesh,
  type Desk,
  type IdempotencyKeyUse,
  type Route,
} from "./route.ts";

import { serveTransfer } from "./transfers.ts";
import { readIfMatch, versionTag } from "./version-tag.ts";

/** What one gateway needs for its requests. */
export interface Edge {
  config: ApiConfig;
  clock: Clock;
  logger: Service["logger"];
  authenticator: Authenticator;
  cors: Cors;
  /** On every answer. */
  securityHeaders: Headers;
  /** Requests of `limited` routes, by address. */
  limiter: WindowCounter;
  checks: ReadonlyMap<Route, RouteChecks>;
  /** Calls that outlast the time of a usual request. */
  callMesh(correlation: { requestId: string; traceparent: string }): CallMesh;
  checkHealth(): Promise<HealthReport>;
}

/** One request and its answer. */
export interface Exchange {
  requestId: string;
  traceparent: string;
  startedAt: number;
  edge: Edge;
  route?: Route;
  /** The body need not be there soon. */
  stopBodyDeadline?: () => void;
}

/** A request as moleculer-web hands it to a route. */
export interface GatewayRequest extends IncomingMessage {
  exchange: Exchange;
  /** Absent where the route failed before its context was there. */
  $ctx: Context;
  $params: { params?: Record<string, string> };
  body?: unknown;
  query: unknown;
}
export interface GatewayResponse extends ServerResponse {
  req: GatewayRequest;
}

/** What every request gets before anything can go wrong with it: an id, a trace, the headers of every answer, a log line. */
export const begin = (edge: Edge, req: GatewayRequest, res: GatewayResponse): void => {
  const { traceparent, origin } = req.headers as { traceparent?: string; origin?: string };
  const requestId = requestIdOf(req.headers["x-request-id"]);
  req.exchange = {
    requestId,
    traceparent: isTraceparent(traceparent) ? traceparent : newTraceparent(),
    startedAt: performance.now(),
    edge,
  };
  res.setHeader("X-Request-Id", requestId);
  for (const [name, value] of edge.securityHeaders) res.setHeader(name, value);
  for (const [name, value] of edge.cors.headers(origin)) res.setHeader(name, value);
  res.once("close", logExchange);
  if (hasBody(req))
    req.exchange.stopBodyDeadline = startBodyDeadline(req, BODY_TIMEOUT_MS, () => {
      res.setHeader("Connection", "close");
      refuse(req, res, new RequestTimeout());
    });
};

/** Named by the route, not by the address: ids belong to people. */
function logExchange(this: ServerResponse): void {
  const { req, statusCode, writableFinished } = this as GatewayResponse;
  const { edge, route, requestId, startedAt } = req.exchange;
  edge.logger.info("Request", {
    method: req.method,
    route: route?.path ?? null,
    status: statusCode,
    ms: Math.round((performance.now() - startedAt) * 10) / 10,
    requestId,
    ...(!writableFinished && { aborted: true }),
  });
}

/** Answers a request that has found its route. Throws what is wrong with it. */
export const serve = async (route: Route, req: GatewayRequest, res: GatewayResponse): Promise<void> => {
  const { exchange } = req;
  const { edge } = exchange;
  exchange.route = route;
  if (route.limited) countAttempt(edge, req);
  const caller = await edge.authenticator.identify(req.headers.authorization);
  admit(route.access, caller);
  const request = readRequest(route, req, caller);

  let cartToken: string | undefined;
  if (route.access === "guest-or-customer") {
    cartToken = caller === undefined ? readCartToken(req.headers["x-cart-token"]) : undefined;
    if (caller === undefined && cartToken === undefined && route.withoutCart !== undefined)
      return send(req, res, route.status, route.withoutCart(edge.config.pricing));
    if (caller === undefined) cartToken ??= newCartToken();
    request.cartId = caller === undefined ? guestCart(cartToken as string) : customerCart(caller.userId);
  }

  if (route.transfer !== undefined) {
    exchange.stopBodyDeadline?.();
    const taken = await serveTransfer(route.transfer, request, edge.callMesh(exchange), req, res);
    return res.headersSent ? undefined : send(req, res, route.status, taken);
  }

  const result = await route.answer(new MeshDesk(req), request);
  if (cartToken !== undefined) res.setHeader("X-Cart-Token", cartToken);
  if (route.location !== undefined) res.setHeader("Location", `${API_PREFIX}${route.location(result)}`);
  send(req, res, route.statusOf?.(result) ?? route.status, result);
};

const countAttempt = ({ config, limiter }: Edge, { socket }: IncomingMessage): void => {
  const { enabled, perMinute } = config.authRateLimit;
  // The connection's own address: anybody can send an X-Forwarded-For.
  if (enabled && limiter.inc(addressKey(socket.remoteAddress ?? "")) > perMinute) throw new RateLimited(limiter.secondsLeft);
};

/** Of a body that is read whole: as long as Node itself would wait for it, which knows no exceptions. */
const BODY_TIMEOUT_MS = 30_000;
const JSON_TYPE = /^application\/json *(;|$)/i;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

const readRequest = (route: Route, req: GatewayRequest, caller: Caller | undefined): AnyRequest => {
  const checks = req.exchange.edge.checks.get(route) as RouteChecks;
  const path = req.$params.params ?? {};
  const { query, body = {} } = req;
  checks.path(path);
  checks.query(query);
  if (route.method !== "GET" && route.transfer === undefined) {
    if (hasBody(req) && !JSON_TYPE.test(req.headers["content-type"] ?? "")) throw new UnsupportedMediaType();
    checks.body(body);
  }
  const idempotencyKey = route.idempotencyKey && readIdempotencyKey(req.headers["idempotency-key"], route.idempotencyKey);
  const expectedVersion = route.conditional ? readIfMatch(req.headers["if-match"]) : undefined;
  return { path, query, body, caller, cartId: undefined, idempotencyKey, expectedVersion };
};

const readIdempotencyKey = (header: string | string[] | undefined, use: IdempotencyKeyUse): string => {
  if (header === undefined || header === "") {
    if (use === "optional") return newId();
    throw new IdempotencyKeyRequired();
  }
  if (typeof header !== "string" || !IDEMPOTENCY_KEY.test(header))
    throw new ValidationFailed([{ path: "Idempotency-Key", message: "must be 1 to 200 visible ASCII characters" }]);
  return header;
};

/** The mesh as one request sees it: its calls carry the request's id and trace. */
class MeshDesk implements Desk {
  readonly #req: GatewayRequest;
  constructor(req: GatewayRequest) {
    this.#req = req;
  }

  call: CallMesh = (name, params) => this.#req.$ctx.call(name, params as object) as never;

  reportPart(part: string, error: unknown): void {
    const { edge, requestId, route } = this.#req.exchange;
    edge.logger.warn("Answered without a part", { part, route: route?.path, requestId, error: messageOf(error) });
  }

  async checkHealth() {
    const { status, checks } = await this.#req.exchange.edge.checkHealth();
    // The errors are for operators.
    const states = Object.entries(checks).map(([name, check]) => [name, { status: check.status }] as const);
    return { status, checks: Object.fromEntries(states) };
  }
}

const send = (req: GatewayRequest, res: GatewayResponse, status: number, result: unknown): void => {
  if (status === 204) {
    res.writeHead(204).end();
    return;
  }
  const body = JSON.stringify(result);
  const { route } = req.exchange;
  const version = route?.versionOf?.(result);
  if (version !== undefined) res.setHeader("ETag", versionTag(version, body));
  if (route?.method === "GET") {
    const tag = version === undefined ? entityTag(body) : versionTag(version, body);
    res.setHeader("ETag", tag);
    // Kept by whoever wants to, and asked for again each time: prices and stock change.
    res.setHeader("Cache-Control", route.access === "public" ? "no-cache" : "private, no-cache");
    if (status === 200 && isKnown(req.headers["if-none-match"], tag)) {
      res.writeHead(304).end();
      return;
    }
  } else res.setHeader("Cache-Control", "no-store");
  res.writeHead(status, { "Content-Type": "application/json; charset=utf-8", "Content-Length": Buffer.byteLength(body) });
  res.end(body);
};

/** Answers whatever has gone wrong, and tells operators of faults. */
export const refuse = (req: GatewayRequest, res: GatewayResponse, error: unknown): void => {
  const { edge, requestId, route } = req.exchange;
  const refusal = problemOf(error, requestId);
  if (refusal.isFault) logFault(edge, error, refusal, { requestId, method: req.method, route: route?.path ?? null });
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const body = JSON.stringify(refusal.problem);
  res.writeHead(refusal.problem.status, {
    ...refusal.headers,
    "Cache-Control": "no-store",
    "Content-Type": "application/problem+json; charset=utf-8",
    "Content-Length": Buffer.byteLength(body),
  });
  res.end(body);
};

/** What is not available comes back by itself and is told by its own service; anything else is a mistake that needs its stack. */
const logFault = ({ logger }: Edge, error: unknown, { problem }: ProblemAnswer, detail: object): void => {
  if (problem.status === 503) logger.warn("Request not served", { ...detail, error: messageOf(error) });
  else logger.error("Request failed", { ...detail, err: error });
};

/** Answers OPTIONS: a browser's question before a request of another origin, or which methods there are. */
export const answerOptions = (req: GatewayRequest, res: GatewayResponse, allowed: string): void => {
  for (const [name, value] of req.exchange.edge.cors.preflightHeaders(req.headers.origin)) res.setHeader(name, value);
  res.writeHead(204, { Allow: allowed }).end();
};
