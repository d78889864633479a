import { describe, expect, test } from "@jest/globals";
import type { Environment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { notificationsConfig } from "../../../../services/notifications/notifications.config.ts";

const served = { NATS_URL: "nats://127.0.0.1:4222" };

const variableRefused = (env: Environment): unknown => {
  try {
    notificationsConfig(env);
  } catch (error) {
    if (error instanceof ConfigurationError) return (error.data as { variable: string }).variable;
    throw error;
  }
  return "none";
};

describe("the settings of notifications", () => {
  test("embedded and without a mail server, e-mail becomes files", () => {
    expect(notificationsConfig({ DATA_DIR: "/srv/shop" })).toMatchObject({
      shop: "Molecart",
      transport: { kind: "files", folder: "/srv/shop/mail" },
      from: { name: "Molecart", address: "shop@localhost" },
      sendDeadlineMs: 30_000,
      giveUpAfterMs: 86_400_000,
    });
  });

  test("embedded with a mail server, e-mail is sent", () => {
    expect(notificationsConfig({ SMTP_URL: "smtp://127.0.0.1:1025" }).transport).toEqual({
      kind: "smtp",
      url: "smtp://127.0.0.1:1025",
      connections: 5,
    });
  });

  test("a cluster without a mail server does not start, unless files are asked for by name", () => {
    expect(variableRefused(served)).toBe("SMTP_URL");
    expect(variableRefused({ NOTIFICATIONS_TRANSPORT: "smtp" })).toBe("SMTP_URL");
    expect(notificationsConfig({ ...served, NOTIFICATIONS_TRANSPORT: "files" }).transport.kind).toBe("files");
  });

  test("a cluster with a mail server needs its own sender, and the web shop that its links lead to", () => {
    expect(variableRefused({ ...served, SMTP_URL: "smtps://mail.example.com" })).toBe("NOTIFICATIONS_FROM");
    const env = { ...served, SMTP_URL: "smtps://mail.example.com", NOTIFICATIONS_FROM: "The Shop <shop@example.com>" };
    expect(variableRefused(env)).toBe("SHOP_URL");
    const { from, shopUrl } = notificationsConfig({ ...env, SHOP_URL: "https://shop.example/store/" });
    expect(from).toEqual({ name: "The Shop", address: "shop@example.com" });
    expect(shopUrl).toBe("https://shop.example/store");
  });

  test.each([
    "shop.example",
    "ftp://shop.example",
    "https://shop.example/?a=b",
    "https://shop.example/#a",
    "javascript:alert(1)",
  ])("%j is no web shop", (url) => {
    expect(variableRefused({ SHOP_URL: url })).toBe("SHOP_URL");
  });

  test.each(["shop", "a@b@c", "x <a@b>\r\nBcc: c@d", "a@b, c@d", "<a@b> <c@d>"])("%j is no sender", (from) => {
    expect(variableRefused({ NOTIFICATIONS_FROM: from })).toBe("NOTIFICATIONS_FROM");
  });

  test("wrong values are refused by name", () => {
    expect(variableRefused({ SMTP_URL: "http://mail.example.com" })).toBe("SMTP_URL");
    expect(variableRefused({ NOTIFICATIONS_TRANSPORT: "pigeon" })).toBe("NOTIFICATIONS_TRANSPORT");
    expect(variableRefused({ NOTIFICATIONS_GIVE_UP_HOURS: "0" })).toBe("NOTIFICATIONS_GIVE_UP_HOURS");
  });
});
