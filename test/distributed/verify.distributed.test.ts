import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buy, openShop, signUp } from "@molecart/client/demo/customer.ts";
import { type Scenario, scenarios } from "@molecart/client/demo/scenarios.ts";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import type { Product } from "@molecart/mixins/contracts/products.ts";
import { StoreUnreadable, type VerifyReport, verifyShop } from "@molecart/mixins/verify/index.ts";
import { Redis } from "ioredis";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { type Cluster, openCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { ShopProcess } from "../support/shop-process.ts";

jest.setTimeout(180_000);

const PLAY_FOR_MS = 90_000;

describeWith(["nats", "postgres", "redis"], "npm run verify in a shop over NATS, PostgreSQL and Redis", () => {
  let cluster: Cluster;

  const verify = (settleMs?: number): Promise<VerifyReport> =>
    verifyShop(cluster.env, settleMs === undefined ? {} : { settleMs });
  const offencesOf = ({ checks }: VerifyReport): string[] => checks.flatMap(({ offences }) => offences);

  const sql = async (service: string, statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: cluster.env[`${service.toUpperCase()}_DATABASE_URL`] });
    await client.connect();
    try {
      return (await client.query(statement, values)).rows;
    } finally {
      await client.end();
    }
  };

  beforeAll(async () => {
    cluster = await openCluster([
      ["api", "users", "products", "carts"],
      ["inventory", "shipping"],
      ["orders", "payments", "notifications"],
    ]);
    const operator = new ServiceBroker(brokerOptions({ ...cluster.env, NODE_ID: "operator", LOG_LEVEL: "fatal" }));
    await operator.start();
    await operator.waitForServices(["v1.products", "v1.inventory"], 20_000);
    const [category] = ((await operator.call("v1.products.categories", {})) as { items: { slug: string }[] }).items;
    const { variants } = (await operator.call("v1.products.create", {
      name: "Harbour lamp",
      brand: "Lumen & Tide",
      category: category?.slug,
      description: "A lamp for the quay.",
      variants: [{ sku: "LAMP-S", attributes: { size: "S" }, price: { amount: 1_000, currency: "EUR" } }],
      status: "published",
    })) as Product;
    for (const { sku } of variants) await operator.call("v1.inventory.set", { sku, onHand: 1_000 });
    await operator.stop();

    const addresses = { api: cluster.api, payments: cluster.payments };
    const deadline = Date.now() + PLAY_FOR_MS;
    await Promise.all(
      scenarios.map(async (scenario, index) => {
        const client = openShop(addresses, deadline);
        await signUp(client, `Verified ${index}`);
        await buy(client, scenario, deadline);
      }),
    );
  });
  afterAll(async () => {
    await cluster?.close();
  });

  test("finds the running shop in order", async () => {
    const report = await verify();
    expect(report).toMatchObject({ ok: true, pending: [] });
    const checked = Object.fromEntries(report.checks.map((check) => [check.invariant, check.checked]));
    expect(checked["orders are in the state that their events lead to"]).toBe(scenarios.length);
  });

  test("waits for what is in flight; calls pending what a broker that is away has not taken", async () => {
    const broker = cluster.brokers.get("inventory+shipping-1") as ShopProcess;
    await broker.kill();
    const deadline = Date.now() + 3_000;
    const client = openShop({ api: cluster.api, payments: cluster.payments }, Date.now() + PLAY_FOR_MS);
    await signUp(client, "Patient");
    const { id } = await buy(client, scenarios[0] as Scenario, deadline);
    const meanwhile = await verify(0);
    expect(meanwhile.ok).toBe(true);
    expect(meanwhile.pending).toContainEqual(
      expect.stringMatching(new RegExp(`^order\\.created .*${id}.* waits for inventory in the event bus`)),
    );
    await broker.start();
    await eventually(async () => expect(await verify()).toMatchObject({ ok: true, pending: [] }), { withinMs: 40_000 });
  });

  test("names what is wrong in PostgreSQL", async () => {
    await sql("inventory", "update stock set on_hand = on_hand + 1 where sku = 'LAMP-S'");
    try {
      expect(offencesOf(await verify(0))).toContainEqual(
        expect.stringMatching(/^SKU LAMP-S: has not on hand what its movements add up to/),
      );
    } finally {
      await sql("inventory", "update stock set on_hand = on_hand - 1 where sku = 'LAMP-S'");
    }
  });

  test("names an event of which neither JetStream nor its consumer knows", async () => {
    const [noted] = await sql("shipping", "delete from inbox where type = 'order.confirmed' returning *");
    const named = expect.stringMatching(
      new RegExp(`^order\\.confirmed ${noted?.event_id}: is lost: shipping knows nothing of it, and the event bus has nothing`),
    );
    expect(offencesOf(await verify(0))).toContainEqual(named);
    const rows = await sql("shipping", "select count(*)::int as n from shipment where order_id = $1", [noted?.aggregate_id]);
    expect(rows).toEqual([{ n: 1 }]);
  });

  test("reads what is in Redis", async () => {
    const [{ event_id: created } = {}] = await sql("orders", "select event_id from outbox where type = 'order.created' limit 1");
    const key = `molecart:carts:inbox:${created}`;
    const redis = new Redis(cluster.env.REDIS_URL as string);
    try {
      await expect(redis.hget(key, "status")).resolves.toBe("processed");
      await redis.hset(key, { status: "failed", code: "NOT_YET", message: "later" });
      await redis.hset("molecart:carts:cart:guest:broken", "LAMP-S", "no line");
    } finally {
      redis.disconnect();
    }
    const report = await verify(0);
    expect(report.pending).toContainEqual(
      expect.stringMatching(new RegExp(`^order\\.created ${created} .* has failed 1 times at carts .* NOT_YET: later`)),
    );
    expect(offencesOf(report)).toContainEqual(expect.stringMatching(/^cart guest:broken: cannot be read/));
  });

  test.each([
    [
      "PostgreSQL",
      "ORDERS_DATABASE_URL",
      "postgres://shop:secret@127.0.0.1:1/orders",
      "store of orders (postgres://127.0.0.1:1/orders)",
    ],
    ["Redis", "REDIS_URL", "redis://127.0.0.1:1", "store of carts (redis://127.0.0.1:1)"],
    ["MongoDB", "PRODUCTS_MONGO_URL", "mongodb://shop:secret@127.0.0.1:1/shop", "store of products (mongodb://127.0.0.1:1/shop)"],
    ["NATS", "NATS_URL", "nats://127.0.0.1:1", "event bus (NATS JetStream)"],
  ])("proves nothing when %s is away, and names it without its password", async (_, variable, url, named) => {
    const failure = await verifyShop({ ...cluster.env, [variable]: url }, { settleMs: 0 }).catch((error) => error);
    expect(failure).toBeInstanceOf(StoreUnreadable);
    expect(failure.message).toMatch(/cannot be read: .*(ECONNREFUSED|CONNECTION_REFUSED)/);
    expect(failure.message).toContain(`The ${named} cannot be read`);
  });
});
