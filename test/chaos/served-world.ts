import { cpSync, writeFileSync } from "node:fs";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import { newToken } from "@molecart/mixins/lib/ids.ts";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { waitFor } from "../support/eventually.ts";
import { startNats } from "../support/servers/nats.ts";
import { freePort } from "../support/servers/ports.ts";
import { startPostgres } from "../support/servers/postgres.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { startRedis } from "../support/servers/redis.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { Supervised } from "./supervised.ts";
import { CHARGES, REFUNDS, toFacts } from "./webhooks.ts";
import { foldersIn, inTurn, type Member, SETTINGS, type Witness, type World } from "./world.ts";

const START_WITHIN_MS = 90_000;
const SQL_SERVICES = ["users", "inventory", "orders", "payments", "shipping"];

/** Two brokers of everything that an order needs. Products and notifications keep embedded stores here, which belong to one
 *  broker each. */
const LAYOUT: readonly (readonly [name: string, ...services: string[]])[] = [
  ["api-1", "api"],
  ["api-2", "api"],
  ["orders-1", "orders"],
  ["orders-2", "orders"],
  ["inventory-1", "inventory"],
  ["inventory-2", "inventory"],
  ["payments-1", "payments"],
  ["payments-2", "payments"],
  ["shipping-1", "shipping"],
  ["shipping-2", "shipping"],
  ["users+carts-1", "users", "carts"],
  ["users+carts-2", "users", "carts"],
  ["products-1", "products"],
  ["notifications-1", "notifications"],
];

const PRODUCTS = 12;
const SCARCE = 2;
const SCARCE_UNITS = 5;

const through = (url: string, { host, port }: TcpProxy): string => {
  const address = new URL(url);
  address.hostname = host;
  address.port = String(port);
  return address.href;
};

const serverOf = (variable: string): string =>
  variable === "NATS_URL" ? "nats" : variable === "REDIS_URL" ? "redis" : "postgres";

/** The servers that a service uses. */
const serversOf = (service: string): string[] => [
  "nats",
  ...(SQL_SERVICES.includes(service) ? ["postgres"] : []),
  ...(service === "carts" ? ["redis"] : []),
];

const stockShop = async (env: Record<string, string>): Promise<string[]> => {
  const operator = new ServiceBroker(brokerOptions({ ...env, NODE_ID: "operator", LOG_LEVEL: "fatal" }));
  await operator.start();
  try {
    await operator.waitForServices(["v1.products", "v1.inventory"], 20_000);
    const { items } = (await operator.call("v1.products.categories", {})) as { items: { slug: string }[] };
    const skus: string[] = [];
    for (let n = 1; n <= PRODUCTS; n++) {
      const sku = `LAMP-${n}`;
      await operator.call("v1.products.create", {
        name: `Harbour lamp ${n}`,
        brand: "Lumen & Tide",
        category: items[0]?.slug,
        description: "A lamp for the quay.",
        variants: [{ sku, attributes: {}, price: { amount: 1_000 * n, currency: "EUR" } }],
        status: "published",
      });
      await operator.call("v1.inventory.set", { sku, onHand: n <= SCARCE ? SCARCE_UNITS : 10_000 });
      skus.push(sku);
    }
    return skus;
  } finally {
    await operator.stop();
  }
};

/** Real NATS, PostgreSQL and Redis, one process per broker, and a proxy on every way from a broker to a server. */
export const openServedWorld = async ({ folder, onDeath, onReady }: Witness): Promise<World> => {
  const folders = foldersIn(folder);
  const [nats, postgres, redis] = await Promise.all([startNats({ jetstream: true }), startPostgres(), startRedis()]);
  const servers = new Map<string, RunningServer>([
    ["nats", nats],
    ["postgres", postgres],
    ["redis", redis],
  ]);
  const proxies: TcpProxy[] = [];
  const brokers: Member[] = [];
  const webhookSecret = newToken();
  const databases: [string, string][] = [];
  for (const service of SQL_SERVICES)
    databases.push([`${service.toUpperCase()}_DATABASE_URL`, await postgres.createDatabase(service)]);
  const reached: Record<string, string> = { NATS_URL: nats.url, REDIS_URL: redis.url, ...Object.fromEntries(databases) };
  const env: Record<string, string> = {
    ...SETTINGS,
    ...reached,
    DATA_DIR: folders.data,
    USERS_KEY_SECRET: newToken(),
    USERS_ADMIN_EMAIL: "admin@molecart.example",
    USERS_ADMIN_PASSWORD: newToken(),
    PAYMENTS_SANDBOX_WEBHOOK_SECRET: webhookSecret,
  };
  // A pool whose connections die with the server must not end this process.
  const payments = new pg.Pool({ connectionString: env.PAYMENTS_DATABASE_URL, max: 1, connectionTimeoutMillis: 2_000 });
  payments.on("error", () => {});

  const addressesOf = { api: [] as string[], payments: [] as string[] };
  const add = async ([name, ...services]: readonly [string, ...string[]]): Promise<void> => {
    const links = new Map<string, TcpProxy>();
    for (const [server, { port }] of servers) {
      if (!services.some((service) => serversOf(service).includes(server))) continue;
      const proxy = await startTcpProxy({ port });
      links.set(server, proxy);
      proxies.push(proxy);
    }
    const ways = Object.entries(reached).flatMap(([variable, url]) => {
      const proxy = links.get(serverOf(variable));
      return proxy === undefined ? [] : [[variable, through(url, proxy)] as const];
    });
    const [healthPort, port] = [await freePort(), await freePort()];
    if (services.includes("api")) addressesOf.api.push(`http://127.0.0.1:${port}`);
    if (services.includes("payments")) addressesOf.payments.push(`http://127.0.0.1:${port}`);
    const process = new Supervised({
      name,
      command: ["broker.ts", ...services],
      env: {
        ...env,
        ...Object.fromEntries(ways),
        NODE_ID: name,
        HEALTH_PORT: String(healthPort),
        API_PORT: String(port),
        PAYMENTS_PORT: String(port),
      },
      readyUrl: `http://127.0.0.1:${healthPort}/health/ready`,
      logFile: `${folders.logs}/${name}.log`,
      faultsFile: `${folders.faults}/${name}.json`,
      onDeath: (died) => onDeath(name, died),
      onReady: (afterMs) => onReady(name, afterMs),
    });
    brokers.push({ process, services, links });
  };

  const close = async (): Promise<void> => {
    await Promise.all(brokers.map(({ process }) => process.close()));
    await payments.end().catch(() => {});
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await Promise.all([...servers.values()].map((server) => server.stop()));
  };

  try {
    for (const entry of LAYOUT) await add(entry);
    for (const { process } of brokers) process.start();
    const allReady = async () => (await Promise.all(brokers.map(({ process }) => process.isReady()))).every(Boolean);
    await waitFor(allReady, { withinMs: START_WITHIN_MS, everyMs: 200, describe: "every broker to be ready" });
    const skus = await stockShop(env);
    const [api, listener] = [inTurn(addressesOf.api), inTurn(addressesOf.payments)];
    return {
      brokers,
      servers,
      env,
      addresses: {
        get api() {
          return api();
        },
        get payments() {
          return listener();
        },
      },
      webhookSecret,
      skus,
      providerFacts: async () => {
        const charges = await payments.query(CHARGES);
        const refunds = await payments.query(REFUNDS);
        return toFacts(charges.rows, refunds.rows);
      },
      keepEvidence: async (into) => {
        for (const [name, server] of servers) {
          writeFileSync(`${into}/logs/${name}.log`, server.log);
          await server.kill();
          cpSync(server.folder, `${into}/${name}`, { recursive: true });
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
};
