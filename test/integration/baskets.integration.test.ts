import { afterAll, afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { MolecartClient } from "@molecart/client";
import { openShop, signUp } from "@molecart/client/demo/customer.ts";
import { createBroker, installedServices } from "@molecart/mixins/launch.ts";
import type { Inbox } from "@molecart/mixins/messaging/inbox.ts";
import type { ServiceBroker } from "moleculer";
import type { CartWork } from "../../services/carts/cart.store.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { startRedis } from "../support/servers/redis.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(120_000);

const ADMIN = { email: "admin@example.com", password: "a long password of an admin" };
const ADDRESS = { name: "Ada", line1: "1 Quay", city: "Hamburg", postalCode: "20457", country: "DE" };
const RULES = {
  SHOP_TAX_RULES: JSON.stringify({ DE: { standard: 1_900, reduced: 700 }, "*": { standard: 0 } }),
  SHOP_SHIPPING_RULES: JSON.stringify([
    { countries: ["DE"], fees: [{ from: 0, fee: 490 }] },
    { countries: ["*"], fees: [{ from: 0, fee: 1_990 }] },
  ]),
};

/** The whole shop in one process, from the customer's side. */
const behaves = (environment: () => Record<string, string>) => {
  let broker: ServiceBroker;
  let staff: MolecartClient;
  let customer: MolecartClient;
  let productId: string;
  let keys = 0;

  beforeEach(async () => {
    const env = {
      DATA_DIR: temporaryDataDir(),
      API_PORT: "0",
      PAYMENTS_PORT: "0",
      API_CACHE_SECONDS: "0",
      RATE_LIMIT: "off",
      LOG_LEVEL: "fatal",
      USERS_ADMIN_EMAIL: ADMIN.email,
      USERS_ADMIN_PASSWORD: ADMIN.password,
      ...RULES,
      ...environment(),
    };
    broker = await createBroker(await installedServices(), { env });
    await broker.start();
    const { address } = broker.getLocalService("v1.api") as unknown as { address: string };
    const { listener } = broker.getLocalService("v1.payments") as unknown as { listener: { address: string } };
    const addresses = { api: address, payments: listener.address };
    staff = openShop(addresses, Date.now() + 120_000);
    await staff.login({ body: ADMIN });
    const [category] = (await staff.listCategories()).items;
    const product = await staff.createProduct({
      body: {
        name: "Quay almanac",
        brand: "Lumen & Tide",
        category: category?.slug as string,
        description: "A book for the quay.",
        variants: ["BOOK-1", "BOOK-2"].map((sku) => ({ sku, attributes: {}, price: { amount: 1_000, currency: "EUR" } })),
        images: [],
        taxClass: "reduced",
      },
    });
    productId = product.id;
    for (const sku of ["BOOK-1", "BOOK-2"]) await staff.setStock({ sku, body: { onHand: 500 } });
    customer = openShop(addresses, Date.now() + 120_000);
    await signUp(customer, "Ada");
  });
  afterEach(() => broker?.stop());

  const priced = (amount: number) =>
    staff.updateProduct({
      id: productId,
      body: { variants: ["BOOK-1", "BOOK-2"].map((sku) => ({ sku, attributes: {}, price: { amount, currency: "EUR" } })) },
    });
  const order = async (more: object = {}) => {
    const { token } = await customer.createCardToken({
      body: { number: "4242424242424242", expMonth: 12, expYear: new Date().getUTCFullYear() + 2, cvc: "123" },
    });
    keys += 1;
    const body = { paymentToken: token, shippingAddress: ADDRESS, ...more };
    return (await customer.placeOrder({ idempotencyKey: `key-${keys}`, body })).order;
  };
  const refused = (asked: Promise<unknown>, code: string) => expect(asked).rejects.toMatchObject({ code, status: 409 });
  /** Carts hear of nothing until the gate is opened. */
  const deafCarts = () => {
    const { store } = broker.getLocalService("v1.carts") as unknown as { store: { inbox: Inbox<CartWork> } };
    const gate = Promise.withResolvers<void>();
    const process = store.inbox.process.bind(store.inbox);
    store.inbox.process = async (...given) => {
      await gate.promise;
      return process(...given);
    };
    return gate.resolve;
  };

  test("is quoted by the product's tax class and the country, and ordered at the quoted price although it has risen", async () => {
    await customer.addCartItem({ body: { sku: "BOOK-1", quantity: 2 } });
    const quote = await customer.quoteCart({ body: { country: "DE" } });
    // 2000 + 490, at 7 %.
    expect(quote.totals).toMatchObject({
      tax: { amount: 174 },
      total: { amount: 2_664 },
      taxes: [{ class: "reduced", rate: 700, base: { amount: 2_490 } }],
    });
    expect((await customer.quoteCart({ body: { country: "US" } })).totals.total.amount).toBe(3_990);

    await priced(1_500);
    const [line] = (await customer.getCart()).lines;
    expect(line).toMatchObject({ unitPrice: { amount: 1_500 }, priceWhenAdded: { amount: 1_000 }, priceChanged: "raised" });
    await refused(order({ quoteId: quote.id, shippingAddress: { ...ADDRESS, country: "US" } }), "QUOTE_COUNTRY_DIFFERS");
    const placed = await order({ quoteId: quote.id, expectedTotal: quote.totals.total });
    expect([placed.totals, placed.lines]).toEqual([quote.totals, quote.lines]);
    await eventually(async () => expect((await customer.getOrder({ id: placed.id })).status).toBe("confirmed"));
    expect((await customer.getPayment({ id: placed.id })).amount).toEqual(quote.totals.total);
    await eventually(async () => expect((await customer.getCart()).lines).toEqual([]));
    await customer.addCartItem({ body: { sku: "BOOK-1", quantity: 2 } });
    await refused(order({ quoteId: quote.id }), "QUOTE_USED");
    expect((await order()).totals.items.amount).toBe(3_000);
  });

  test("is never ordered twice while carts have not heard of the order, and what is added meanwhile is ordered once", async () => {
    const hear = deafCarts();
    await customer.addCartItem({ body: { sku: "BOOK-1", quantity: 2 } });
    const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => order()));
    const first = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    expect(first).toHaveLength(1);
    for (const outcome of outcomes)
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "CART_ALREADY_ORDERED", status: 409 });
    expect((await customer.getCart()).lines).toHaveLength(1);

    await customer.addCartItem({ body: { sku: "BOOK-1", quantity: 3 } });
    await customer.addCartItem({ body: { sku: "BOOK-2", quantity: 1 } });
    const second = await order();
    expect(second.lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ["BOOK-1", 3],
      ["BOOK-2", 1],
    ]);
    await customer.addCartItem({ body: { sku: "BOOK-2", quantity: 4 } });
    hear();
    await eventually(async () =>
      expect((await customer.getCart()).lines.map(({ sku, quantity }) => [sku, quantity])).toEqual([["BOOK-2", 4]]),
    );
    expect((await customer.listOrders({ limit: 10 })).items).toHaveLength(2);
  });
};

afterAll(removeDataDirs);

describe("A basket, embedded", () => behaves(() => ({})));

describeWith(["redis"], "A basket in Redis", () => {
  let redis: RunningServer;
  beforeEach(async () => {
    redis = await startRedis();
  });
  afterEach(() => redis.stop());
  behaves(() => ({ REDIS_URL: redis.url }));
});
