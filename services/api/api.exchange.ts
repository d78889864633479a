import type { IncomingMessage, ServerResponse } from "node:http";
import type { HealthReport } from "@molecart/mixins/health.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { type Correlation, isTraceparent, newTraceparent } from "@molecart/mixins/lib/correlation.ts";
import { requestIdOf } from "@molecart/mixins/lib/request-id.ts";
import type { Context, Service } from "moleculer";
import type { AnswerCache, CachedRoute } from "./answer-cache.ts";
import { refuse } from "./api.answers.ts";
import type { ApiConfig } from "./api.config.ts";
import type { MeshDesk } from "./api.desk.ts";
import { CLIENT_CLOSED_REQUEST, RequestTimeout } from "./api.errors.ts";
import type { EventStreams } from "./api.event-streams.ts";
import type { Authenticator } from "./authentication.ts";
import { startBodyDeadline } from "./body-deadline.http.ts";
import type { Clients } from "./client-address.http.ts";
import type { Answering } from "./connection-refusal.http.ts";
import type { Cors, Headers } from "./cors.ts";
import type { Limits } from "./limits.http.ts";
import type { RouteChecks } from "./request-validation.ts";
import type { CallMesh, Route } from "./route.ts";
import { transportSecurity } from "./security-headers.ts";

/** A route whose answers are kept. */
export type KeptRoute = Route & CachedRoute;

/** What one gateway needs for its requests. */
export interface Edge {
  config: ApiConfig;
  clock: Clock;
  logger: Service["logger"];
  authenticator: Authenticator;
  cors: Cors;
  /** On every answer. */
  securityHeaders: Headers;
  clients: Clients;
  /** Absent where they are lifted. */
  limits: Limits | undefined;
  cache: AnswerCache<KeptRoute>;
  answering: Answering;
  checks: ReadonlyMap<Route, RouteChecks>;
  streams: EventStreams;
  /** Calls that belong to no single request, or not to its time: of streams and transfers, which outlive theirs, and of answers
   *  that several requests share. */
  callMesh(correlation: Correlation): CallMesh;
  checkHealth(): Promise<HealthReport>;
}

/** One request and its answer. */
export class Exchange {
  readonly edge: Edge;
  readonly requestId: string;
  readonly startedAt = performance.now();
  route?: Route;
  /** The calls for this request. */
  desk?: MeshDesk;
  /** The body need not be there soon. */
  stopBodyDeadline?: () => void;
  #traceparent: string | undefined;

  constructor(edge: Edge, requestId: string, traceparent: string | undefined) {
    this.edge = edge;
    this.requestId = requestId;
    this.#traceparent = isTraceparent(traceparent) ? traceparent : undefined;
  }

  /** The client's, or a new one at the first need: what is answered out of the cache has none. */
  get traceparent(): string {
    this.#traceparent ??= newTraceparent();
    return this.#traceparent;
  }
}

/** A request as moleculer-web hands it to a route. */
export interface GatewayRequest extends IncomingMessage {
  exchange: Exchange;
  /** Absent where the route failed before its context was there. */
  $ctx: Context;
  $params: { params?: Record<string, string> };
  /** The address as it came. */
  originalUrl: string;
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
  req.exchange = new Exchange(edge, requestId, traceparent);
  edge.answering.begins(req.socket, res);
  res.setHeader("X-Request-Id", requestId);
  for (const [name, value] of edge.securityHeaders) res.setHeader(name, value);
  if (edge.clients.isSecure(req)) res.setHeader(...transportSecurity);
  for (const [name, value] of edge.cors.headers(origin)) res.setHeader(name, value);
  res.once("close", logExchange);
  if (hasBody(req))
    // Node's own deadline knows no exceptions, and a file may take its time.
    req.exchange.stopBodyDeadline = startBodyDeadline(req, edge.config.sockets.receiveTimeoutMs, () => {
      if (res.headersSent) req.destroy();
      else refuse(req, res, new RequestTimeout());
    });
};

/** Named by the route, not by the address: ids belong to people. */
function logExchange(this: ServerResponse): void {
  const { req, statusCode, writableFinished, headersSent } = this as GatewayResponse;
  const { edge, route, requestId, startedAt, desk } = req.exchange;
  if (!writableFinished) desk?.abandon();
  edge.logger.info("Request", {
    method: req.method,
    route: route?.path ?? null,
    status: writableFinished || headersSent ? statusCode : CLIENT_CLOSED_REQUEST,
    ms: Math.round((performance.now() - startedAt) * 10) / 10,
    requestId,
    ...(!writableFinished && { aborted: true }),
  });
}

export const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
