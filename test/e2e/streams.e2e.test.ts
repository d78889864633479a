import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { DemoLogin } from "@molecart/mixins/contracts/users.ts";
import { startEmbeddedShop } from "../support/embedded-shop.ts";
import { EventStreamClient } from "../support/event-stream.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import type { ShopProcess } from "../support/shop-process.ts";
import { removeDataDirs } from "../support/worlds.ts";

jest.setTimeout(180_000);

const PATIENT = { withinMs: 30_000 };
/** Answered late by the provider: there is time to be killed in. */
const LATE_CARD = "4000000000000119";

describe("The whole shop in one process, with a customer who follows an order", () => {
  let shop: ShopProcess;
  let dataDir: string;
  let addresses: { api: string; payments: string };

  const send = async (method: string, url: string, token?: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(url, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${text}`);
    return text === "" ? undefined : JSON.parse(text);
  };

  beforeAll(async () => {
    ({ shop, dataDir, addresses } = await startEmbeddedShop());
  });
  afterAll(async () => {
    await shop?.kill();
    removeDataDirs();
  });

  test("killed with -9 in the middle, it goes on where the customer was; stopped, it does not wait for the customer", async () => {
    const api = `${addresses.api}/api/v1`;
    const email = `ada.${randomUUID().slice(0, 8)}@molecart.example`;
    const { accessToken } = await send("POST", `${api}/auth/register`, undefined, { email, password: randomUUID(), name: "Ada" });
    const { items } = await send("GET", `${api}/products?q=kettle&limit=1`);
    await send("PUT", `${api}/cart/items/${items[0].variants[0].sku}`, accessToken, { quantity: 1 });
    const card = { number: LATE_CARD, expMonth: 12, expYear: 2040, cvc: "123" };
    const { token: paymentToken } = await send("POST", `${addresses.payments}/tokens`, undefined, card);
    const shippingAddress = { name: "Ada", line1: "1 Harbour St", city: "Hamburg", postalCode: "20457", country: "DE" };
    const body = { paymentToken, shippingAddress };
    const { order } = await send("POST", `${api}/orders`, accessToken, body, { "idempotency-key": randomUUID() });
    const follow = (lastEventId?: string) =>
      EventStreamClient.open(`${api}/orders/${order.id}/events`, {
        authorization: `Bearer ${accessToken}`,
        ...(lastEventId !== undefined && { "last-event-id": lastEventId }),
      });

    const first = await follow();
    await waitFor(() => first.events.length > 0, PATIENT);
    await shop.kill();
    expect(await first.ended).toBe("lost");
    await shop.start();
    const second = await follow(first.lastEventId);
    await waitFor(() => [...first.statuses, ...second.statuses].includes("confirmed"), PATIENT);

    expect(await shop.stop()).toBe(0);
    expect(await second.ended).toBe("end");
    await shop.start();
    const third = await follow(second.lastEventId ?? first.lastEventId);
    const logins = JSON.parse(readFileSync(`${dataDir}/demo-logins.json`, "utf8")) as DemoLogin[];
    const { email: staff, password } = logins.find(({ role }) => role === "staff") as DemoLogin;
    const { accessToken: staffToken } = await send("POST", `${api}/auth/login`, undefined, { email: staff, password });
    const { id } = await eventually(() => send("GET", `${api}/orders/${order.id}/shipment`, staffToken), PATIENT);
    await send("POST", `${api}/admin/shipments/${id}/dispatch`, staffToken, { carrier: "DHL", trackingNumber: "JD01" });
    await send("POST", `${api}/admin/shipments/${id}/deliver`, staffToken);
    expect(await third.ended).toBe("end");
    expect([...first.statuses, ...second.statuses, ...third.statuses]).toEqual([
      "pending",
      "reserved",
      "paid",
      "confirmed",
      "shipped",
      "delivered",
    ]);
    expect((await follow(third.lastEventId)).status).toBe(204);
  });
});
