import { describe, expect, test } from "@jest/globals";
import type { Scope } from "@molecart/mixins/contracts/users.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import fc from "fast-check";
import { admit, admitKey, isStaff } from "../../../../services/api/access.ts";
import { apiConfig } from "../../../../services/api/api.config.ts";
import { CART_TOKEN, newCartToken, readCartToken } from "../../../../services/api/cart-identity.ts";
import { Cors } from "../../../../services/api/cors.ts";
import { entityTag, isKnown } from "../../../../services/api/entity-tag.ts";
import { addressKey, WindowCounter } from "../../../../services/api/rate-limit.ts";
import { requestIdOf } from "../../../../services/api/request-id.ts";
import type { Access, Caller } from "../../../../services/api/route.ts";
import { securityHeaders } from "../../../../services/api/security-headers.ts";

const caller = (...roles: Caller["roles"]): Caller => ({ userId: "u", email: "a@example.com", name: "A", roles });

describe("access", () => {
  const nobody = undefined;
  test.each<[Access, Caller | undefined, string]>([
    ["public", nobody, "admitted"],
    ["guest-or-customer", nobody, "admitted"],
    ["customer", nobody, "UNAUTHENTICATED"],
    ["staff", nobody, "UNAUTHENTICATED"],
    ["customer", caller("customer"), "admitted"],
    ["customer", caller("staff"), "admitted"],
    ["staff", caller("customer"), "FORBIDDEN"],
    ["staff", caller(), "FORBIDDEN"],
    ["staff", caller("staff"), "admitted"],
    ["staff", caller("admin"), "admitted"],
    ["admin", nobody, "UNAUTHENTICATED"],
    ["admin", caller("customer"), "FORBIDDEN"],
    ["admin", caller("staff"), "FORBIDDEN"],
    ["admin", caller("admin"), "admitted"],
  ])("a %s route and %j: %s", (access, who, outcome) => {
    const answer = () => {
      try {
        admit(access, who);
        return "admitted";
      } catch (error) {
        return (error as { type: string }).type;
      }
    };
    expect(answer()).toBe(outcome);
  });

  test.each<[string, Scope | undefined, readonly Scope[] | undefined, boolean]>([
    ["without a key", undefined, undefined, true],
    ["without a key", "orders:read", undefined, true],
    ["with a key", "orders:read", ["orders:read"], true],
    ["with a key", "orders:write", ["orders:read"], false],
    ["with a key", "orders:read", ["orders:write", "catalog:read"], false],
    ["with a key", undefined, ["orders:read", "profile:write"], false],
  ])("%s to a route of scope %s, good for %j: %s", (_, scope, scopes, admitted) => {
    const admission = () => admitKey({ scope }, { ...caller("admin"), ...(scopes && { scopes }) });
    if (admitted) admission();
    else expect(admission).toThrow(expect.objectContaining({ type: "FORBIDDEN", code: 403 }));
  });

  test("nobody is not staff", () => expect(isStaff(undefined)).toBe(false));
});

describe("a request id", () => {
  test("is the client's where it fits into a header and a log line", () => {
    expect(requestIdOf("checkout-7:a.b_c")).toBe("checkout-7:a.b_c");
    expect(requestIdOf("x".repeat(128))).toHaveLength(128);
  });

  test.each([undefined, "", "x".repeat(129), "a b", 'a"b', "a\nb", "ä", "a, b"])("is a new UUIDv7 instead of %j", (header) => {
    expect(requestIdOf(header)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });
});

describe("a cart token", () => {
  test("that the shop makes is one that it takes", () => {
    const token = newCartToken();
    expect(token).toMatch(CART_TOKEN);
    expect(readCartToken(token)).toBe(token);
  });

  test("is not there before the first write", () => {
    expect(readCartToken(undefined)).toBeUndefined();
    expect(readCartToken("")).toBeUndefined();
  });

  test.each(["1", "user:1", "x".repeat(33), `${"x".repeat(31)}:`])("is not what a client makes up: %s", (header) => {
    expect(() => readCartToken(header)).toThrow("cart token");
  });
});

describe("CORS", () => {
  const cors = new Cors(["https://shop.example.com"]);
  const value = (headers: readonly (readonly [string, string])[], name: string) => headers.find(([n]) => n === name)?.[1];

  test("lets an allowed origin read answers and the headers that it needs", () => {
    const headers = cors.headers("https://shop.example.com");
    expect(value(headers, "Access-Control-Allow-Origin")).toBe("https://shop.example.com");
    expect(value(headers, "Access-Control-Expose-Headers")).toContain("X-Cart-Token");
    expect(value(headers, "Access-Control-Allow-Credentials")).toBeUndefined();
  });

  test.each(["https://shop.example.co", "https://shop.example.com.evil.example", "http://shop.example.com", "null", undefined])(
    "lets %s read nothing",
    (origin) => {
      expect(value(cors.headers(origin), "Access-Control-Allow-Origin")).toBeUndefined();
      expect(cors.preflightHeaders(origin)).toEqual([]);
      expect(value(cors.headers(origin), "Vary")).toBe("Origin");
    },
  );

  test("is silent where no origin is allowed", () => {
    expect(new Cors([]).headers("https://shop.example.com")).toEqual([]);
  });
});

describe("an entity tag", () => {
  test("is the same for the same content only", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => (entityTag(a) === entityTag(b)) === (a === b)));
  });

  test("is recognised among others, weak or strong", () => {
    const tag = entityTag("x");
    expect(isKnown(`"other", ${tag}`, tag)).toBe(true);
    expect(isKnown(tag.slice(2), tag)).toBe(true);
    expect(isKnown("*", tag)).toBe(true);
    expect(isKnown('W/"other"', tag)).toBe(false);
    expect(isKnown(undefined, tag)).toBe(false);
  });
});

describe("the limit", () => {
  test("counts each key by itself and forgets with the window", () => {
    const clock = new ManualClock(0);
    const counter = new WindowCounter(clock, 60_000);
    expect([counter.inc("a"), counter.inc("a"), counter.inc("b")]).toEqual([1, 2, 1]);
    clock.advance(59_001);
    expect(counter.secondsLeft).toBe(1);
    expect(counter.inc("a")).toBe(3);
    clock.advance(999);
    expect(counter.inc("a")).toBe(1);
  });

  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::9", "2001:db8:1:2"],
    ["2001:db8::9", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::", "fe80:0:0:0"],
  ])("counts %s as %s", (address, key) => expect(addressKey(address)).toBe(key));
});

test("the security headers are those of an API without pages", () => {
  const headers = Object.fromEntries(securityHeaders());
  expect(headers).toMatchObject({
    "Content-Security-Policy": "default-src 'none';frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
  });
});

describe("the configuration", () => {
  test("has safe defaults", () => {
    expect(apiConfig({})).toMatchObject({
      host: "127.0.0.1",
      port: 3000,
      corsOrigins: [],
      authRateLimit: { enabled: true, perMinute: 20 },
      token: { issuer: "molecart", audience: "molecart" },
    });
  });

  test("takes several origins", () => {
    const { corsOrigins } = apiConfig({ API_CORS_ORIGINS: "https://a.example, http://localhost:8080" });
    expect(corsOrigins).toEqual(["https://a.example", "http://localhost:8080"]);
  });

  test.each([
    ["API_CORS_ORIGINS", "*"],
    ["API_CORS_ORIGINS", "https://a.example/"],
    ["API_CORS_ORIGINS", "a.example"],
    ["API_PORT", "70000"],
    ["API_AUTH_RATE_LIMIT", "0"],
    ["RATE_LIMIT", "maybe"],
    ["SHOP_CURRENCY", "euro"],
  ])("%s=%s stops the start by name", (name, value) => {
    expect(() => apiConfig({ [name]: value })).toThrow(name);
  });
});
