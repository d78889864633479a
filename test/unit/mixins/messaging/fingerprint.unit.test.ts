import { describe, expect, test } from "@jest/globals";
import { fingerprintOf, normaliseMessage } from "@molecart/mixins/messaging/fingerprint.ts";

describe("a fingerprint", () => {
  test.each([
    ["Order 0199a1b2-0000-7000-8000-00000000abcd is pending", "Order 0199a1b2-ffff-7000-8000-00000000abce is pending"],
    ["SKU LAMP-1 has 3 left", "SKU LAMP-22 has 0 left"],
    ['no such column "total"', 'no such column "sum of it"'],
    ["late since 2026-01-01T00:00:00.000Z", "late since 2026-02-01T11:22:33.456Z"],
    ["two\n  lines", "two lines"],
  ])("is the same for %j and %j", (one, other) => {
    const of = (message: string) => fingerprintOf("orders", "order.created", { code: "X", message });
    expect(of(one)).toBe(of(other));
  });

  test("differs by service, event, code and wording", () => {
    const base = ["orders", "order.created", { code: "X", message: "It broke" }] as const;
    const prints = [
      fingerprintOf(...base),
      fingerprintOf("payments", base[1], base[2]),
      fingerprintOf(base[0], "order.cancelled", base[2]),
      fingerprintOf(base[0], base[1], { ...base[2], code: "Y" }),
      fingerprintOf(base[0], base[1], { ...base[2], message: "It bent" }),
    ];
    expect(new Set(prints).size).toBe(prints.length);
    for (const print of prints) expect(print).toMatch(/^[0-9a-f]{16}$/);
  });

  test("leaves words alone", () => {
    expect(normaliseMessage("Cannot read properties of undefined (reading 'amount')")).toBe(
      "Cannot read properties of undefined (reading <text>)",
    );
  });
});
