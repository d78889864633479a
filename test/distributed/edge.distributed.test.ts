import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import type { Product } from "@molecart/mixins/contracts/products.ts";
import { ServiceBroker } from "moleculer";
import { type Cluster, openCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";

jest.setTimeout(180_000);

const CREDENTIALS = 6;
/** Longer than the test: what is shown anew was told of. */
const CACHE_SECONDS = "3600";

describeWith(["nats", "postgres", "redis"], "Gateways with one Redis over NATS", () => {
  let cluster: Cluster;
  let operator: ServiceBroker;
  let product: Product;

  const show = async (api: string | undefined) => {
    const response = await fetch(`${api}/api/v1/products/${product.id}`, { signal: AbortSignal.timeout(10_000) });
    return { status: response.status, name: ((await response.json()) as Product).name };
  };
  const find = async (api: string | undefined) => {
    const response = await fetch(`${api}/api/v1/products?q=quay`, { signal: AbortSignal.timeout(10_000) });
    return ((await response.json()) as { items: Product[] }).items.map(({ name }) => name);
  };
  const rename = (name: string) =>
    operator.call("v1.products.update", { productId: product.id, change: { name } }) as Promise<Product>;
  const login = async (api: string | undefined) => {
    const { status } = await fetch(`${api}/api/v1/auth/login`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ email: "nobody@example.com", password: "not a password" }),
      signal: AbortSignal.timeout(20_000),
    });
    return status;
  };

  beforeAll(async () => {
    cluster = await openCluster(
      [
        ["api"],
        ["api"],
        ["api"],
        ["products"],
        ["users", "inventory", "carts", "orders", "payments", "shipping", "notifications"],
      ],
      { RATE_LIMIT: "on", API_LIMIT_CREDENTIALS: String(CREDENTIALS), API_CACHE_SECONDS: CACHE_SECONDS },
    );
    operator = new ServiceBroker(brokerOptions({ ...cluster.env, NODE_ID: "operator", LOG_LEVEL: "fatal" }));
    await operator.start();
    await operator.waitForServices(["v1.products"], 20_000);
    const [category] = ((await operator.call("v1.products.categories", {})) as { items: { slug: string }[] }).items;
    product = await operator.call("v1.products.create", {
      name: "Quay lamp",
      brand: "Lumen & Tide",
      category: category?.slug,
      description: "A lamp for the quay.",
      variants: [{ sku: "QUAY-1", attributes: {}, price: { amount: 1_000, currency: "EUR" } }],
      status: "published",
    });
  });
  afterAll(async () => {
    await operator?.stop();
    await cluster?.close();
  });

  test("show a change at once, both, though they keep what they have read", async () => {
    const [one, two] = cluster.apis;
    const products = cluster.brokers.get("products-1");
    for (const api of [one, two]) {
      expect(await show(api)).toEqual({ status: 200, name: "Quay lamp" });
      expect(await find(api)).toEqual(["Quay lamp"]);
    }
    // Nobody is asked: nobody could answer.
    products?.signal("SIGSTOP");
    try {
      for (const api of [one, two]) {
        expect(await show(api)).toEqual({ status: 200, name: "Quay lamp" });
        expect(await find(api)).toEqual(["Quay lamp"]);
      }
    } finally {
      products?.signal("SIGCONT");
    }
    for (let n = 1; n <= 5; n++) {
      await rename(`Quay lamp ${n}`);
      for (const api of [one, two])
        await eventually(async () => {
          expect((await show(api)).name).toBe(`Quay lamp ${n}`);
          expect(await find(api)).toEqual([`Quay lamp ${n}`]);
        });
    }
  });

  test("show what they have while NATS is away, and the next change after it", async () => {
    const [one, two] = cluster.apis;
    await Promise.all([show(one), show(two)]);
    await cluster.nats.kill();
    for (const api of [one, two]) expect((await show(api)).name).toBe("Quay lamp 5");
    await cluster.nats.restart();
    await eventually(() => rename("Quay lamp 6"), { withinMs: 60_000 });
    for (const api of [one, two])
      await eventually(async () => expect((await show(api)).name).toBe("Quay lamp 6"), { withinMs: 30_000 });
  });

  test("count tries together, go on by themselves while Redis is away, and count together again", async () => {
    const [one, two, three] = cluster.apis;
    const statuses = [];
    for (let n = 0; n < CREDENTIALS + 2; n++) statuses.push(await login(n % 2 === 0 ? one : two));
    expect(statuses).toEqual([...Array(CREDENTIALS).fill(401), 429, 429]);

    await cluster.redis.kill();
    for (const api of [one, two]) {
      expect(await login(api)).toBe(429);
      expect((await show(api)).status).toBe(200);
    }
    await cluster.redis.restart();
    // A gateway that has seen nothing of it is as strict as the others, before it could have counted as much by itself.
    let served = 0;
    await eventually(
      async () => {
        const status = await login(three);
        if (status === 401) served += 1;
        expect(status).toBe(429);
      },
      { withinMs: 30_000, everyMs: 1_000 },
    );
    expect(served).toBeLessThan(CREDENTIALS - 1);
  });
});
