import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { openShop } from "@molecart/client/demo/customer.ts";
import type { DemoLogin } from "@molecart/mixins/contracts/users.ts";
import { newToken } from "@molecart/mixins/lib/ids.ts";
import { waitFor } from "../support/eventually.ts";
import { freePort } from "../support/servers/ports.ts";
import { Supervised } from "./supervised.ts";
import { CHARGES, REFUNDS, toFacts } from "./webhooks.ts";
import { foldersIn, SETTINGS, type Witness, type World } from "./world.ts";

const START_WITHIN_MS = 60_000;
/** How many products are ordered, and how few units there are of some of them. */
const ON_SALE = 12;
const SCARCE = 2;
const SCARCE_UNITS = 5;

/** The whole shop in one process. */
export const openEmbeddedWorld = async ({ folder, onDeath, onReady }: Witness): Promise<World> => {
  const folders = foldersIn(folder);
  const [apiPort, paymentsPort] = [await freePort(), await freePort()];
  const addresses = { api: `http://127.0.0.1:${apiPort}`, payments: `http://127.0.0.1:${paymentsPort}` };
  const webhookSecret = newToken();
  const env = {
    ...SETTINGS,
    DATA_DIR: folders.data,
    API_PORT: String(apiPort),
    PAYMENTS_PORT: String(paymentsPort),
    PAYMENTS_SANDBOX_WEBHOOK_SECRET: webhookSecret,
  };
  const shop = new Supervised({
    name: "shop",
    command: ["start.ts"],
    env,
    readyUrl: `${addresses.api}/health/ready`,
    logFile: `${folders.logs}/shop.log`,
    faultsFile: `${folders.faults}/shop.json`,
    onDeath: (died) => onDeath("shop", died),
    onReady: (afterMs) => onReady("shop", afterMs),
  });
  const stockShop = async (): Promise<string[]> => {
    const logins = JSON.parse(readFileSync(`${folders.data}/demo-logins.json`, "utf8")) as DemoLogin[];
    const { email, password } = logins.find(({ role }) => role === "staff") as DemoLogin;
    const staff = openShop(addresses, Date.now() + START_WITHIN_MS);
    await staff.login({ body: { email, password } }, { repeat: true });
    const { items } = await staff.searchProducts({ limit: ON_SALE });
    const skus = items.map(({ variants }) => variants[0]?.sku as string);
    for (const [index, sku] of skus.entries())
      await staff.setStock({ sku, body: { onHand: index < SCARCE ? SCARCE_UNITS : 10_000 } });
    return skus;
  };
  shop.start();
  try {
    const ready = () => readFileSync(`${folders.logs}/shop.log`, "utf8").includes("Molecart is ready");
    await waitFor(ready, { withinMs: START_WITHIN_MS, everyMs: 100, describe: "the shop to be ready" });
    return {
      brokers: [{ process: shop, services: ["orders", "inventory", "payments", "shipping", "notifications"], links: new Map() }],
      servers: new Map(),
      env,
      addresses,
      webhookSecret,
      skus: await stockShop(),
      providerFacts: async () => {
        using db = new DatabaseSync(`${folders.data}/payments.db`, { readOnly: true });
        return toFacts(db.prepare(CHARGES).all() as never, db.prepare(REFUNDS).all() as never);
      },
      keepEvidence: async () => {},
      close: () => shop.close(),
    };
  } catch (error) {
    await shop.close();
    throw error;
  }
};
