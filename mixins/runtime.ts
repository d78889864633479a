import type { ServiceBroker } from "moleculer";
import { type Clock, systemClock } from "./lib/clock.ts";
import { type Environment, type EnvironmentReader, readEnvironment } from "./lib/config.ts";
import type { EventBus } from "./messaging/event-bus.ts";
import { JetStreamBus } from "./messaging/jetstream-bus.ts";
import { SqliteBus } from "./messaging/sqlite-bus.ts";

declare module "moleculer" {
  interface BrokerOptions {
    /** Molecart's own: never leaves the process (`metadata` would be sent to every node). */
    molecart?: { env?: Environment; clock?: Clock };
  }
}

/** What the services of one broker share. */
export interface Runtime {
  env: Environment;
  read: EnvironmentReader;
  clock: Clock;
  /** Asking for it makes the broker start it before its services. */
  readonly bus: EventBus;
  readonly busInUse: boolean;
}

const runtimes = new WeakMap<ServiceBroker, Runtime>();

const openBus = (broker: ServiceBroker, read: EnvironmentReader): EventBus => {
  const url = read.url("NATS_URL", ["nats", "tls"]);
  if (url === undefined) return new SqliteBus(`${read.dataDir}/events.db`);
  return new JetStreamBus({
    url,
    namespace: read.text("NAMESPACE", "molecart"),
    clientName: `${broker.nodeID} events`,
    replicas: read.integer("NATS_REPLICAS", 1, { min: 1, max: 5 }),
    onStatus: (status, detail) => broker.logger.info("NATS events connection", { status, detail: String(detail ?? "") }),
  });
};

export const runtimeOf = (broker: ServiceBroker): Runtime => {
  const known = runtimes.get(broker);
  if (known) return known;
  const { env = process.env, clock = systemClock } = broker.options.molecart ?? {};
  const read = readEnvironment(env);
  let bus: EventBus | undefined;
  const runtime: Runtime = {
    env,
    read,
    clock,
    get bus() {
      bus ??= openBus(broker, read);
      return bus;
    },
    get busInUse() {
      return bus !== undefined;
    },
  };
  runtimes.set(broker, runtime);
  return runtime;
};
