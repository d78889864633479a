import { checkHealth, type HealthCheckedService } from "@molecart/mixins/health.ts";
import { type HttpListener, openHttpListener } from "@molecart/mixins/http-listener.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { CallingOptions, ServiceSchema } from "moleculer";
import ApiGateway from "moleculer-web";
import { apiConfig } from "./api.config.ts";
import { MethodNotAllowed, NotFound } from "./api.errors.ts";
import { answerOptions, begin, type Edge, type GatewayRequest, type GatewayResponse, refuse } from "./api.exchange.ts";
import { readinessChecks } from "./api.readiness.ts";
import { webRoutes } from "./api.web-routes.ts";
import { Authenticator } from "./authentication.ts";
import { Cors } from "./cors.ts";
import { WindowCounter } from "./rate-limit.ts";
import { routeChecks } from "./request-validation.ts";
import { type Found, type Pattern, Router } from "./router.ts";
import { routes } from "./routes.ts";
import { securityHeaders } from "./security-headers.ts";

const MINUTE_MS = 60_000;
/** As long as a call to the mesh may take: a request that is being served gets its answer. */
const CLOSE_GRACE_MS = 5_000;

interface ApiService extends HealthCheckedService {
  edge: Edge;
  router: Router<Pattern>;
  listener: HttpListener | undefined;
  /** Where it listens, such as `http://127.0.0.1:3000`. */
  address: string | undefined;
  /** Of moleculer-web. */
  aliases: Pattern[];
  addRoute(options: object): void;
  httpHandler(req: GatewayRequest, res: GatewayResponse): Promise<void>;
  regenerateAllAutoAliases(): void;
}

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
      if (req.method !== "OPTIONS") return webHandler.call(this, req, res);
      // moleculer-web would run the action that a preflight only asks about.
      const allowed = this.router.allowed((req.url as string).split("?", 1)[0] as string);
      if (allowed === "") refuse(req, res, new NotFound());
      else answerOptions(req, res, allowed);
    },

    resolveAlias(this: ApiService, path: string, method: string): Found<Pattern> {
      const found = this.router.find(method, path);
      if (found !== undefined) return found;
      const allowed = this.router.allowed(path);
      throw allowed === "" ? new NotFound() : new MethodNotAllowed(method, allowed);
    },

    errorHandler: refuse,
    sendError: refuse,
  },

  created(this: ApiService) {
    const { env, clock } = runtimeOf(this.broker);
    const config = apiConfig(env);
    this.edge = {
      config,
      clock,
      logger: this.logger,
      authenticator: new Authenticator({
        ...config.token,
        clock,
        fetchKeys: () => this.broker.call("v1.users.jwks", {}),
        onStaleKeys: (error) => this.logger.warn("The keys of access tokens are not renewed", { error: messageOf(error) }),
      }),
      cors: new Cors(config.corsOrigins),
      securityHeaders: securityHeaders(),
      limiter: new WindowCounter(clock, MINUTE_MS),
      checks: routeChecks(routes),
      callMesh:
        ({ requestId, traceparent }) =>
        (name, params) =>
          this.broker.call(name, params as object, { requestID: requestId, meta: { traceparent } }) as never,
      checkHealth: () => checkHealth(this.broker),
    };
    this.healthChecks = readinessChecks(this.broker, routes);
    for (const route of webRoutes(routes)) this.addRoute(route);
    this.router = new Router(this.aliases);
    // The table is all there is.
    this.regenerateAllAutoAliases = () => {};
  },

  async started(this: ApiService) {
    const { host, port } = this.edge.config;
    this.listener = await openHttpListener({
      variable: "API_PORT",
      host,
      port,
      // A file may take its time. What must be there soon is watched by the exchange.
      limits: { requestTimeout: 0 },
      handle: (req, res) => void this.httpHandler(req as GatewayRequest, res as GatewayResponse),
      onError: (error) => this.logger.warn("HTTP listener", { error: messageOf(error) }),
    });
    this.address = this.listener.address;
    this.logger.info("Listening", { address: this.address });
  },

  async stopped(this: ApiService) {
    await this.listener?.close(CLOSE_GRACE_MS);
  },
} as unknown as ServiceSchema;
