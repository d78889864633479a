import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { GuardedShop, send } from "../../support/security/guarded-shop.ts";
import { sendRaw } from "../../support/security/raw-http.ts";
import { type Secrets, secretsIn, secretTraffic } from "../../support/security/secret-traffic.ts";
import { readMail, type StoreTexts, textsOfFiles } from "../../support/security/store-texts.ts";
import { removeDataDirs } from "../../support/worlds.ts";

jest.setTimeout(180_000);

const KEY_SECRET = randomBytes(32).toString("hex");
const WEBHOOK_SECRET = randomBytes(32).toString("hex");

/** Where a secret may be. A payment token is good for one payment, of whoever has placed the order, within half an hour; from the
 *  order it has to come to payments. The mail that was asked for has the token of the reset. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "orders.db": ["payment token"],
  "events.db": ["payment token"],
  "payments.db": ["payment token"],
  "mail/": ["reset token"],
};

let shop: Awaited<ReturnType<typeof GuardedShop.launch>>;
let output = "";
let secrets: Secrets;

/** A line that would look like the log's own, in every place that a request has for texts. */
const FORGED = '"}\r\n{"level":"fatal","time":"2026-01-01T00:00:00.000Z","msg":"forged"}\n';
const forgeEntries = async (): Promise<void> => {
  const { owner, staff, api, payments, sku } = shop;
  const encoded = encodeURIComponent(FORGED);
  for (const path of [
    `/api/v1/orders/${encoded}`,
    `/api/v1/products?q=${encoded}`,
    `/${encoded}`,
    `/api/v1/orders?${encoded}=${encoded}`,
  ])
    await send(api, { method: "GET", path, headers: owner.headers });
  for (const [method, path, body] of [
    ["PATCH", "/me", { name: FORGED }],
    ["POST", "/auth/login", { email: FORGED, password: FORGED }],
    ["POST", "/auth/register", { email: `forger@example.com`, password: "correct horse battery", name: FORGED }],
    ["PUT", `/cart/items/${sku}`, { quantity: FORGED, [FORGED]: FORGED }],
    ["POST", "/me/api-keys", { name: FORGED, scopes: ["orders:read"] }],
  ] as const)
    await send(api, { method, path: `/api/v1${path}`, headers: owner.headers, body });
  const order = await shop.order(owner);
  await send(api, { method: "POST", path: `/api/v1/orders/${order}/cancel`, headers: owner.headers, body: { reason: FORGED } });
  await send(api, {
    method: "POST",
    path: `/api/v1/admin/orders/${order}/refunds`,
    headers: staff.headers,
    body: { reason: FORGED },
  });
  await send(payments, { method: "POST", path: "/tokens", body: { number: FORGED } });
  const headers = ["X-Request-Id", "User-Agent", "traceparent", "X-Cart-Token", "X-Forwarded-For", "Origin"].map(
    (name) => `${name}: a\n{"level":"fatal","msg":"forged"}`,
  );
  for (const header of headers)
    for (const address of [api, payments])
      await sendRaw(address, `GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${header}\r\n\r\n`);
};

beforeAll(async () => {
  shop = await GuardedShop.launch(
    { LOG_LEVEL: "trace", USERS_KEY_SECRET: KEY_SECRET, PAYMENTS_SANDBOX_WEBHOOK_SECRET: WEBHOOK_SECRET },
    (text) => {
      output += text;
    },
  );
  secrets = await secretTraffic(shop, () => readMail(shop.env.DATA_DIR as string));
  secrets.set("key secret", new Set([KEY_SECRET]));
  secrets.set("webhook secret", new Set([WEBHOOK_SECRET]));
  await forgeEntries();
  await shop.stop();
}, 150_000);
afterAll(async () => {
  await shop?.stop();
  removeDataDirs();
});

const lines = () => output.split("\n").filter((line) => line.startsWith("{"));

test("The search finds what is there: each kind of secret was used", () => {
  expect([...secrets.keys()].toSorted()).toEqual([
    "API key",
    "access token",
    "basic credentials",
    "card number",
    "cookie",
    "key secret",
    "password",
    "payment token",
    "refresh token",
    "reset token",
    "signature",
    "webhook secret",
  ]);
  for (const [kind, values] of secrets)
    for (const value of values) expect(secretsIn(`{"a":"b ${value} c"}`, secrets)).toContain(kind);
  expect(lines().length).toBeGreaterThan(500);
});

describe("No secret is", () => {
  test("in any line of the log, at the level that tells most", () => {
    const found = lines().flatMap((line) => secretsIn(line, secrets).map((kind) => `${kind}: ${line.slice(0, 500)}`));
    expect(found.slice(0, 10)).toEqual([]);
    const told = output.split("\n").filter((line) => !line.startsWith("{") && secretsIn(line, secrets).length > 0);
    expect(told).toEqual([]);
    expect(output).not.toMatch(/cvc\W{1,4}\d{3}|PRIVATE KEY|bearer [\w-]{20}/i);
  });

  test("in any file of any store, but for the few that need it", () => {
    const texts: StoreTexts = new Map();
    textsOfFiles(texts, shop.env.DATA_DIR as string);
    const found = [...texts]
      .map(([name, text]) => [name, secretsIn(text, secrets)] as const)
      .filter(([, kinds]) => kinds.length > 0);
    expect(Object.fromEntries(found)).toEqual(allowed);
  });
});

describe("A log entry", () => {
  test("is one line of JSON, whatever a request holds, and nobody writes one of his own", () => {
    const entries = lines().map((line) => JSON.parse(line) as { level: string; msg?: string });
    expect(entries.filter(({ msg, level }) => msg === "forged" || level === "fatal")).toEqual([]);
    // What the shop prints for people at its start stands before and between them.
    expect(output.split("\n").filter((line) => /forged/.test(line) && !line.startsWith("{"))).toEqual([]);
  });
});
