import { afterAll, afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { MolecartClient } from "@molecart/client";
import { openShop, signUp } from "@molecart/client/demo/customer.ts";
import { createBroker, installedServices } from "@molecart/mixins/launch.ts";
import type { ServiceBroker } from "moleculer";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { startRedis } from "../support/servers/redis.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(120_000);

const ADMIN = { email: "admin@example.com", password: "a long password of an admin" };

describeWith(["redis"], "The shop while Redis is away", () => {
  let redis: RunningServer;
  let broker: ServiceBroker;
  let address: string;
  let sku: string;
  let customer: MolecartClient;

  const guest = (method: string, path: string, token?: string, body?: object) =>
    fetch(`${address}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json", ...(token && { "x-cart-token": token }) },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });

  beforeEach(async () => {
    redis = await startRedis();
    const env = {
      DATA_DIR: temporaryDataDir(),
      REDIS_URL: redis.url,
      API_PORT: "0",
      PAYMENTS_PORT: "0",
      API_CACHE_SECONDS: "0",
      RATE_LIMIT: "off",
      LOG_LEVEL: "fatal",
      USERS_ADMIN_EMAIL: ADMIN.email,
      USERS_ADMIN_PASSWORD: ADMIN.password,
    };
    broker = await createBroker(await installedServices(), { env });
    await broker.start();
    address = (broker.getLocalService("v1.api") as unknown as { address: string }).address;
    const addresses = { api: address, payments: address };
    const staff = openShop(addresses, Date.now() + 120_000);
    await staff.login({ body: ADMIN });
    const [category] = (await staff.listCategories()).items;
    const product = await staff.createProduct({
      body: {
        name: "Quay lamp",
        brand: "Lumen & Tide",
        category: category?.slug as string,
        description: "A lamp for the quay.",
        variants: [{ sku: "QUAY-1", attributes: {}, price: { amount: 1_000, currency: "EUR" } }],
        images: [],
      },
    });
    sku = product.variants[0]?.sku as string;
    await staff.setStock({ sku, body: { onHand: 500 } });
    customer = openShop(addresses, Date.now() + 120_000);
    await signUp(customer, "Ada");
  });
  afterEach(async () => {
    await broker?.stop();
    await redis?.stop();
  });
  afterAll(removeDataDirs);

  test("browses, says what is missing, refuses carts at once, and has every cart when Redis is back", async () => {
    await customer.addCartItem({ body: { sku, quantity: 2 } });
    const first = await guest("POST", "/cart/items", undefined, { sku, quantity: 1 });
    expect(first.status).toBe(200);
    const token = first.headers.get("x-cart-token") as string;
    await Promise.all(Array.from({ length: 50 }, () => guest("POST", "/cart/items", token, { sku, quantity: 1 })));
    await guest("PUT", `/cart/items/${sku}`, token, { quantity: 60 });
    expect((await guest("POST", `/cart/items/${sku}/save`, token)).status).toBe(200);
    expect((await guest("POST", "/cart/items", token, { sku, quantity: 3 })).status).toBe(200);

    await redis.kill();
    const refused = await guest("GET", "/cart", token);
    expect([refused.status, refused.headers.get("content-type")]).toEqual([
      503,
      expect.stringContaining("application/problem+json"),
    ]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ code: "SERVICE_UNAVAILABLE" });
    const written = await guest("POST", "/cart/items", token, { sku, quantity: 1 });
    expect([written.status, Number(written.headers.get("retry-after")) > 0]).toEqual([503, true]);

    expect((await customer.searchProducts({ q: "lamp" })).items).toHaveLength(1);
    expect((await guest("GET", "/categories")).status).toBe(200);
    expect(await customer.getOverview()).toMatchObject({ cart: null, degraded: ["cart"], profile: { name: "Ada" }, orders: [] });

    await redis.restart();
    const back = await eventually(async () => {
      const answer = await guest("GET", "/cart", token);
      expect(answer.status).toBe(200);
      return (await answer.json()) as { lines: { quantity: number }[]; saved: { quantity: number }[] };
    });
    expect([back.lines.map((line) => line.quantity), back.saved.map((line) => line.quantity)]).toEqual([[3], [60]]);
    expect((await customer.getCart()).lines.map(({ quantity }) => quantity)).toEqual([2]);
    expect((await customer.getOverview()).degraded).toEqual([]);
  });
});
