import { createHmac, KeyObject } from "node:crypto";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import { Authenticator } from "../../../../services/api/authentication.ts";
import type { TokenIdentity } from "../../../../services/api/revocations.ts";
import type { Caller } from "../../../../services/api/route.ts";

interface Signer {
  kid: string;
  algorithm: string;
  publicKey: CryptoKey;
  privateKey: CryptoKey;
}

const newSigner = async (kid: string, algorithm: string): Promise<Signer> => ({
  kid,
  algorithm,
  ...(await generateKeyPair(algorithm, { extractable: true })),
});

const keySet = async (...signers: Signer[]): Promise<JSONWebKeySet> => ({
  keys: await Promise.all(
    signers.map(async ({ kid, algorithm, publicKey }) => ({ ...(await exportJWK(publicKey)), kid, alg: algorithm, use: "sig" })),
  ),
});

const START = Date.parse("2026-03-01T12:00:00Z");
const profile = { email: "ada@example.com", name: "Ada", roles: ["customer"] };
const ada = { userId: "user-1", email: "ada@example.com", name: "Ada", roles: ["customer"] };

interface TokenOptions {
  claims?: object;
  issuer?: string;
  audience?: string;
  expiresAtMs?: number;
}

const tokenOf = (
  { kid, algorithm, privateKey }: Signer,
  { claims = profile, issuer = "molecart", audience = "molecart", expiresAtMs = START + 900_000 }: TokenOptions = {},
): Promise<string> =>
  new SignJWT({ ...claims })
    .setProtectedHeader({ alg: algorithm, kid })
    .setSubject("user-1")
    .setIssuer(issuer)
    .setAudience(audience)
    .setExpirationTime(Math.floor(expiresAtMs / 1000))
    .sign(privateKey);

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

/** An authenticator before a key set that the test exchanges. */
const stage = (first: JSONWebKeySet) => {
  const clock = new ManualClock(START);
  const users = { keys: first, fetches: 0, down: false, listIsAway: false };
  const revoked: ((token: TokenIdentity) => boolean)[] = [];
  const asked: string[] = [];
  const stale: unknown[] = [];
  const authenticator = new Authenticator({
    issuer: "molecart",
    audience: "molecart",
    clock,
    fetchKeys: async () => {
      users.fetches += 1;
      if (users.down) throw new Error("users is down");
      return users.keys;
    },
    onStaleKeys: (error) => stale.push(error),
    revocations: {
      ready: async () => {
        if (users.listIsAway) throw new Error("users is down");
      },
      has: (token) => revoked.some((matches) => matches(token)),
    },
    apiKeys: {
      identify: async (key) => {
        asked.push(key);
        return { ...ada, scopes: ["orders:read"] } as Caller;
      },
    },
  });
  return {
    clock,
    users,
    stale,
    revoked,
    asked,
    identify: (token: string) => authenticator.identify(`Bearer ${token}`),
    authenticator,
  };
};

let one: Signer;
let two: Signer;
let elliptic: Signer;
beforeAll(async () => {
  [one, two, elliptic] = await Promise.all([newSigner("one", "EdDSA"), newSigner("two", "EdDSA"), newSigner("three", "ES256")]);
});

describe("a valid token", () => {
  test("says who calls, with one look at the keys for all tokens", async () => {
    const { identify, users } = stage(await keySet(one, elliptic));
    expect(await identify(await tokenOf(one))).toEqual(ada);
    expect(await identify(await tokenOf(elliptic))).toEqual(ada);
    const token = await tokenOf(one, { expiresAtMs: START + 1_000 });
    await identify(token);
    expect(await identify(token)).toEqual(ada);
    expect(users.fetches).toBe(1);
  });

  test("gives no right by a role that this version does not know", async () => {
    const { identify } = stage(await keySet(one));
    const token = await tokenOf(one, { claims: { ...profile, roles: ["staff", "emperor"] } });
    expect((await identify(token))?.roles).toEqual(["staff"]);
  });

  test("ends with its time, also when it was seen before", async () => {
    const { identify, clock } = stage(await keySet(one));
    const token = await tokenOf(one);
    expect(await identify(token)).toEqual(ada);
    clock.advance(900_001);
    await expect(identify(token)).rejects.toMatchObject({ type: "UNAUTHENTICATED", code: 401 });
  });
});

describe("a forged token is refused", () => {
  const refused = { type: "UNAUTHENTICATED", code: 401 };

  test("when it names no algorithm", async () => {
    const { identify } = stage(await keySet(one));
    const claims = { ...profile, sub: "user-1", iss: "molecart", aud: "molecart", exp: START / 1000 + 900 };
    for (const alg of ["none", "None", "NONE"])
      await expect(identify(`${base64url({ alg, kid: "one" })}.${base64url(claims)}.`)).rejects.toMatchObject(refused);
  });

  test("when it is signed with the public key as if that were a secret", async () => {
    const { identify } = stage(await keySet(one));
    const claims = { ...profile, sub: "user-1", iss: "molecart", aud: "molecart", exp: START / 1000 + 900 };
    const content = `${base64url({ alg: "HS256", kid: "one" })}.${base64url(claims)}`;
    const raw = KeyObject.from(one.publicKey).export({ format: "jwk" }).x as string;
    for (const secret of [await exportSPKI(one.publicKey), Buffer.from(raw, "base64url"), raw]) {
      const signature = createHmac("sha256", secret).update(content).digest("base64url");
      await expect(identify(`${content}.${signature}`)).rejects.toMatchObject(refused);
    }
  });

  test("when another key has signed under a known key's id", async () => {
    const { identify } = stage(await keySet(one));
    await expect(identify(await tokenOf({ ...two, kid: "one" }))).rejects.toMatchObject(refused);
  });

  test("when its content was changed", async () => {
    const { identify } = stage(await keySet(one));
    const [header, , signature] = (await tokenOf(one)).split(".");
    const claims = { ...profile, sub: "user-2", iss: "molecart", aud: "molecart", exp: START / 1000 + 900 };
    await expect(identify(`${header}.${base64url(claims)}.${signature}`)).rejects.toMatchObject(refused);
  });

  test.each<[string, TokenOptions]>([
    ["another issuer", { issuer: "elsewhere" }],
    ["another audience", { audience: "elsewhere" }],
    ["a time that is over", { expiresAtMs: START - 1_000 }],
    ["no name", { claims: { email: "ada@example.com", roles: [] } }],
    ["no roles", { claims: { email: "ada@example.com", name: "Ada" } }],
  ])("when it has %s", async (_, options) => {
    const { identify } = stage(await keySet(one));
    await expect(identify(await tokenOf(one, options))).rejects.toMatchObject(refused);
  });

  test.each(["Basic YWRhOmFkYQ==", "Bearer", "Bearer a b", "Bearer {}"])("when the header is %s", async (header) => {
    const { authenticator, users } = stage(await keySet(one));
    await expect(authenticator.identify(header)).rejects.toMatchObject(refused);
    expect(users.fetches).toBe(0);
  });
});

describe("the keys", () => {
  test("are looked at again when a token names a new one", async () => {
    const { identify, users, clock } = stage(await keySet(one));
    await identify(await tokenOf(one));
    users.keys = await keySet(one, two);
    clock.advance(2_000);
    expect(await identify(await tokenOf(two))).toEqual(ada);
    expect(users.fetches).toBe(2);
  });

  test("are not asked for once per made-up key id", async () => {
    const { identify, users, clock } = stage(await keySet(one));
    await identify(await tokenOf(one));
    clock.advance(2_000);
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, n) => tokenOf({ ...two, kid: `made-up-${n}` })));
    const answers = await Promise.allSettled(tokens.map(identify));
    expect(answers.every(({ status }) => status === "rejected")).toBe(true);
    expect(users.fetches).toBe(2);
  });

  test("that were withdrawn let nobody in any more, also not with a token seen before", async () => {
    const { identify, users, clock } = stage(await keySet(one));
    const token = await tokenOf(one);
    await identify(token);
    users.keys = await keySet(two);
    clock.advance(300_000);
    // The keys are exchanged behind this request's back.
    await identify(token);
    await new Promise(setImmediate);
    await expect(identify(token)).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
  });

  test("are kept while users is away", async () => {
    const { identify, users, clock, stale } = stage(await keySet(one));
    const token = await tokenOf(one);
    await identify(token);
    users.down = true;
    clock.advance(300_000);
    expect(await identify(token)).toEqual(ada);
    await new Promise(setImmediate);
    expect(stale).toHaveLength(1);
    expect(await identify(await tokenOf(one, { expiresAtMs: START + 901_000 }))).toEqual(ada);
  });

  test("that were never had make the error of users known", async () => {
    const { identify, users } = stage(await keySet(one));
    users.down = true;
    await expect(identify(await tokenOf(one))).rejects.toThrow("users is down");
  });
});

describe("a token that has ended before its time", () => {
  const claims = { ...profile, sid: "session-1", ver: 3 };

  test("is refused from then on, also when it was seen before", async () => {
    const { identify, revoked } = stage(await keySet(one));
    const token = await tokenOf(one, { claims });
    expect(await identify(token)).toEqual({ ...ada, sessionId: "session-1" });
    revoked.push(({ sessionId }) => sessionId === "session-1");
    await expect(identify(token)).rejects.toMatchObject({ type: "UNAUTHENTICATED", code: 401 });
  });

  test("is known by user, session and version; one that names no version is of the lowest", async () => {
    const { identify, revoked } = stage(await keySet(one));
    const seen: TokenIdentity[] = [];
    revoked.push((token) => {
      seen.push(token);
      return false;
    });
    await identify(await tokenOf(one, { claims }));
    await identify(await tokenOf(one));
    expect(seen).toEqual([
      { userId: "user-1", sessionId: "session-1", tokenVersion: 3 },
      { userId: "user-1", sessionId: undefined, tokenVersion: 0 },
    ]);
  });

  test("is not taken for good while nobody can say which have ended", async () => {
    const { identify, users } = stage(await keySet(one));
    users.listIsAway = true;
    await expect(identify(await tokenOf(one))).rejects.toThrow("users is down");
  });
});

describe("an API key", () => {
  test("says who calls, without a look at the keys of tokens", async () => {
    const { authenticator, asked, users } = stage(await keySet(one));
    expect(await authenticator.identify(undefined, "mck_1")).toMatchObject({ userId: "user-1", scopes: ["orders:read"] });
    expect(asked).toEqual(["mck_1"]);
    expect(users.fetches).toBe(0);
  });

  test("beside an access token, or twice, is refused: nobody could say who calls", async () => {
    const { authenticator, asked } = stage(await keySet(one));
    const token = `Bearer ${await tokenOf(one)}`;
    await expect(authenticator.identify(token, "mck_1")).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
    await expect(authenticator.identify(undefined, ["mck_1", "mck_2"])).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
    expect(asked).toEqual([]);
  });
});

describe("keys that users has announced", () => {
  test("are fetched before a token needs them", async () => {
    const { identify, authenticator, users, clock } = stage(await keySet(one));
    await identify(await tokenOf(one));
    authenticator.expectKids(["one"]);
    expect(users.fetches).toBe(1);
    users.keys = await keySet(one, two);
    clock.advance(2_000);
    authenticator.expectKids(["two", "one"]);
    await new Promise(setImmediate);
    expect(users.fetches).toBe(2);
    expect(await identify(await tokenOf(two, { expiresAtMs: START + 901_000 }))).toEqual(ada);
    expect(users.fetches).toBe(2);
  });

  test("are not asked for by a gateway that has seen no token yet", async () => {
    const { authenticator, users } = stage(await keySet(one));
    authenticator.expectKids(["one"]);
    await new Promise(setImmediate);
    expect(users.fetches).toBe(0);
  });
});

test("who shows no token is nobody", async () => {
  const { authenticator } = stage(await keySet(one));
  expect(await authenticator.identify(undefined)).toBeUndefined();
});
