import { describe, expect, test } from "@jest/globals";
import type { Scope } from "@molecart/mixins/contracts/users.ts";
import { requestIdOf } from "@molecart/mixins/lib/request-id.ts";
import fc from "fast-check";
import { admit, admitKey, isStaff } from "../../../../services/api/access.ts";
import { apiConfig } from "../../../../services/api/api.config.ts";
import { CART_TOKEN, newCartToken, readCartToken } from "../../../../services/api/cart-identity.ts";
import { Cors } from "../../../../services/api/cors.ts";
import { entityTag, isKnown } from "../../../../services/api/entity-tag.ts";
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
    for (const name of ["ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Location", "X-Request-Id"])
      expect(value(headers, "Access-Control-Expose-Headers")?.split(", ")).toContain(name);
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
    expect(isKnown(`"a,${tag.slice(3, -1)}"`, tag)).toBe(false);
    expect(isKnown(tag.slice(3, -1), tag)).toBe(false);
  });
});

test("the security headers are those of an API without pages", () => {
  const headers = Object.fromEntries(securityHeaders());
  expect(headers).toMatchObject({
    "Content-Security-Policy": "default-src 'none';frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
  });
  // Over plain HTTP it means nothing, and where TLS is spoken elsewhere it would be a promise of others.
  expect(headers["Strict-Transport-Security"]).toBeUndefined();
});

describe("the configuration", () => {
  test("has safe defaults", () => {
    expect(apiConfig({})).toMatchObject({
      host: "127.0.0.1",
      port: 3000,
      corsOrigins: [],
      tls: undefined,
      proxies: undefined,
      limits: { credentials: { address: 20, user: 20, key: 20 } },
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
    ["API_LIMIT_CREDENTIALS", "0"],
    ["API_LIMIT_READ", "1/2/3/4"],
    ["API_LIMIT_WRITE", "10/"],
    ["API_TRUSTED_PROXIES", "10.0.0.0/33"],
    ["API_TRUSTED_PROXIES", "proxy.example"],
    ["API_FORWARDED_HEADER", "x-real-ip"],
    ["API_TLS_KEY_FILE", "key.pem"],
    ["API_CACHE_SECONDS", "-1"],
    ["API_MAX_CONNECTIONS", "0"],
    ["REDIS_URL", "http://127.0.0.1"],
    ["RATE_LIMIT", "maybe"],
    ["SHOP_CURRENCY", "euro"],
  ])("%s=%s stops the start by name", (name, value) => {
    expect(() => apiConfig({ [name]: value })).toThrow(name.replace("TLS_KEY", "TLS_CERT"));
  });

  test("takes one number for all, or one each for address, user and API key", () => {
    const { limits } = apiConfig({ API_LIMIT_READ: "50", API_LIMIT_WRITE: "30 / 10 / 20" });
    expect(limits).toMatchObject({ read: { address: 50, user: 50, key: 50 }, write: { address: 30, user: 10, key: 20 } });
    expect(apiConfig({ RATE_LIMIT: "off" }).limits).toBeUndefined();
  });
});
