import { describe, expect, test } from "@jest/globals";
import { paymentsConfig } from "../../../../services/payments/payments.config.ts";

const served = { NATS_URL: "nats://nats:4222" };
const secret = "0123456789abcdef0123456789abcdef";

describe("The settings of payments", () => {
  test("have defaults for a laptop", () => {
    expect(paymentsConfig({})).toMatchObject({
      host: "127.0.0.1",
      port: 3001,
      corsOrigins: ["*"],
      provider: "sandbox",
      providerTimeoutMs: 5_000,
      sandbox: { tokenMs: 1_800_000, lateMs: 3_000, webhookSecret: undefined },
    });
  });

  test("ask for the webhook secret by name where nothing is embedded", () => {
    expect(() => paymentsConfig(served)).toThrow("PAYMENTS_SANDBOX_WEBHOOK_SECRET");
    expect(paymentsConfig({ ...served, PAYMENTS_SANDBOX_WEBHOOK_SECRET: secret }).sandbox.webhookSecret).toBe(secret);
  });

  test.each([
    ["PAYMENTS_SANDBOX_WEBHOOK_SECRET", "short"],
    ["PAYMENTS_PORT", "70000"],
    ["PAYMENTS_PROVIDER", "gringotts"],
    ["PAYMENTS_PROVIDER_TIMEOUT_MS", "60000"],
    ["PAYMENTS_CORS_ORIGINS", "shop.example.com"],
    ["PAYMENTS_CORS_ORIGINS", "https://shop.example.com/"],
  ])("refuse %s=%s by name", (name, value) => {
    expect(() => paymentsConfig({ [name]: value })).toThrow(name);
  });

  test("take several origins", () => {
    const { corsOrigins } = paymentsConfig({ PAYMENTS_CORS_ORIGINS: "https://a.example, http://localhost:5173" });
    expect(corsOrigins).toEqual(["https://a.example", "http://localhost:5173"]);
  });
});

test("TLS needs both files: a listener that speaks plain HTTP unawares would take cards in the open", () => {
  const both = { PAYMENTS_TLS_CERT_FILE: "cert.pem", PAYMENTS_TLS_KEY_FILE: "key.pem" };
  expect(paymentsConfig(both).tls).toMatchObject({ certFile: "cert.pem", keyFile: "key.pem" });
  expect(paymentsConfig({}).tls).toBeUndefined();
  for (const name of Object.keys(both)) expect(() => paymentsConfig({ [name]: "x.pem" })).toThrow("PAYMENTS_TLS_");
});
