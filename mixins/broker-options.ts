import { hostname } from "node:os";
import type { BrokerOptions } from "moleculer";
import { ErrorRegenerator } from "./error-regenerator.ts";
import { faults } from "./faults.ts";
import type { Clock } from "./lib/clock.ts";
import { systemClock } from "./lib/clock.ts";
import { type Environment, readEnvironment } from "./lib/config.ts";
import { currentCorrelation } from "./lib/correlation.ts";
import { natsServers } from "./lib/nats-url.ts";
import { AjvValidator } from "./middlewares/ajv-validator.ts";
import { correlation } from "./middlewares/correlation.ts";
import { deadlines } from "./middlewares/deadlines.ts";
import { durableEvents } from "./middlewares/durable-events.ts";
import { healthServer } from "./middlewares/health-server.ts";
import { storeOutages } from "./middlewares/store-outages.ts";
import { PromptDiscoverer } from "./prompt-discoverer.ts";

/** The framework's settings for a broker, from the environment. A fresh object for each broker: the framework changes it. */
export const brokerOptions = (env: Environment = process.env, clock: Clock = faults.clock ?? systemClock): BrokerOptions => {
  const read = readEnvironment(env);
  const natsUrl = read.url("NATS_URL", ["nats", "tls"]);
  const embedded = natsUrl === undefined;
  return {
    namespace: read.text("NAMESPACE", "molecart"),
    nodeID: read.text("NODE_ID", embedded ? "molecart" : `${hostname()}-${process.pid}`),
    ...(natsUrl !== undefined && {
      transporter: {
        type: "NATS",
        options: {
          ...natsServers(natsUrl),
          reconnectTimeWait: 250,
          waitOnFirstConnect: true,
          // Refused twice, as by a server whose accounts are being changed, the connection would be closed for good.
          ignoreAuthErrorAbort: true,
          // A connection that died without a word is given up after three pings, not after six minutes.
          pingInterval: 2_000,
        },
      },
    }),
    logger: {
      type: "Pino",
      options: {
        level: read.oneOf("LOG_LEVEL", ["trace", "debug", "info", "warn", "error", "fatal"], embedded ? "warn" : "info"),
        pino: {
          options: {
            base: null,
            timestamp: () => `,"time":"${new Date().toISOString()}"`,
            formatters: { level: (label: string) => ({ level: label }) },
            mixin: () => ({ ...currentCorrelation() }),
            hooks: { logMethod: detailFirst },
          },
        },
      },
    },
    validator: new AjvValidator() as never,
    errorRegenerator: new ErrorRegenerator() as never,
    requestTimeout: 5_000,
    retryPolicy: { enabled: false, retries: 3, delay: 50, maxDelay: 1_000, factor: 2, check: isRetryable },
    circuitBreaker: {
      enabled: true,
      threshold: 0.5,
      minRequestCount: 10,
      windowTime: 10,
      halfOpenTime: 2_000,
      check: isCalleesFault,
    },
    transit: { serviceChangedDebounceTime: 50 } as never,
    dependencyInterval: 50,
    registry: { discoverer: new PromptDiscoverer(), strategy: "RoundRobin", preferLocal: true, stopDelay: 100 } as never,
    // From the innermost to the outermost. The framework's own order has the circuit breaker inside the timeout, where it never
    // sees a call that is not answered.
    internalMiddlewares: false,
    middlewares: [
      durableEvents(),
      storeOutages(),
      "ActionHook",
      "Validator",
      "Bulkhead",
      "Cacher",
      "ContextTracker",
      "Timeout",
      deadlines(),
      "CircuitBreaker",
      "Retry",
      "Fallback",
      "ErrorHandler",
      correlation(),
      healthServer(),
    ] as never,
    tracking: { enabled: true, shutdownTimeout: 10_000 },
    // The launcher owns the signals: it bounds the time that a shutdown may take.
    skipProcessEventRegistration: true,
    molecart: { env, clock },
  };
};

const isRetryable = (error: Error): boolean => (error as { retryable?: boolean }).retryable === true;

/** Who is silent for so long does not work; who had less time may only be busy. Below the second that the gateway gives to a part of
 *  a page. */
const FAIR_CHANCE_MS = 750;

/** A refusal is an answer, and so is that a store is away: it comes at once, and a circuit that opens at every level on the way
 *  up would keep the shop away for seconds after the store is back. Faults and silence open the circuit. */
const isCalleesFault = (error: Error): boolean => {
  const { code, type, data } = error as { code?: unknown; type?: unknown; data?: { waitedMs?: number } };
  // Who was given no time is not to blame: else one client in a hurry could shut a service for all the others.
  if (type === "DEADLINE_EXCEEDED") return (data?.waitedMs ?? 0) >= FAIR_CHANCE_MS;
  // Drivers and Node put texts where the framework and ours have an HTTP status.
  return type !== "UNAVAILABLE" && (typeof code !== "number" || code >= 500);
};

/** The framework says (message, detail); pino wants (detail, message). */
function detailFirst(this: unknown, args: unknown[], method: (...args: unknown[]) => void): void {
  const [message, detail, ...rest] = args;
  const swap = typeof message === "string" && typeof detail === "object" && detail !== null;
  method.apply(this, swap ? [detail instanceof Error ? { err: detail } : detail, message, ...rest] : args);
}
