import type { HintData } from "@molecart/mixins/contracts/index.ts";
import { orders } from "@molecart/mixins/contracts/orders.ts";
import { REVOKED, Revoked } from "@molecart/mixins/contracts/users.ts";
import { openRedis, type RedisConnection } from "@molecart/mixins/database/redis.ts";
import { checkHealth, Degraded, type HealthCheckedService } from "@molecart/mixins/health.ts";
import { type HttpListener, openHttpListener } from "@molecart/mixins/http-listener.ts";
import { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { CallingOptions, Context, ServiceSchema } from "moleculer";
import ApiGateway from "moleculer-web";
import { AnswerCache, type ProductChanged } from "./answer-cache.ts";
import { answerOptions, refuse } from "./api.answers.ts";
import { apiConfig } from "./api.config.ts";
import { BodyTooLarge, ExpectationFailed, MethodNotAllowed, NotFound, UriTooLong } from "./api.errors.ts";
import { EventStreams } from "./api.event-streams.ts";
import { begin, type Edge, type GatewayRequest, type GatewayResponse } from "./api.exchange.ts";
import { readinessChecks } from "./api.readiness.ts";
import { serveAtHand } from "./api.serve.ts";
import { aliasOf, webRoutes } from "./api.web-routes.ts";
import { ApiKeys } from "./api-keys.ts";
import { Authenticator } from "./authentication.ts";
import { Clients } from "./client-address.http.ts";
import { Answering, connectionRefusal } from "./connection-refusal.http.ts";
import { Cors } from "./cors.ts";
import { LIMIT_WINDOW_MS, MAX_BODY_BYTES } from "./limit-class.ts";
import { Limits } from "./limits.http.ts";
import { isOutage } from "./problem.ts";
import { redisCounters } from "./rate-limit.redis.ts";
import { RateLimiter } from "./rate-limit.ts";
import { routeChecks } from "./request-validation.ts";
import { Revocations } from "./revocations.ts";
import { type Found, type Pattern, Router } from "./router.ts";
import { routes } from "./routes.ts";
import { securityHeaders } from "./security-headers.ts";

/** With the headers it must fit into 16 kB. */
const MAX_URL_LENGTH = 8_192;
/** As long as a call to the mesh may take: a request that is being served gets its answer. */
const CLOSE_GRACE_MS = 5_000;

/** A pull that is not answered gives way to the next one. */
const PULL_TIMEOUT_MS = 2_000;

interface ApiService extends HealthCheckedService {
  edge: Edge;
  identity: { apiKeys: ApiKeys; revocations: Revocations };
  router: Router<Pattern>;
  /** The routes whose bodies are files. */
  uploads: Router<Pattern>;
  listener: HttpListener | undefined;
  redis: RedisConnection | undefined;
  limiter: RateLimiter | undefined;
  /** Where it listens, such as `http://127.0.0.1:3000`. */
  address: string | undefined;
  /** Of moleculer-web. */
  aliases: Pattern[];
  addRoute(options: object): void;
  httpHandler(req: GatewayRequest, res: GatewayResponse): Promise<void>;
  regenerateAllAutoAliases(): void;
  continueHandler(req: GatewayRequest, res: GatewayResponse): Promise<void>;
  expectationHandler(req: GatewayRequest, res: GatewayResponse): void;
  bodyLimitBytes(req: GatewayRequest): number;
  isTooLarge(req: GatewayRequest): boolean;
  openRedis(url: string): Promise<void>;
}

/** As products broadcasts it; versions are those of writes, and absent where only the availability has changed. A broker of the
 *  release before names one product. */
type ProductsChanged =
  | { productIds: readonly string[]; versions?: Readonly<Record<string, number>> }
  | { productId: string; version: number };

const changesIn = (params: ProductsChanged): ProductChanged[] =>
  "productIds" in params
    ? params.productIds.map((id) => ({ id, version: params.versions?.[id] }))
    : [{ id: params.productId, version: params.version }];

const pathOf = ({ url }: GatewayRequest): string => (url as string).split("?", 1)[0] as string;

const webHandler = ApiGateway.methods?.httpHandler as unknown as ApiService["httpHandler"];

/** The HTTP edge: the table of `routes.ts`, served by moleculer-web. */
export default {
  name: "api",
  version: 1,
  mixins: [ApiGateway as unknown as ServiceSchema],

  settings: {
    // The service opens and closes its listener itself, and adds its routes when it knows its configuration.
    server: false,
    routes: false,
    logRequest: null,
    logRequestParams: null,
    logResponse: null,
    logRouteRegistration: null,
    optimizeOrder: false,
    // Names are taken as they are: `a[b]=1` is an unknown field.
    qsOptions: { depth: 0, plainObjects: true, parameterLimit: 100 },
    rootCallOptions(options: CallingOptions, { exchange }: GatewayRequest) {
      options.requestID = exchange.requestId;
      options.meta = { traceparent: exchange.traceparent };
      // The listener waits for running requests when it closes.
      options.tracking = false;
    },
  },

  actions: {
    // A fault of a service behind the gateway is not one of the gateway.
    rest: { circuitBreaker: { enabled: false } },
    listAliases: false,
    addRoute: false,
    removeRoute: false,
  },

  methods: {
    async httpHandler(this: ApiService, req: GatewayRequest, res: GatewayResponse) {
      begin(this.edge, req, res);
      if (!this.broker.started) res.setHeader("Connection", "close");
      if ((req.url as string).length > MAX_URL_LENGTH) return refuse(req, res, new UriTooLong(MAX_URL_LENGTH));
      // The body parser would first wait for all of it.
      if (this.isTooLarge(req)) return refuse(req, res, new BodyTooLarge(this.bodyLimitBytes(req)));
      if (req.method === "GET" || req.method === "HEAD") {
        try {
          if (await serveAtHand(req, res)) return;
        } catch (error) {
          return refuse(req, res, error);
        }
      }
      if (req.method !== "OPTIONS") return webHandler.call(this, req, res);
      // moleculer-web would run the action that a preflight only asks about.
      const allowed = this.router.allowed(pathOf(req));
      if (allowed === "") refuse(req, res, new NotFound());
      else answerOptions(req, res, allowed);
    },

    resolveAlias(this: ApiService, path: string, method: string): Found<Pattern> {
      const found = this.router.find(method, path);
      if (found !== undefined) return found;
      const allowed = this.router.allowed(path);
      throw allowed === "" ? new NotFound() : new MethodNotAllowed(method, allowed);
    },

    /** A client that wants to know first whether its body will be taken. */
    async continueHandler(this: ApiService, req: GatewayRequest, res: GatewayResponse) {
      if (this.isTooLarge(req)) res.setHeader("Connection", "close");
      else res.writeContinue();
      await this.httpHandler(req, res);
    },

    /** Of the request's route; of the part of a file, that of the whole file. */
    bodyLimitBytes(this: ApiService, req: GatewayRequest): number {
      try {
        const upload = this.uploads.find(req.method as string, pathOf(req));
        return upload === undefined ? MAX_BODY_BYTES : this.edge.config.uploadLimitBytes;
      } catch {
        // The address is not encoded correctly.
        return MAX_BODY_BYTES;
      }
    },

    isTooLarge(this: ApiService, req: GatewayRequest): boolean {
      const bytes = Number(req.headers["content-length"] ?? 0);
      return bytes > MAX_BODY_BYTES && bytes > this.bodyLimitBytes(req);
    },

    expectationHandler(this: ApiService, req: GatewayRequest, res: GatewayResponse) {
      begin(this.edge, req, res);
      refuse(req, res, new ExpectationFailed());
    },

    async openRedis(this: ApiService, url: string) {
      this.redis = await openRedis({
        url,
        clientName: `${this.broker.nodeID}-api`,
        optional: true,
        // The limiter says what it means for the gateway.
        log: { info: () => {}, warn: () => {} },
      });
      const { redis } = this;
      this.healthChecks = {
        ...this.healthChecks,
        redis: () =>
          redis.ping().catch(() => {
            throw new Degraded("redis");
          }),
      };
    },

    errorHandler: refuse,
    sendError: refuse,
  },

  created(this: ApiService) {
    const { env, clock } = runtimeOf(this.broker);
    const config = apiConfig(env);
    const apiKeys = new ApiKeys({
      clock,
      find: (keyHash) => this.broker.call("v1.users.findApiKey", { keyHash }),
      note: (uses) => this.broker.call("v1.users.noteApiKeyUse", { uses }),
      onNotNoted: (error) => this.logger.warn("The use of API keys is noted later", { error: messageOf(error) }),
    });
    const revocations = new Revocations({
      clock,
      pull: (params) => this.broker.call("v1.users.revocations", params, { timeout: PULL_TIMEOUT_MS }),
      onKids: (kids) => this.edge.authenticator.expectKids(kids),
      onRevoked: (item) => apiKeys.forget(item),
      onStale: (error) => this.logger.warn("The list of revoked tokens is not renewed", { error: messageOf(error) }),
    });
    this.identity = { apiKeys, revocations };
    this.edge = {
      config,
      clock,
      logger: this.logger,
      authenticator: new Authenticator({
        ...config.token,
        clock,
        fetchKeys: () => this.broker.call("v1.users.jwks", {}),
        revocations,
        apiKeys,
        onStaleKeys: (error) => this.logger.warn("The keys of access tokens are not renewed", { error: messageOf(error) }),
      }),
      cors: new Cors(config.corsOrigins),
      securityHeaders: securityHeaders(),
      clients: new Clients(config.proxies, config.forwardedHeader),
      limits: undefined,
      cache: new AnswerCache({
        ...config.cache,
        clock,
        isOutage,
        onStale: (error) => this.logger.warn("Answered with an old part of the catalogue", { error }),
      }),
      answering: new Answering(),
      checks: routeChecks(routes),
      streams: new EventStreams(config.streams, (error) =>
        this.logger.debug("Streams wait for their news", { error: messageOf(error) }),
      ),
      callMesh:
        ({ requestId, traceparent }) =>
        (name, params, { timeoutMs = config.requestTimeoutMs } = {}) =>
          this.broker.call(name, params as object, {
            requestID: requestId,
            meta: { traceparent },
            deadline: Deadline.in(timeoutMs),
          }) as never,
      checkHealth: () => checkHealth(this.broker),
    };
    this.healthChecks = readinessChecks(this.broker, routes);
    for (const route of webRoutes(routes)) this.addRoute(route);
    this.router = new Router(this.aliases);
    const uploads = new Set(routes.filter(({ transfer }) => transfer?.kind === "upload").map(aliasOf));
    this.uploads = new Router(this.aliases.filter(({ method, fullPath }) => uploads.has(`${method} ${fullPath}`)));
    // The table is all there is.
    this.regenerateAllAutoAliases = () => {};
  },

  events: {
    // Users may be among the services that are started after this one.
    "$broker.started": {
      handler(this: ApiService) {
        this.identity.revocations.start();
      },
    },
    [REVOKED]: {
      params: Revoked,
      handler(this: ApiService, { params }: Context<Revoked>) {
        this.identity.revocations.add(params.items);
      },
    },
    "order.changed": {
      params: orders.hints["order.changed"],
      handler(this: ApiService, ctx: Context<HintData<"order.changed">>) {
        this.edge.streams.wake(ctx.params.orderId);
      },
    },
    // At most once: an answer that it misses is used until it is too old.
    "products.changed": {
      handler(this: ApiService, { params }: Context<ProductsChanged>) {
        this.edge.cache.changed(changesIn(params));
      },
    },
    "products.categoriesChanged": {
      handler(this: ApiService, { params: { version } }: Context<{ version: number }>) {
        this.edge.cache.categoriesChanged(version);
      },
    },
    // Changes may have been told while this node was cut off.
    "$transporter.connected": {
      handler(this: ApiService) {
        this.edge.cache.clear();
      },
    },
  },

  async started(this: ApiService) {
    this.identity.apiKeys.start();
    const { host, port, tls, sockets, redisUrl, namespace, limits } = this.edge.config;
    const { clock, clients, answering } = this.edge;
    if (limits !== undefined) {
      if (redisUrl !== undefined) await this.openRedis(redisUrl);
      const shared = this.redis && redisCounters(this.redis, `${namespace}:api:limit`, LIMIT_WINDOW_MS);
      const log = {
        info: (message: string) => this.logger.info(message),
        warn: (message: string, detail: object) => this.logger.warn(message, detail),
      };
      this.limiter = new RateLimiter({ clock, windowMs: LIMIT_WINDOW_MS, shared, log });
      this.edge.limits = new Limits(limits, this.limiter, clients);
    }
    this.listener = await openHttpListener({
      variable: "API_PORT",
      host,
      port,
      tls,
      limits: {
        headersTimeout: sockets.headersTimeoutMs,
        // A file may take its time. What must be there soon is watched by the exchange.
        requestTimeout: 0,
        connectionsCheckingInterval: Math.min(5_000, Math.ceil(sockets.headersTimeoutMs / 4)),
        keepAliveTimeout: sockets.keepAliveMs,
        answerTimeout: sockets.answerTimeoutMs,
        maxConnections: sockets.maxConnections,
      },
      prepare: (server) =>
        server
          .on("clientError", connectionRefusal(answering, this.edge.securityHeaders))
          .on("checkContinue", (req, res) => void this.continueHandler(req as GatewayRequest, res as GatewayResponse))
          .on("checkExpectation", (req, res) => this.expectationHandler(req as GatewayRequest, res as GatewayResponse)),
      handle: (req, res) => void this.httpHandler(req as GatewayRequest, res as GatewayResponse),
      onError: (error) => this.logger.warn("HTTP listener", { error: messageOf(error) }),
    });
    this.address = this.listener.address;
    this.logger.info("Listening", { address: this.address });
  },

  async stopped(this: ApiService) {
    // Before the listener, which waits for requests that run.
    this.edge.streams.close();
    await this.listener?.close(CLOSE_GRACE_MS);
    await this.limiter?.stop();
    await this.redis?.close();
    await Promise.all([this.identity?.revocations.stop(), this.identity?.apiKeys.stop()]);
  },
} as unknown as ServiceSchema;
