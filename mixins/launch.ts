import { readdir } from "node:fs/promises";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { brokerOptions } from "./broker-options.ts";
import type { Clock } from "./lib/clock.ts";
import type { Environment } from "./lib/config.ts";
import { ConfigurationError, MolecartError, messageOf } from "./lib/errors.ts";

const SERVICES = new URL("../services/", import.meta.url);

/** A shutdown that takes longer has something that hangs; the stores are made for being killed. */
const SHUTDOWN_DEADLINE_MS = 15_000;

/** The services that are installed here: all of them in the repository, one of them in its image. */
export const installedServices = async (): Promise<string[]> => {
  const entries = await readdir(SERVICES, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
};

export interface LaunchOptions {
  env?: Environment;
  clock?: Clock;
}

/** A broker with these services, not started. An unknown name is an error, never a silently empty broker. */
export const createBroker = async (
  names: readonly string[],
  { env = process.env, clock }: LaunchOptions = {},
): Promise<ServiceBroker> => {
  const installed = await installedServices();
  const unknown = names.filter((name) => !installed.includes(name));
  if (unknown.length > 0)
    throw new ConfigurationError("services", `no such service: ${unknown.join(", ")}. There are ${installed.join(", ")}`);
  const schemas = await Promise.all(
    names.map(async (name) => {
      const file = new URL(`${name}/${name}.service.ts`, SERVICES);
      return ((await import(file.href)) as { default: ServiceSchema }).default;
    }),
  );
  const broker = new ServiceBroker(brokerOptions(env, clock));
  for (const schema of schemas) broker.createService(schema);
  return broker;
};

const fail = (error: unknown): never => {
  // A mistake of the person who starts it is told in a sentence; a stack is for mistakes of ours.
  const text = error instanceof MolecartError ? `${error.type}: ${messageOf(error)}` : error;
  console.error(text);
  process.exit(1);
};

/** Ends the process in order on SIGINT and SIGTERM: services finish what they do, leave the mesh, close their stores. */
export const stopOnSignals = (broker: ServiceBroker): void => {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    broker.logger.info("Stopping", { signal });
    setTimeout(() => fail(new Error(`Not stopped within ${SHUTDOWN_DEADLINE_MS} ms`)), SHUTDOWN_DEADLINE_MS).unref();
    broker.stop().then(() => process.exit(0), fail);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
};

/** Creates and starts a broker that owns this process. */
export const launch = async (names: readonly string[], options: LaunchOptions = {}): Promise<ServiceBroker> => {
  try {
    const broker = await createBroker(names, options);
    stopOnSignals(broker);
    await broker.start();
    return broker;
  } catch (error) {
    return fail(error);
  }
};
