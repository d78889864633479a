import type { IncomingMessage } from "node:http";
import { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { admit, admitKey, isStaff } from "./access.ts";
import { send, sendPage, sendServed } from "./api.answers.ts";
import { MeshDesk, sharedDesk } from "./api.desk.ts";
import { IdempotencyKeyRequired, UnsupportedMediaType, ValidationFailed } from "./api.errors.ts";
import { type GatewayRequest, type GatewayResponse, hasBody, type KeptRoute } from "./api.exchange.ts";
import { serveStream } from "./api.streams.ts";
import { customerCart, guestCart, newCartToken, readCartToken } from "./cart-identity.ts";
import { addressKey } from "./client-address.http.ts";
import { requestTimeoutMs } from "./request-timeout.ts";
import type { RouteChecks } from "./request-validation.ts";
import { type AnyRequest, API_PREFIX, type Caller, type IdempotencyKeyUse, type Route, type Stream } from "./route.ts";
import { serveTransfer } from "./transfers.ts";
import { readIfMatch } from "./version-tag.ts";

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
