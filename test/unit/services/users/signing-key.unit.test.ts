import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createLocalJWKSet, jwtVerify } from "jose";
import { signAccessToken } from "../../../../services/users/access-token.ts";
import { newSigningKey, seal, sealingKey, toSigner, unseal } from "../../../../services/users/signing-key.ts";

const key = sealingKey("0123456789abcdef0123456789abcdef");
const otherKey = sealingKey("fedcba9876543210fedcba9876543210");
const AT = "2026-01-01T00:00:00.000Z";
const NOW = Date.parse(AT) + 999;

const user = {
  id: "u1",
  email: "ada@example.org",
  name: "Ada",
  roles: ["customer" as const],
  createdAt: AT,
};
const session = { sessionId: "s1", tokenVersion: 3 };
const rules = { issuer: "molecart", audience: "molecart", accessTokenSeconds: 900 };

describe("A sealed text", () => {
  test("is opened by the same key under the same key id, and does not show what it holds", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 20 }), (plain) => {
        const sealed = seal(plain, "k1", key);
        expect(sealed).not.toContain(plain);
        expect(unseal(sealed, "k1", key)).toBe(plain);
      }),
    );
  });

  test("is sealed differently each time", () => {
    expect(seal("secret", "k1", key)).not.toBe(seal("secret", "k1", key));
  });

  test("is refused under another key, another key id, or changed by one letter", () => {
    const sealed = seal("secret", "k1", key);
    const [version, iv, text, tag] = sealed.split(".") as [string, string, string, string];
    expect(() => unseal(sealed, "k1", otherKey)).toThrow();
    expect(() => unseal(sealed, "k2", key)).toThrow();
    expect(() =>
      unseal([version, iv, text.startsWith("A") ? `B${text.slice(1)}` : `A${text.slice(1)}`, tag].join("."), "k1", key),
    ).toThrow();
    expect(() => unseal("secret", "k1", key)).toThrow("not sealed in a known way");
  });

  test("is refused with a shortened authentication tag", () => {
    const [version, iv, text, tag] = seal("secret", "k1", key).split(".") as [string, string, string, string];
    const short = Buffer.from(tag, "base64url").subarray(0, 4).toString("base64url");
    expect(() => unseal([version, iv, text, short].join("."), "k1", key)).toThrow();
  });
});

describe("A signing key", () => {
  test("shows nothing private in its public part, and is sealed in its private part", async () => {
    const made = await newSigningKey(1, key, AT);
    expect(Object.keys(made.publicJwk).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
    expect(made.publicJwk).toMatchObject({ kid: made.kid, alg: "EdDSA", crv: "Ed25519", use: "sig" });
    expect(made.sealedPrivateJwk).toMatch(/^v1\./);
    expect(JSON.parse(unseal(made.sealedPrivateJwk, made.kid, key))).toHaveProperty("d");
    await expect(toSigner(made, otherKey)).rejects.toThrow();
  });
});

describe("An access token", () => {
  test("says who the user is, for whom and how long, and nothing else", async () => {
    const made = await newSigningKey(1, key, AT);
    const token = await signAccessToken(user, await toSigner(made, key), rules, NOW, session);
    const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet({ keys: [made.publicJwk] }), {
      issuer: "molecart",
      audience: "molecart",
      currentDate: new Date(NOW),
    });
    expect(protectedHeader).toEqual({ alg: "EdDSA", kid: made.kid, typ: "JWT" });
    const seconds = Date.parse(AT) / 1000;
    expect(payload).toEqual({
      iss: "molecart",
      aud: "molecart",
      sub: "u1",
      jti: expect.any(String),
      iat: seconds,
      exp: seconds + 900,
      email: "ada@example.org",
      name: "Ada",
      roles: ["customer"],
      sid: "s1",
      ver: 3,
    });
  });

  test("is not accepted by another key, nor after its time", async () => {
    const [made, other] = await Promise.all([newSigningKey(1, key, AT), newSigningKey(2, key, AT)]);
    const token = await signAccessToken(user, await toSigner(made, key), rules, NOW, session);
    const forged = { ...other.publicJwk, kid: made.kid };
    const currentDate = new Date(NOW);
    await expect(jwtVerify(token, createLocalJWKSet({ keys: [forged] }), { currentDate })).rejects.toThrow("signature");
    await expect(
      jwtVerify(token, createLocalJWKSet({ keys: [made.publicJwk] }), { currentDate: new Date(NOW + 900_000) }),
    ).rejects.toThrow("exp");
  });
});
