import { randomBytes } from "node:crypto";
import { startNats } from "./servers/nats.ts";
import { freePort } from "./servers/ports.ts";
import { startPostgres } from "./servers/postgres.ts";
import type { RunningServer } from "./servers/process.ts";
import { startRedis } from "./servers/redis.ts";
import { ShopProcess } from "./shop-process.ts";
import { removeDataDirs, temporaryDataDir } from "./worlds.ts";

const SQL_SERVICES = ["users", "inventory", "orders", "payments", "shipping"];

export interface Cluster {
  /** The first gateway. */
  api: string;
  /** All of them, in the order of their launch. */
  apis: string[];
  payments: string;
  env: Record<string, string>;
  nats: RunningServer;
  postgres: RunningServer;
  redis: RunningServer;
  /** By name: the services that it runs and a number, such as `orders-2`. */
  brokers: Map<string, ShopProcess>;
  /** Starts one more broker and resolves when it is ready. */
  launch(...services: string[]): Promise<ShopProcess>;
  close(): Promise<void>;
}

/** Real servers and one process per broker; `layout` says which services each broker runs. */
export const openCluster = async (
  layout: readonly (readonly string[])[],
  settings: Record<string, string> = {},
  onOutput?: (text: string) => void,
): Promise<Cluster> => {
  const [nats, postgres, redis] = await Promise.all([startNats({ jetstream: true }), startPostgres(), startRedis()]);
  const databases = await Promise.all(
    SQL_SERVICES.map(
      async (service) => [`${service.toUpperCase()}_DATABASE_URL`, await postgres.createDatabase(service)] as const,
    ),
  );
  const [apiPort, paymentsPort] = [await freePort(), await freePort()];
  const env: Record<string, string> = {
    NATS_URL: nats.url,
    REDIS_URL: redis.url,
    ...Object.fromEntries(databases),
    HOST: "127.0.0.1",
    API_PORT: String(apiPort),
    DATA_DIR: temporaryDataDir(),
    LOG_LEVEL: "warn",
    RATE_LIMIT: "off",
    USERS_KEY_SECRET: randomBytes(32).toString("base64"),
    PAYMENTS_SANDBOX_WEBHOOK_SECRET: randomBytes(32).toString("base64"),
    PAYMENTS_SANDBOX_LATE_MS: "1000",
    PAYMENTS_PROVIDER_TIMEOUT_MS: "1500",
    NOTIFICATIONS_TRANSPORT: "files",
    ...settings,
  };
  const brokers = new Map<string, ShopProcess>();
  const counts = new Map<string, number>();
  let paymentsBrokers = 0;
  const apis: string[] = [];

  const launch = async (...services: string[]): Promise<ShopProcess> => {
    const base = services.join("+");
    const count = (counts.get(base) ?? 0) + 1;
    counts.set(base, count);
    const name = `${base}-${count}`;
    const healthPort = await freePort();
    const hasPayments = services.includes("payments");
    // The first payments broker has the known port: clients find it there, as behind a load balancer.
    const port = hasPayments && paymentsBrokers++ > 0 ? await freePort() : paymentsPort;
    const hasApi = services.includes("api");
    const ownApiPort = hasApi && apis.length > 0 ? await freePort() : apiPort;
    if (hasApi) apis.push(`http://127.0.0.1:${ownApiPort}`);
    const broker = new ShopProcess({
      command: ["broker.ts", ...services],
      env: {
        ...env,
        NODE_ID: name,
        HEALTH_PORT: String(healthPort),
        ...(hasApi && { API_PORT: String(ownApiPort) }),
        ...(hasPayments && { PAYMENTS_PORT: String(port) }),
      },
      readyUrl: `http://127.0.0.1:${healthPort}/health/ready`,
      onOutput,
    });
    brokers.set(name, broker);
    await broker.start();
    return broker;
  };

  const close = async (): Promise<void> => {
    await Promise.all([...brokers.values()].map((broker) => broker.kill()));
    await Promise.all([nats.stop(), postgres.stop(), redis.stop()]);
    removeDataDirs();
  };

  try {
    await Promise.all(layout.map((services) => launch(...services)));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    api: `http://127.0.0.1:${apiPort}`,
    apis,
    payments: `http://127.0.0.1:${paymentsPort}`,
    env,
    nats,
    postgres,
    redis,
    brokers,
    launch,
    close,
  };
};
