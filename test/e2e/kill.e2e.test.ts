import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { DemoLogin } from "@molecart/mixins/contracts/users.ts";
import { Books } from "../support/books.ts";
import { acceptedBy, expectAllAsTheirCardsSay, expectMail, play } from "../support/customers.ts";
import { startEmbeddedShop } from "../support/embedded-shop.ts";
import type { ShopProcess } from "../support/shop-process.ts";
import { removeDataDirs } from "../support/worlds.ts";

/** More by environment: KILLS=20 npm test -- test/e2e/kill */
const KILLS = Number(process.env.KILLS ?? 5);
const CUSTOMERS = 6;
const ORDERS_EACH = Math.ceil(KILLS * 1.2);
const LONGEST_PAUSE_MS = 1_500;
const PLAY_FOR_MS = 60_000 + KILLS * 10_000;

jest.setTimeout(PLAY_FOR_MS + 120_000);

describe("The whole shop in one process", () => {
  let shop: ShopProcess;
  let addresses: { api: string; payments: string };
  let books: Books;

  beforeAll(async () => {
    let dataDir: string;
    ({ shop, dataDir, addresses } = await startEmbeddedShop());
    const logins = JSON.parse(readFileSync(`${dataDir}/demo-logins.json`, "utf8")) as DemoLogin[];
    books = new Books(addresses, logins.find(({ role }) => role === "staff") as DemoLogin);
  });
  afterAll(async () => {
    await shop?.kill();
    removeDataDirs();
  });

  test(`killed with -9 ${KILLS} times under load, ends every accepted order right, with exact stock, payments and mail`, async () => {
    const before = await books.stock();
    const playing = play(addresses, CUSTOMERS, ORDERS_EACH, PLAY_FOR_MS);
    for (let kill = 0; kill < KILLS; kill++) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_PAUSE_MS));
      await shop.kill();
      await shop.start();
    }
    const played = await playing;
    expectAllAsTheirCardsSay(played);
    await books.expectToBalance({ before, accepted: acceptedBy(played) });
    await expectMail(played);
  });

  test("stops in order on Ctrl-C, and starts again with everything in place", async () => {
    const orders = await books.orders();
    await expect(shop.stop("SIGINT")).resolves.toBe(0);
    await shop.start();
    expect(await books.orders()).toEqual(orders);
  });
});
