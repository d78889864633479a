import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buy, openShop, signUp } from "@molecart/client/demo/customer.ts";
import { type Scenario, scenarios } from "@molecart/client/demo/scenarios.ts";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import { verifyShop } from "@molecart/mixins/verify/index.ts";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { type Cluster, openCluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { ShopProcess } from "../support/shop-process.ts";

jest.setTimeout(240_000);

const ORDERS = 5;

describeWith(["nats", "postgres", "redis"], "A shop whose NATS loses its disk", () => {
  let cluster: Cluster;

  const rowsOf = async (service: string, statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> => {
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
    await operator.call("v1.products.create", {
      name: "Harbour lamp",
      brand: "Lumen & Tide",
      category: category?.slug,
      description: "A lamp for the quay.",
      variants: [{ sku: "LAMP-S", attributes: { size: "S" }, price: { amount: 1_000, currency: "EUR" } }],
      status: "published",
    });
    await operator.call("v1.inventory.set", { sku: "LAMP-S", onHand: 1_000 });
    await operator.stop();
  });
  afterAll(async () => {
    await cluster?.close();
  });

  test("still does everything that was published and not delivered, and nothing twice", async () => {
    const away = cluster.brokers.get("inventory+shipping-1") as ShopProcess;
    await away.kill();
    const addresses = { api: cluster.api, payments: cluster.payments };
    const ids: string[] = [];
    for (let n = 0; n < ORDERS; n++) {
      const client = openShop(addresses, Date.now() + 60_000);
      await signUp(client, `Patient ${n}`);
      // Nobody reserves anything: the customer waits in vain.
      ids.push((await buy(client, scenarios[0] as Scenario, Date.now() + 2_000)).id);
    }
    const published = async () => {
      const rows = await rowsOf(
        "orders",
        "select published_at from outbox where type = 'order.created' and aggregate_id = any($1)",
        [ids],
      );
      expect(rows.map(({ published_at }) => published_at !== null)).toEqual(ids.map(() => true));
    };
    await eventually(published, { withinMs: 20_000 });

    await cluster.nats.kill();
    await rm(join(cluster.nats.folder, "jetstream"), { recursive: true, force: true });
    await cluster.nats.restart();
    await away.start();

    await eventually(
      async () => {
        const orders = await rowsOf("orders", "select status from orders where id = any($1)", [ids]);
        expect(orders.map(({ status }) => status)).toEqual(ids.map(() => "confirmed"));
      },
      { withinMs: 60_000 },
    );
    await eventually(async () => expect(await verifyShop(cluster.env)).toMatchObject({ ok: true, pending: [] }), {
      withinMs: 60_000,
    });
    const created = await rowsOf("inventory", "select attempts from inbox where type = 'order.created'");
    expect(created.map(({ attempts }) => attempts)).toEqual(ids.map(() => 1));
    // Products keeps no events that are sent: the catalogue was announced once more.
    const announced = await rowsOf("inventory", "select type from inbox where type like 'product.%' order by event_id");
    expect(announced.map(({ type }) => type)).toEqual(["product.created", "product.updated"]);
  });
});
