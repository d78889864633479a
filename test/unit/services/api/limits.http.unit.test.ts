import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { readEnvironment } from "@molecart/mixins/lib/config.ts";
import { Clients } from "../../../../services/api/client-address.http.ts";
import { LIMIT_WINDOW_MS, readLimits } from "../../../../services/api/limit-class.ts";
import { Limits } from "../../../../services/api/limits.http.ts";
import { RateLimiter } from "../../../../services/api/rate-limit.ts";
import type { Caller } from "../../../../services/api/route.ts";

const log = { info: () => {}, warn: () => {} };
const open = (env: Record<string, string>): Limits => {
  const limiter = new RateLimiter({ clock: new ManualClock(0), windowMs: LIMIT_WINDOW_MS, log });
  return new Limits(readLimits(readEnvironment(env)), limiter, new Clients(undefined, "x-forwarded-for"));
};
const from = (remoteAddress: string) => ({ socket: { remoteAddress }, headers: {} }) as unknown as IncomingMessage;
const caller = (userId: string, keyId?: string) =>
  ({ userId, email: "a@example.com", name: "A", roles: ["customer"], ...(keyId && { keyId }) }) as Caller;

const told = () => {
  const headers: Record<string, unknown> = {};
  const res = { setHeader: (name: string, value: unknown) => (headers[name] = value) } as unknown as ServerResponse;
  return { headers, res };
};

describe("the limits of requests", () => {
  const env = { API_LIMIT_READ: "100/3/5", API_LIMIT_WRITE: "2" };

  test("are those of the API key where a request came with one, and its user keeps his own", () => {
    const limits = open(env);
    const { headers, res } = told();
    for (let n = 0; n < 5; n++) limits.count("read", caller("ada", "key-1"), from("192.0.2.1"), res);
    expect(headers).toEqual({ "RateLimit-Policy": '"read-key";q=5;w=60', RateLimit: '"read-key";r=0;t=60' });
    expect(() => limits.count("read", caller("ada", "key-1"), from("192.0.2.1"), res)).toThrow("Too many requests");
    limits.count("read", caller("ada", "key-2"), from("192.0.2.1"), res);
    limits.count("read", caller("ada"), from("192.0.2.1"), res);
    expect(headers.RateLimit).toBe('"read-user";r=2;t=60');
  });

  test("are of a network where addresses cost nothing", async () => {
    const limits = open(env);
    const { res } = told();
    await limits.count("write", undefined, from("2001:db8:1:2::1"), res);
    await limits.count("write", undefined, from("2001:db8:1:2:ffff::9"), res);
    expect(() => limits.check("write", from("2001:db8:1:2::77"), res)).toThrow("Too many requests");
    limits.check("write", from("2001:db8:1:3::1"), res);
    limits.check("read", from("2001:db8:1:2::77"), res);
  });

  test("are not there for what has none", () => {
    const { headers, res } = told();
    for (let n = 0; n < 500; n++) open({ API_LIMIT_READ: "1" }).count("none", undefined, from("192.0.2.1"), res);
    expect(headers).toEqual({});
  });
});
