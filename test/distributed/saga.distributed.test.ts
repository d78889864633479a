import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buy, openShop, signUp } from "@molecart/client/demo/customer.ts";
import { scenarioOf } from "@molecart/client/demo/scenarios.ts";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import type { Product } from "@molecart/mixins/contracts/products.ts";
import { ServiceBroker } from "moleculer";
import { Books } from "../support/books.ts";
import { type Cluster, openCluster } from "../support/cluster.ts";
import { acceptedBy, expectAllAsTheirCardsSay, expectMail, play } from "../support/customers.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";

jest.setTimeout(180_000);

const PLAY_FOR_MS = 90_000;
const ADMIN = { email: "admin@molecart.example", password: "a long enough passphrase" };

describeWith(["nats", "postgres", "redis"], "A shop of ten brokers over NATS, PostgreSQL and Redis", () => {
  let cluster: Cluster;
  let operator: ServiceBroker;
  let books: Books;

  const addresses = () => ({ api: cluster.api, payments: cluster.payments });
  const broker = (name: string) => {
    const found = cluster.brokers.get(name);
    if (found === undefined) throw new Error(`There is no broker ${name}; there are ${[...cluster.brokers.keys()].join(", ")}`);
    return found;
  };

  beforeAll(async () => {
    cluster = await openCluster(
      [
        ["api"],
        ["users"],
        ["products"],
        ["carts", "shipping"],
        ["inventory"],
        ["inventory"],
        ["orders"],
        ["orders"],
        ["payments"],
        ["notifications"],
      ],
      { USERS_ADMIN_EMAIL: ADMIN.email, USERS_ADMIN_PASSWORD: ADMIN.password },
    );
    operator = new ServiceBroker(brokerOptions({ ...cluster.env, NODE_ID: "operator", LOG_LEVEL: "fatal" }));
    await operator.start();
    await operator.waitForServices(["v1.products", "v1.inventory"], 20_000);
    const [category] = ((await operator.call("v1.products.categories", {})) as { items: { slug: string }[] }).items;
    for (let n = 1; n <= 12; n++) {
      const { variants } = (await operator.call("v1.products.create", {
        name: `Harbour lamp ${n}`,
        brand: "Lumen & Tide",
        category: category?.slug,
        description: "A lamp for the quay.",
        variants: ["S", "L"].map((size) => ({
          sku: `LAMP-${n}-${size}`,
          attributes: { size },
          price: { amount: 1_000 * n, currency: "EUR" },
        })),
        status: "published",
      })) as Product;
      for (const { sku } of variants) await operator.call("v1.inventory.set", { sku, onHand: 100 });
    }
    books = new Books(addresses(), ADMIN);
  });
  afterAll(async () => {
    await operator?.stop();
    await cluster?.close();
  });

  test("leads every order to the end that its card says, with exact stock, one payment and one message of each kind", async () => {
    const before = await books.stock();
    const played = await play(addresses(), 6, 3, PLAY_FOR_MS);
    expectAllAsTheirCardsSay(played);
    await books.expectToBalance({ before, accepted: acceptedBy(played) });
    await expectMail(played);
  });

  test("ends every order right although brokers are killed with -9 in the middle", async () => {
    // The stock as it was before any order was placed.
    const orders = await books.orders();
    const now = await books.stock();
    for (const { lines, status } of orders)
      if (status === "confirmed") for (const { sku, quantity } of lines) (now.get(sku) as { onHand: number }).onHand += quantity;

    let ended = false;
    const playing = play(addresses(), 6, 5, PLAY_FOR_MS).finally(() => {
      ended = true;
    });
    for (const name of ["orders-1", "inventory-2", "payments-1", "carts+shipping-1", "notifications-1"]) {
      const seen = (await books.orders()).length;
      // On a slow machine the customers may have placed all of theirs: then the kill hits what is still under way.
      await eventually(async () => expect(ended || (await books.orders()).length > seen).toBe(true), { withinMs: 60_000 });
      await broker(name).kill();
      await broker(name).start();
    }
    const played = await playing;
    expectAllAsTheirCardsSay(played);
    await books.expectToBalance({ before: now, accepted: acceptedBy(played) });
    await expectMail(played);
  });

  test("gives a second broker its share at once, and carries on when the first is killed", async () => {
    await cluster.launch("users");
    const { keys } = (await operator.call("v1.users.jwks", {})) as { keys: unknown[] };
    expect(keys.length).toBeGreaterThan(0);
    const answeredBy = async () => {
      const call = operator.call("v1.users.jwks", {}) as Promise<unknown> & { ctx: { nodeID: string } };
      await call;
      return call.ctx.nodeID;
    };
    await eventually(async () => {
      const nodes = await Promise.all(Array.from({ length: 10 }, answeredBy));
      expect(nodes.filter((node) => node === "users-1")).toHaveLength(5);
      expect(nodes.filter((node) => node === "users-2")).toHaveLength(5);
    });
    await broker("users-1").kill();
    const shop = openShop(addresses(), Date.now() + 20_000);
    await signUp(shop, "After The Kill");
    await expect(shop.getProfile()).resolves.toMatchObject({ name: "After The Kill" });
    await broker("users-1").start();
  });

  test("stops a broker in order on SIGTERM while the others carry on", async () => {
    const shop = openShop(addresses(), Date.now() + 60_000);
    await signUp(shop, "While Stopping");
    const order = buy(shop, scenarioOf(0), Date.now() + 60_000);
    await expect(broker("orders-2").stop()).resolves.toBe(0);
    await expect(order).resolves.toMatchObject({ status: "confirmed" });
    await broker("orders-2").start();
  });
});
