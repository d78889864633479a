import { describe, expect, test } from "@jest/globals";
import { Limiter } from "../../../../services/users/limiter.ts";
import {
  boundedPasswords,
  decoyHash,
  hashPassword,
  parsePasswordHash,
  verifyPassword,
} from "../../../../services/users/password.ts";

const PASSWORD = "correct horse battery staple";

const costOf = (stored: string) => {
  const { ln, r, p, salt, hash } = parsePasswordHash(stored);
  return { ln, r, p, saltBytes: salt.length, hashBytes: hash.length };
};

describe("A password's hash", () => {
  test("is a PHC string that carries its parameters, and never the password", async () => {
    const stored = await hashPassword(PASSWORD);
    expect(stored).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(costOf(stored)).toEqual({ ln: 15, r: 8, p: 1, saltBytes: 16, hashBytes: 32 });
  });

  test("is another one each time, and matches its password each time", async () => {
    const [one, other] = await Promise.all([hashPassword(PASSWORD), hashPassword(PASSWORD)]);
    expect(one).not.toBe(other);
    expect(await verifyPassword(PASSWORD, one)).toBe(true);
    expect(await verifyPassword(PASSWORD, other)).toBe(true);
  });

  test("does not match another password", async () => {
    expect(await verifyPassword(`${PASSWORD} `, await hashPassword(PASSWORD))).toBe(false);
  });

  test("matches the password however its letters are composed", async () => {
    expect(await verifyPassword("Zürich am See".normalize("NFD"), await hashPassword("Zürich am See".normalize("NFC")))).toBe(
      true,
    );
  });

  test("is verified at the cost it was made at, not at the present one", async () => {
    // RFC 7914, section 12: the test vector with N = 1024, r = 8, p = 16.
    const hash = Buffer.from(
      "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
      "hex",
    );
    const salt = Buffer.from("NaCl").toString("base64").replace(/=+$/, "");
    const stored = `$scrypt$ln=10,r=8,p=16$${salt}$${hash.toString("base64").replace(/=+$/, "")}`;
    expect(await verifyPassword("password", stored)).toBe(true);
    expect(await verifyPassword("passwort", stored)).toBe(false);
  });

  test.each(["", "secret", "$scrypt$ln=15,r=8,p=1$c2FsdA", "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA"])(
    "that is no scrypt PHC string (%j) is an error that does not repeat it",
    (stored) => {
      expect(() => parsePasswordHash(stored)).toThrow("The stored password hash is not an scrypt PHC string");
    },
  );
});

describe("The check of an account that does not exist", () => {
  const passwords = boundedPasswords(
    new Limiter({ concurrency: 1, maxWaiting: 10, maxWaitMs: 1_000, refusal: () => new Error("full") }),
  );

  test("does the same work as that of one that does", async () => {
    expect(costOf(decoyHash())).toEqual(costOf(await hashPassword(PASSWORD)));
  });

  test("fails for every password", async () => {
    expect(await passwords.verify(PASSWORD, undefined)).toBe(false);
    expect(await passwords.verify(PASSWORD, await passwords.hash(PASSWORD))).toBe(true);
  });
});
