import { waitFor } from "./eventually.ts";
import { freePort } from "./servers/ports.ts";
import { ShopProcess } from "./shop-process.ts";
import { temporaryDataDir } from "./worlds.ts";

export interface EmbeddedShop {
  shop: ShopProcess;
  dataDir: string;
  addresses: { api: string; payments: string };
}

/** `npm start` on free ports and an empty folder, with its demo shop in place, and a sandbox that is late within a test's patience. */
export const startEmbeddedShop = async (): Promise<EmbeddedShop> => {
  const dataDir = temporaryDataDir();
  const [apiPort, paymentsPort] = [await freePort(), await freePort()];
  const addresses = { api: `http://127.0.0.1:${apiPort}`, payments: `http://127.0.0.1:${paymentsPort}` };
  const shop = new ShopProcess({
    command: ["start.ts"],
    env: {
      DATA_DIR: dataDir,
      API_PORT: String(apiPort),
      PAYMENTS_PORT: String(paymentsPort),
      RATE_LIMIT: "off",
      LOG_LEVEL: "error",
      PAYMENTS_SANDBOX_LATE_MS: "500",
      PAYMENTS_PROVIDER_TIMEOUT_MS: "1000",
    },
    readyUrl: `${addresses.api}/health/ready`,
  });
  await shop.start();
  await waitFor(() => shop.output.includes("Molecart is ready"), { describe: "the demo shop to be seeded" });
  return { shop, dataDir, addresses };
};
