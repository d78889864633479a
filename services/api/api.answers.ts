import type { ServerResponse } from "node:http";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import Negotiator from "negotiator";
import type { CachedKind, Served } from "./answer-cache.ts";
import { ClientGone, NotAcceptable } from "./api.errors.ts";
import type { Edge, GatewayRequest, GatewayResponse, KeptRoute } from "./api.exchange.ts";
import { type Coding, codingFor, compress, isWorthCompressing } from "./compression.zlib.ts";
import type { Content } from "./content.ts";
import { entityTag, isKnown, tagIn } from "./entity-tag.ts";
import { type ProblemAnswer, problemOf } from "./problem.ts";
import type { Page, Route } from "./route.ts";
import { versionTag } from "./version-tag.ts";

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
export const sendServed = async (req: GatewayRequest, res: GatewayResponse, served: Served<KeptRoute>): Promise<void> => {
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

export const send = async (req: GatewayRequest, res: GatewayResponse, status: number, result: unknown): Promise<void> => {
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

export const sendPage = ({ type, content, headers = {} }: Page, req: GatewayRequest, res: GatewayResponse): Promise<void> => {
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
