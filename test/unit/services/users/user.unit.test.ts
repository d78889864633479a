import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { newDemoLogins, parseDemoLogins } from "../../../../services/users/demo.ts";
import { hashToken, newRefreshToken } from "../../../../services/users/refresh-token.ts";
import { newAccount, normaliseEmail, refuseMoreAddresses, toCustomer, toUser } from "../../../../services/users/user.ts";

const AT = "2026-01-01T00:00:00.000Z";
const account = newAccount({
  id: "u1",
  email: " Ada.Lovelace@Example.ORG ",
  name: "  Ada Lovelace ",
  passwordHash: "$scrypt$secret",
  roles: ["customer"],
  at: AT,
});

describe("An account", () => {
  test("has its address in lower case and its name without blanks around it", () => {
    expect(account).toMatchObject({ email: "ada.lovelace@example.org", name: "Ada Lovelace", roles: ["customer"] });
  });

  test("has one spelling of its address, whatever is typed", () => {
    fc.assert(
      fc.property(fc.emailAddress(), fc.array(fc.boolean()), (email, upper) => {
        const typed = [...email].map((letter, index) => (upper[index] ? letter.toUpperCase() : letter)).join("");
        expect(normaliseEmail(` ${typed}\t`)).toBe(normaliseEmail(email));
        expect(normaliseEmail(normaliseEmail(email))).toBe(normaliseEmail(email));
      }),
    );
  });

  test("shows others everything but its password's hash", () => {
    expect(toUser(account)).toEqual({
      id: "u1",
      email: "ada.lovelace@example.org",
      name: "Ada Lovelace",
      roles: ["customer"],
      createdAt: AT,
    });
    expect(toCustomer(toUser(account))).toEqual({ id: "u1", email: "ada.lovelace@example.org", name: "Ada Lovelace" });
  });

  test("takes its fiftieth address and no more", () => {
    expect(() => refuseMoreAddresses(49)).not.toThrow();
    expect(() => refuseMoreAddresses(50)).toThrow(expect.objectContaining({ type: "TOO_MANY_ADDRESSES", code: 409 }));
  });
});

describe("A refresh token", () => {
  test("is stored as its hash only, and expires after its lifetime", () => {
    const { token, stored } = newRefreshToken("u1", { now: AT, lifetimeMs: 86_400_000 });
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(stored).toMatchObject({ accountId: "u1", tokenHash: hashToken(token), createdAt: AT });
    expect(stored.expiresAt).toBe("2026-01-02T00:00:00.000Z");
    expect(JSON.stringify(stored)).not.toContain(token);
  });

  test("begins a family, or goes on with one", () => {
    const first = newRefreshToken("u1", { now: AT, lifetimeMs: 1 }).stored;
    const second = newRefreshToken("u1", { now: AT, lifetimeMs: 1, familyId: first.familyId }).stored;
    expect(first.familyId).toBe(first.id);
    expect(second.familyId).toBe(first.familyId);
    expect(second.id).not.toBe(first.id);
  });
});

describe("The demo logins", () => {
  test("are read back as they were written", () => {
    const logins = newDemoLogins();
    expect(parseDemoLogins(JSON.stringify(logins))).toEqual(logins);
    expect(logins.map(({ role }) => role)).toEqual(["staff", "customer"]);
    for (const { password } of logins) expect(password).toMatch(/^([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/);
  });

  test.each(["", "{}", "null", "[]", '[{"email":"staff@molecart.example","password":"x"}]'])(
    "are taken for lost when the file says %j",
    (text) => {
      expect(parseDemoLogins(text)).toBeUndefined();
    },
  );
});
