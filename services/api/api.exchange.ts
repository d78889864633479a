import type { IncomingMessage, ServerResponse } from "node:http";
import type { HealthReport } from "@molecart/mixins/health.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { type Correlation, isTraceparent, newTraceparent } from "@molecart/mixins/lib/correlation.ts";
import { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { requestIdOf } from "@molecart/mixins/lib/request-id.ts";
import type { DeadlineLocals } from "@molecart/mixins/middlewares/deadlines.ts";
import type { Context, Service } from "moleculer";
import Negotiator from "negotiator";
import { admit, admitKey, isStaff } from "./access.ts";
import type { AnswerCache, CachedKind, CachedRoute, Served } from "./answer-cache.ts";
import type { ApiConfig } from "./api.config.ts";
import {
  CLIENT_CLOSED_REQUEST,
  ClientGone,
  IdempotencyKeyRequired,
  NotAcceptable,
  RequestTimeout,
  UnsupportedMediaType,
  ValidationFailed,
} from "./api.errors.ts";
import type { EventStreams } from "./api.event-streams.ts";
import { serveStream } from "./api.streams.ts";
import type { Authenticator } from "./authentication.ts";
import { startBodyDeadline } from "./body-deadline.http.ts";
import { customerCart, guestCart, newCartToken, readCartToken } from "./cart-identity.ts";
import { addressKey, type Clients } from "./client-address.http.ts";
import { type Coding, codingFor, compress, isWorthCompressing } from "./compression.zlib.ts";
import type { Answering } from "./connection-refusal.http.ts";
import type { Content } from "./content.ts";
import type { Cors, Headers } from "./cors.ts";
import { entityTag, isKnown, tagIn } from "./entity-tag.ts";
import type { Limits } from "./limits.http.ts";
import { type ProblemAnswer, problemOf } from "./problem.ts";
import { requestTimeoutMs } from "./request-timeout.ts";
import type { RouteChecks } from "./request-validation.ts";
import {
  type AnyRequest,
  API_PREFIX,
  type Caller,
  type CallMesh,
  type Desk,
  type IdempotencyKeyUse,
  type Page,
  type Route,
  type Stream,
} from "./route.ts";
import { transportSecurity } from "./security-headers.ts";
import { serveTransfer } from "./transfers.ts";
import { readIfMatch, versionTag } from "./version-tag.ts";

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

/** Answers a request that has found its route. Throws what is wrong with it. */
export const serve = async (route: Route, req: GatewayRequest, res: GatewayResponse): Promise<void> => {
  const { exchange } = req;
  const { edge } = exchange;
  exchange.route = route;
  const desk = new MeshDesk(req, Deadline.in(requestTimeoutMs(req.headers, edge.config.requestTimeoutMs)));
  exchange.desk = desk;
  const caller = await identify(route, req, res);
  await edge.limits?.count(route.limit, caller, req, res);
  admit(route.access, caller);
  if (route.page !== undefined) return sendPage(route.page, req, res);
  admitKey(route, caller);
  const request = readRequest(route, req, caller);
  if (isStream(route)) return serveStream(route, request, desk.call, req, res);
  if (isKept(route) && edge.cache.enabled && !isStaff(caller)) {
    const load = () => route.answer(sharedDesk(req), { ...request, caller: undefined });
    return sendServed(req, res, await desk.await(edge.cache.read(route, keyOf(route, request), req.originalUrl, load)));
  }

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

  const result = await route.answer(desk, request);
  if (cartToken !== undefined) res.setHeader("X-Cart-Token", cartToken);
  if (route.location !== undefined) res.setHeader("Location", `${API_PREFIX}${route.location(result)}`);
  send(req, res, route.statusOf?.(result) ?? route.status, result);
};

const isStream = (route: Route): route is Route & { stream: Stream } => route.stream !== undefined;

/** Who calls. Before it is found out, the address must have something left of its limit; a try that fails is counted as well. */
const identify = async (route: Route, req: GatewayRequest, res: GatewayResponse): Promise<Caller | undefined> => {
  const { authenticator, limits } = req.exchange.edge;
  limits?.check(route.limit, req, res);
  try {
    return await authenticator.identify(req.headers.authorization, req.headers["x-api-key"]);
  } catch (error) {
    await limits?.count(route.limit, undefined, req, res);
    throw error;
  }
};

const hasCredentials = ({ headers }: IncomingMessage): boolean =>
  headers.authorization !== undefined || headers["x-api-key"] !== undefined;

const isKept = (route: Route): route is KeptRoute => route.cache !== undefined;

/** By what the answer depends on, in one order, defaults filled in. */
const keyOf = ({ path }: Route, request: AnyRequest): string =>
  JSON.stringify([path, ...[request.path, request.query].map((values) => Object.entries(values as object).sort(byName))]);

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** Answers a catalogue read that is at hand, without the framework, which would take twice as long as the rest. False where the
 *  request has to go its whole way. */
export const serveAtHand = async (req: GatewayRequest, res: GatewayResponse): Promise<boolean> => {
  const { edge } = req.exchange;
  const served = edge.cache.at(req.url as string);
  if (served === undefined) return false;
  const { route } = served.answer;
  req.exchange.route = route;
  let caller: Caller | undefined;
  if (hasCredentials(req)) {
    caller = await identify(route, req, res);
    admitKey(route, caller);
    if (isStaff(caller)) return false;
  }
  await edge.limits?.count(route.limit, caller, req, res);
  await sendServed(req, res, served);
  return true;
};

const JSON_TYPE = /^application\/json *(;|$)/i;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,200}$/;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;

const readRequest = (route: Route, req: GatewayRequest, caller: Caller | undefined): AnyRequest => {
  const { edge } = req.exchange;
  const checks = edge.checks.get(route) as RouteChecks;
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
  const address = addressKey(edge.clients.addressOf(req));
  return { path, query, body, caller, address, cartId: undefined, idempotencyKey, expectedVersion };
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

/** The mesh as one request sees it: its calls carry the request's id and trace, and what is left of its time. */
class MeshDesk implements Desk {
  readonly #req: GatewayRequest;
  readonly #deadline: Deadline;
  readonly #waiting = new Set<(error: ClientGone) => void>();
  #abandoned = false;

  constructor(req: GatewayRequest, deadline: Deadline) {
    this.#req = req;
    this.#deadline = deadline;
    // Calls inherit it from their parent.
    (req.$ctx.locals as DeadlineLocals).deadline = deadline;
  }

  call: CallMesh = async (name, params, { timeoutMs } = {}) => {
    if (this.#abandoned) throw new ClientGone();
    this.#deadline.check(name);
    const options = timeoutMs === undefined ? undefined : { deadline: Deadline.in(timeoutMs) };
    return this.#unlessGone(this.#req.$ctx.call(name, params as object, options)) as never;
  };

  /** What others may wait for as well: it goes on when this request's client has gone, or has no time left. */
  async await<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#deadline;
    signal.throwIfAborted();
    let expire: () => void = () => {};
    const expired = new Promise<never>((_, reject) => {
      expire = () => reject(signal.reason);
    });
    signal.addEventListener("abort", expire, { once: true });
    try {
      return await this.#unlessGone(Promise.race([work, expired]));
    } finally {
      signal.removeEventListener("abort", expire);
    }
  }

  async #unlessGone<T>(work: PromiseLike<T>): Promise<T> {
    let leave: (error: ClientGone) => void = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = reject;
    });
    this.#waiting.add(leave);
    try {
      return await Promise.race([work, left]);
    } finally {
      this.#waiting.delete(leave);
    }
  }

  remainingMs(): number {
    return this.#deadline.remainingMs;
  }

  /** The client has gone. What has begun goes on to its own end, unheard; nothing more is begun. */
  abandon(): void {
    this.#abandoned = true;
    for (const leave of this.#waiting) leave(new ClientGone());
  }

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

/** The mesh for an answer that several requests will get: none of them can end it for the others. */
const sharedDesk = (req: GatewayRequest): Desk => {
  const { edge, requestId, traceparent } = req.exchange;
  const own = req.exchange.desk as MeshDesk;
  return {
    call: edge.callMesh({ requestId, traceparent }),
    remainingMs: () => edge.config.requestTimeoutMs,
    reportPart: (part, error) => own.reportPart(part, error),
    checkHealth: () => own.checkHealth(),
  };
};

/** How long browsers and shared caches may keep a part of the catalogue without asking. They hear of no changes. */
const PUBLIC_CACHE: Record<CachedKind, string> = {
  product: "public, max-age=10, stale-while-revalidate=30, stale-if-error=300",
  products: "public, max-age=10, stale-while-revalidate=30, stale-if-error=300",
  categories: "public, max-age=60, stale-while-revalidate=300, stale-if-error=3600",
};

const cacheControlOf = (route: Route): string => {
  if (route.method !== "GET") return "no-store";
  // Kept by whoever wants to, and asked for again each time: stock changes. Or, here, what only staff see.
  return route.access === "public" && route.cache === undefined ? "no-cache" : "private, no-store";
};

const addVary = (res: ServerResponse, field: string): void => {
  const before = res.getHeader("Vary");
  res.setHeader("Vary", before === undefined ? field : `${before}, ${field}`);
};

const acceptsJson = (accept: string | undefined): boolean =>
  accept === undefined ||
  accept === "*/*" ||
  accept === "application/json" ||
  new Negotiator({ headers: { accept } }).mediaType(["application/json"]) !== undefined;

const JSON_ANSWER = "application/json; charset=utf-8";

const sendBody = (res: ServerResponse, status: number, type: string, body: Buffer | string, coding?: Coding): void => {
  if (coding !== undefined) res.setHeader("Content-Encoding", coding);
  res.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
  res.end(body);
};

/** Or says that the client has it already. */
const sendContent = async (req: GatewayRequest, res: GatewayResponse, type: string, content: Content): Promise<void> => {
  const coding = content.isWorthCompressing ? codingFor(req.headers["accept-encoding"]) : undefined;
  const tag = content.etag(coding);
  res.setHeader("ETag", tag);
  if (isKnown(req.headers["if-none-match"], tag)) {
    res.writeHead(304).end();
    return;
  }
  const body = coding === undefined ? content.body : (content.ready(coding) ?? (await content.in(coding)));
  sendBody(res, 200, type, body, coding);
};

/** An answer out of the cache, the same for everybody who is not staff. */
const sendServed = async (req: GatewayRequest, res: GatewayResponse, served: Served<KeptRoute>): Promise<void> => {
  const { answer, stale, ageSeconds } = served;
  if (!acceptsJson(req.headers.accept)) throw new NotAcceptable();
  addVary(res, "Accept-Encoding, Authorization, X-API-Key");
  if (stale) {
    res.setHeader("Age", ageSeconds);
    res.setHeader("X-Degraded", "stale");
  }
  res.setHeader("Cache-Control", stale ? "no-cache" : PUBLIC_CACHE[answer.route.cache]);
  await sendContent(req, res, JSON_ANSWER, answer);
};

/** Answers that hold tokens are never compressed: their length would tell of them. */
const codingOf = (route: Route, req: GatewayRequest, bytes: number): Coding | undefined =>
  route.limit !== "credentials" && isWorthCompressing(bytes) ? codingFor(req.headers["accept-encoding"]) : undefined;

const send = async (req: GatewayRequest, res: GatewayResponse, status: number, result: unknown): Promise<void> => {
  const route = req.exchange.route as Route;
  if (status === 204) {
    res.writeHead(204).end();
    return;
  }
  // What a write has done is done, whatever its answer is written in.
  if (route.method === "GET" && !acceptsJson(req.headers.accept)) throw new NotAcceptable();
  const text = JSON.stringify(result);
  const coding = codingOf(route, req, text.length);
  res.setHeader("Cache-Control", cacheControlOf(route));
  if (route.limit !== "credentials") addVary(res, "Accept-Encoding");
  if (route.cache !== undefined) addVary(res, "Authorization, X-API-Key");
  const version = route.versionOf?.(result);
  if (route.method === "GET" || version !== undefined) {
    const tag = version === undefined ? entityTag(text) : tagIn(versionTag(version, text), coding);
    res.setHeader("ETag", tag);
    if (route.method === "GET" && status === 200 && isKnown(req.headers["if-none-match"], tag)) {
      res.writeHead(304).end();
      return;
    }
  }
  sendBody(res, status, JSON_ANSWER, coding === undefined ? text : await compress(Buffer.from(text), coding), coding);
};

const sendPage = ({ type, content, headers = {} }: Page, req: GatewayRequest, res: GatewayResponse): Promise<void> => {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader("Cache-Control", "no-cache");
  addVary(res, "Accept-Encoding");
  return sendContent(req, res, type, content());
};

/** Answers whatever has gone wrong, and tells operators of faults. */
export const refuse = (req: GatewayRequest, res: GatewayResponse, error: unknown): void => {
  if (error instanceof ClientGone) return;
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
  if (problem.status === 503 || problem.status === 504) logger.warn("Request not served", { ...detail, error: messageOf(error) });
  else logger.error("Request failed", { ...detail, err: error });
};

/** Answers OPTIONS: a browser's question before a request of another origin, or which methods there are. */
export const answerOptions = (req: GatewayRequest, res: GatewayResponse, allowed: string): void => {
  for (const [name, value] of req.exchange.edge.cors.preflightHeaders(req.headers.origin)) res.setHeader(name, value);
  res.writeHead(204, { Allow: allowed }).end();
};
