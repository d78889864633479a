import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { GuardedShop } from "../../support/security/guarded-shop.ts";
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
  test("is one line of JSON, whatever a request holds", () => {
    for (const line of lines()) expect(() => JSON.parse(line)).not.toThrow();
  });
});
