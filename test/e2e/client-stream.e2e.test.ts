import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { OrderStatus } from "@molecart/client";
import { openShop, place, signUp, watch } from "@molecart/client/demo/customer.ts";
import { type Scenario, scenarios } from "@molecart/client/demo/scenarios.ts";
import { startEmbeddedShop } from "../support/embedded-shop.ts";
import type { ShopProcess } from "../support/shop-process.ts";
import { removeDataDirs } from "../support/worlds.ts";

jest.setTimeout(180_000);

/** There is time to be killed in. */
const late = scenarios.find(({ name }) => name === "provider answers late") as Scenario;
const LIFE: OrderStatus[] = ["pending", "reserved", "paid", "confirmed"];

describe("A client that follows an order by its stream", () => {
  let shop: ShopProcess;
  let addresses: { api: string; payments: string };
  beforeAll(async () => {
    ({ shop, addresses } = await startEmbeddedShop());
  });
  afterAll(async () => {
    await shop?.kill();
    removeDataDirs();
  });

  const customer = async (deadline: number) => {
    const client = openShop(addresses, deadline);
    await signUp(client, "Ada");
    return { client, order: await place(client, late) };
  };

  test("hears each step once, although the gateway is killed in between", async () => {
    const { client, order } = await customer(Date.now() + 120_000);
    const told: { seq: number; status: OrderStatus }[] = [];
    for await (const { event, data } of client.followOrder({ id: order.id })) {
      if (event !== "status") break;
      told.push({ seq: data.seq, status: data.status });
      if (told.length === 1) {
        await shop.kill();
        await shop.start();
      }
      if (data.status === "confirmed") break;
    }
    expect(told).toEqual(LIFE.map((status, index) => ({ seq: index + 1, status })));
    expect(client.retries).toBeGreaterThan(0);
  });

  test("closes its connection when it has heard enough: no stream is left open in the shop", async () => {
    const { client, order } = await customer(Date.now() + 60_000);
    // More than one account may have open at the same time.
    for (let n = 0; n < 15; n++)
      for await (const { event } of client.followOrder({ id: order.id })) {
        expect(event).toBe("status");
        break;
      }
  });

  test("gives up when the shop is away for longer than it wants to wait", async () => {
    const { client, order } = await customer(Date.now() + 60_000);
    const follow = async () => {
      for await (const { data } of client.followOrder({ id: order.id }, { withinMs: 3_000 }))
        if (data.status === "pending") await shop.kill();
    };
    await expect(follow()).rejects.toThrow("no answer");
    await shop.start();
  });

  test("asks where no stream can be had, and sees the same end", async () => {
    const { client, order } = await customer(Date.now() + 60_000);
    const deaf = Object.assign(Object.create(client), {
      followOrder: () => {
        throw new Error("no streams here");
      },
      getOrder: client.getOrder.bind(client),
    });
    const complaints = jest.spyOn(console, "error").mockImplementation(() => {});
    expect((await watch(deaf, order, Date.now() + 30_000, () => {})).status).toBe("confirmed");
    expect(complaints).toHaveBeenCalledWith(expect.stringContaining("no streams here"));
    complaints.mockRestore();
  });
});
