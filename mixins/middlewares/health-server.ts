import type { IncomingMessage, ServerResponse } from "node:http";
import type { Middleware, ServiceBroker } from "moleculer";
import { checkHealth } from "../health.ts";
import { type HttpListener, openHttpListener } from "../http-listener.ts";
import { messageOf } from "../lib/errors.ts";
import { runtimeOf } from "../runtime.ts";

/** Probes are short: whoever still reads an answer then does not read at all. */
const CLOSE_GRACE_MS = 500;

const addresses = new WeakMap<ServiceBroker, string>();

/** Where a broker's health server listens, such as `http://127.0.0.1:9000`; undefined where it has none. */
export const healthAddressOf = (broker: ServiceBroker): string | undefined => addresses.get(broker);

const send = (response: ServerResponse, status: number, body: object): void => {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "Content-Type": "application/json; charset=utf-8",
    "Content-Length": Buffer.byteLength(text),
    "Cache-Control": "no-store",
  });
  response.end(text);
};

const answer = async (broker: ServiceBroker, { method, url }: IncomingMessage, response: ServerResponse): Promise<void> => {
  const path = url?.split("?", 1)[0];
  if (path !== "/health/live" && path !== "/health/ready") return send(response, 404, { status: "not found" });
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return send(response, 405, { status: "method not allowed" });
  }
  if (path === "/health/live") return send(response, 200, { status: "ok" });
  const report = await checkHealth(broker);
  send(response, report.status === "unavailable" ? 503 : 200, report);
};

/** Answers /health/live and /health/ready of this node on HOST:HEALTH_PORT, where that is set, from before the services start
 *  until after they have stopped. Ready means: the broker runs and all that its services need answers. */
export const healthServer = (): Middleware => {
  let listener: HttpListener | undefined;
  return {
    name: "HealthServer",

    async starting(broker: ServiceBroker) {
      const { read } = runtimeOf(broker);
      if (read.raw("HEALTH_PORT") === undefined) return;
      listener = await openHttpListener({
        variable: "HEALTH_PORT",
        host: read.host,
        port: read.integer("HEALTH_PORT", 0, { max: 65_535 }),
        handle: (request, response) => {
          answer(broker, request, response).catch((error) => {
            broker.logger.error("Health probe failed", { error: messageOf(error) });
            response.destroy();
          });
        },
        onError: (error) => broker.logger.warn("Health listener", { error: messageOf(error) }),
      });
      addresses.set(broker, listener.address);
    },

    async stopped() {
      await listener?.close(CLOSE_GRACE_MS);
      listener = undefined;
    },
  } as unknown as Middleware;
};
