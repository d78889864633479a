import { describe, expect, test } from "@jest/globals";
import { apiKeyPrefix, hashApiKey, isApiKey, newApiKey } from "@molecart/mixins/lib/api-key.ts";

describe("An API key", () => {
  test("is known by its beginning, and is another one each time", () => {
    const keys = Array.from({ length: 100 }, newApiKey);
    expect(new Set(keys).size).toBe(100);
    for (const key of keys) {
      expect(key).toMatch(/^mck_[\w-]{43}[0-9a-f]{8}$/);
      expect(isApiKey(key)).toBe(true);
    }
  });

  test("with any one letter changed is known as mistyped without a look-up", () => {
    const key = newApiKey();
    for (let at = 0; at < key.length; at++) {
      const other = key[at] === "a" ? "b" : "a";
      expect(isApiKey(key.slice(0, at) + other + key.slice(at + 1))).toBe(false);
    }
    for (const wrong of ["", "mck_", key.slice(1), `${key}0`, ` ${key}`, key.toUpperCase()]) expect(isApiKey(wrong)).toBe(false);
  });

  test("cannot be had from what is shown or stored of it", () => {
    const key = newApiKey();
    expect(apiKeyPrefix(key)).toBe(key.slice(0, 12));
    expect(hashApiKey(key)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashApiKey(key)).not.toContain(key.slice(4, 12));
  });
});
