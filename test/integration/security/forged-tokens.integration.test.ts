import { createHmac, createPublicKey, generateKeyPairSync, type JsonWebKey, randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { hashApiKey, newApiKey } from "@molecart/mixins/lib/api-key.ts";
import { decodeJwt, decodeProtectedHeader, type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import type { Signer } from "../../../services/users/signing-key.ts";
import type { UsersTables } from "../../../services/users/user.table.ts";
import { eventually } from "../../support/eventually.ts";
import { GuardedShop, type Headers, type Person, send } from "../../support/security/guarded-shop.ts";
import { removeDataDirs } from "../../support/worlds.ts";

jest.setTimeout(60_000);

type Key = Signer["key"];

let shop: Awaited<ReturnType<typeof GuardedShop.open>>;
/** The shop's own key: what it has signed is refused for what it says. */
let signer: Signer;
/** A key of the attacker's, and a place in the network from which it could be had. */
const forger = generateKeyPairSync("ed25519");
let keyServer: Server;
let visits = 0;
let keyServerUrl: string;

beforeAll(async () => {
  shop = await GuardedShop.open();
  const users = shop.broker.getLocalService("v1.users") as unknown as DatabaseProps<UsersTables> & {
    keys: { signer(db: unknown): Promise<Signer> };
  };
  signer = await users.keys.signer(users.database.db);
  const jwk = { ...forger.publicKey.export({ format: "jwk" }), kid: signer.kid, alg: "EdDSA", use: "sig" };
  keyServer = createServer((_, response) => {
    visits += 1;
    response.setHeader("content-type", "application/json").end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => keyServer.listen(0, "127.0.0.1", resolve));
  keyServerUrl = `http://127.0.0.1:${(keyServer.address() as AddressInfo).port}/jwks.json`;
}, 60_000);
afterAll(async () => {
  keyServer?.close();
  await shop?.stop();
  removeDataDirs();
});

/** Doors of each kind: for customers, for staff, for administrators, a stream, an answer out of the cache, one for everybody. */
const DOORS = [
  "/me",
  "/orders",
  "/admin/orders",
  "/admin/users",
  "/orders/some/events",
  "/categories",
  "/cart",
  "/products?q=lamp",
];

const expectNobody = async (headers: Headers, doors = DOORS): Promise<void> => {
  for (const door of doors) {
    const { status, body, headers: told } = await send(shop.api, { method: "GET", path: `/api/v1${door}`, headers });
    expect([door, status, body.code]).toEqual([door, 401, "UNAUTHENTICATED"]);
    expect(told.get("cache-control")).toBe("no-store");
  }
};
const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` });

const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const nowSeconds = () => Math.floor(Date.now() / 1000);

/** What the staff's own token says, and what is to be said instead. */
const claimsOf = (change: JWTPayload = {}): JWTPayload => ({ ...decodeJwt(shop.staff.accessToken), ...change });
const headerOf = (change: object = {}) =>
  ({ ...decodeProtectedHeader(shop.staff.accessToken), ...change }) as JWTHeaderParameters;
const sign = (claims: JWTPayload, header: object = {}, key: Key | typeof forger.privateKey = signer.key): Promise<string> =>
  new SignJWT(claims).setProtectedHeader(headerOf(header)).sign(key as Key);

test("A token that the shop's key has signed and that says the right things is let in", async () => {
  const { status } = await send(shop.api, {
    method: "GET",
    path: "/api/v1/admin/orders",
    headers: bearer(await sign(claimsOf())),
  });
  expect(status).toBe(200);
});

describe("A forged token lets nobody in, anywhere:", () => {
  test("without a signature, whatever the algorithm is called", async () => {
    for (const alg of ["none", "None", "NONE", "nOnE", ""])
      for (const end of ["", shop.staff.accessToken.split(".")[2]])
        await expectNobody(bearer(`${base64url(headerOf({ alg }))}.${base64url(claimsOf())}.${end}`), ["/me", "/admin/orders"]);
    await expectNobody(bearer(`${base64url(headerOf())}.${base64url(claimsOf())}.`));
  });

  test("signed by HS256 with anything of the public key as the secret", async () => {
    const { keys } = await shop.ok({ method: "GET", path: "/.well-known/jwks.json" });
    for (const jwk of keys as (JsonWebKey & { x: string })[]) {
      const key = createPublicKey({ key: jwk, format: "jwk" });
      const pem = key.export({ type: "spki", format: "pem" }) as string;
      const secrets = [
        pem,
        pem.trim(),
        key.export({ type: "spki", format: "der" }),
        JSON.stringify(jwk),
        JSON.stringify({ keys }),
        jwk.x,
        Buffer.from(jwk.x, "base64url"),
        "",
      ];
      for (const [alg, hash] of [
        ["HS256", "sha256"],
        ["HS384", "sha384"],
        ["HS512", "sha512"],
      ] as const)
        for (const secret of secrets) {
          const content = `${base64url(headerOf({ alg }))}.${base64url(claimsOf())}`;
          const signature = createHmac(hash, secret).update(content).digest("base64url");
          await expectNobody(bearer(`${content}.${signature}`), ["/admin/orders"]);
        }
    }
  });

  test.each<[string, () => JWTPayload]>([
    ["that has expired", () => claimsOf({ exp: nowSeconds() - 1 })],
    ["that never expires", () => claimsOf({ exp: undefined })],
    ["that is not valid yet", () => claimsOf({ nbf: nowSeconds() + 600 })],
    ["of another issuer", () => claimsOf({ iss: "elsewhere" })],
    ["of no issuer", () => claimsOf({ iss: undefined })],
    ["for another audience", () => claimsOf({ aud: "elsewhere" })],
    ["for no audience", () => claimsOf({ aud: undefined })],
    ["of nobody", () => claimsOf({ sub: undefined })],
    ["of an empty name", () => claimsOf({ sub: "" })],
    ["without roles", () => claimsOf({ roles: undefined })],
    ["with roles that are no list", () => claimsOf({ roles: "admin" })],
  ])("%s, although the shop's own key has signed it", async (_, claims) => {
    await expectNobody(bearer(await sign(claims())));
  });

  test("of a key that the shop does not have, under its own name or under one of a path, a query or an address", async () => {
    const kids = [
      signer.kid,
      "unknown",
      "../../../../dev/null",
      "/dev/null",
      "' or '1'='1",
      "users.secret",
      keyServerUrl,
      "__proto__",
    ];
    for (const kid of kids) await expectNobody(bearer(await sign(claimsOf(), { kid }, forger.privateKey)), ["/admin/orders"]);
    await expectNobody(bearer(await sign(claimsOf(), { kid: undefined }, forger.privateKey)), ["/admin/orders"]);
  });

  test("that brings its key along, or says where it can be had: nobody goes there", async () => {
    const jwk = forger.publicKey.export({ format: "jwk" });
    for (const header of [
      { jwk },
      { jku: keyServerUrl },
      { x5u: keyServerUrl },
      { x5c: [forger.publicKey.export({ type: "spki", format: "der" }).toString("base64")] },
      { jku: keyServerUrl, kid: "theirs" },
    ])
      await expectNobody(bearer(await sign(claimsOf(), header, forger.privateKey)), ["/me", "/admin/orders"]);
    await expectNobody(
      bearer(`${base64url(headerOf({ crit: ["exp"] }))}.${shop.staff.accessToken.split(".").slice(1).join(".")}`),
    );
    expect(visits).toBe(0);
  });

  test("whose roles or owner were changed", async () => {
    const [header, , signature] = shop.owner.accessToken.split(".") as [string, string, string];
    const own = decodeJwt(shop.owner.accessToken);
    for (const claims of [{ roles: ["customer", "staff", "admin"] }, { sub: shop.staff.id }, { sid: randomUUID() }, { ver: 99 }])
      await expectNobody(bearer(`${header}.${base64url({ ...own, ...claims })}.${signature}`), ["/me", "/admin/orders"]);
  });

  test("of parts: cut off, doubled, swapped, of the wrong alphabet", async () => {
    const token = shop.staff.accessToken;
    const [header, payload, signature] = token.split(".") as [string, string, string];
    const other = shop.owner.accessToken.split(".") as [string, string, string];
    for (const one of [
      header,
      `${header}.${payload}`,
      `${header}.${payload}.${signature.slice(0, -4)}`,
      `${token}.${signature}`,
      `${token}A`,
      `${header}.${payload}.${other[2]}`,
      `${header}..${signature}`,
      `..`,
      ".",
      `${payload}.${header}.${signature}`,
      `${header}.${payload}.${Buffer.from(signature, "base64url").toString("base64")}==`,
      `${base64url([])}.${payload}.${signature}`,
      `${Buffer.from("{").toString("base64url")}.${payload}.${signature}`,
      `${header}.${base64url(null)}.${signature}`,
      "A".repeat(8_000),
      `${"A".repeat(7_000)}.${payload}.${signature}`,
      `${header}.${".".repeat(4_000)}`,
    ])
      await expectNobody(bearer(one), ["/me", "/categories"]);
  });

  test("beyond what headers may hold is refused before anybody looks at it", async () => {
    const headers = bearer(`${"A".repeat(100_000)}.A.A`);
    const { status, body } = await send(shop.api, { method: "GET", path: "/api/v1/me", headers });
    expect([status, body.code]).toEqual([431, "HEADERS_TOO_LARGE"]);
  });

  test("anywhere but in its header: there it is none", async () => {
    const token = shop.staff.accessToken;
    const inCookie = { cookie: `access_token=${token}; token=${token}; jwt=${token}` };
    for (const headers of [
      inCookie,
      { "x-access-token": token },
      { "x-forwarded-user": shop.staff.id, "x-user-id": shop.staff.id },
    ])
      expect((await send(shop.api, { method: "GET", path: "/api/v1/admin/orders", headers: headers as Headers })).status).toBe(
        401,
      );
    for (const query of [`access_token=${token}`, `token=${token}`, `authorization=Bearer+${token}`]) {
      const answer = await send(shop.api, { method: "GET", path: `/api/v1/admin/orders?${query}` });
      expect(answer.status).toBe(401);
      expect(answer.text).not.toContain(token);
    }
    for (const scheme of ["Basic", "Token", "Digest", "JWT", "Negotiate"])
      await expectNobody({ authorization: `${scheme} ${token}` }, ["/me"]);
  });
});

describe("A token that was good lets nobody in any more", () => {
  const stranger = async (): Promise<Person> => shop.signUp("leaving");
  const gone = ({ headers }: Person) =>
    eventually(() => expectNobody(headers, ["/me", "/orders", "/categories"]), { withinMs: 5_000 });
  const admit = ({ id }: Person, how: string, body: object) =>
    shop.ok({
      method: how === "roles" ? "PUT" : "POST",
      path: `/api/v1/admin/users/${id}/${how}`,
      headers: shop.admin.headers,
      body,
    });

  test("once its account is disabled, nor does its API key, its refresh token or its password", async () => {
    const person = await stranger();
    const { headers } = await shop.apiKey(person, ["profile:read"]);
    expect((await send(shop.api, { method: "GET", path: "/api/v1/me", headers })).status).toBe(200);
    await admit(person, "disable", { reason: "a test" });
    await gone(person);
    await eventually(() => expectNobody(headers, ["/me"]));
    const { refreshToken, email, password } = person;
    for (const [path, body] of [
      ["refresh", { refreshToken }],
      ["login", { email, password }],
    ] as const)
      expect((await send(shop.api, { method: "POST", path: `/api/v1/auth/${path}`, body })).status).toBeGreaterThanOrEqual(401);
  });

  test("once its session has ended", async () => {
    const person = await stranger();
    await shop.ok({ method: "POST", path: "/api/v1/auth/logout", body: { refreshToken: person.refreshToken } });
    await gone(person);
  });

  test("once a refresh token of its session was used twice", async () => {
    const person = await stranger();
    const refresh = () =>
      send(shop.api, { method: "POST", path: "/api/v1/auth/refresh", body: { refreshToken: person.refreshToken } });
    const renewed = await refresh();
    expect((await refresh()).status).toBe(401);
    await gone(person);
    await gone({ ...person, headers: bearer(renewed.body.accessToken) });
  });

  test("once its account has other roles", async () => {
    const person = await stranger();
    await admit(person, "roles", { roles: ["customer", "staff"] });
    await gone(person);
  });

  test("once its password was changed elsewhere", async () => {
    const person = await stranger();
    const elsewhere = await shop.signIn(person);
    const body = { currentPassword: person.password, newPassword: "quite another sentence" };
    await shop.ok({ method: "PUT", path: "/api/v1/me/password", headers: elsewhere.headers, body });
    await gone(person);
    expect((await send(shop.api, { method: "GET", path: "/api/v1/me", headers: elsewhere.headers })).status).toBe(200);
  });

  test("once the key that has signed it is given up as compromised", async () => {
    const person = await stranger();
    const [kid] = [decodeProtectedHeader(person.accessToken).kid];
    await shop.ok({
      method: "POST",
      path: "/api/v1/admin/signing-keys/rotate",
      headers: shop.admin.headers,
      body: { compromised: true },
    });
    await gone(person);
    const again = await shop.signIn(person);
    expect(decodeProtectedHeader(again.accessToken).kid).not.toBe(kid);
    shop.owner = await shop.signIn(shop.owner);
    shop.other = await shop.signIn(shop.other);
    shop.staff = await shop.signIn(shop.staff);
    shop.admin = await shop.signIn(shop.admin);
  });
});

test("A refresh token is no access token, and an access token no refresh token", async () => {
  await expectNobody(bearer(shop.owner.refreshToken));
  for (const path of ["refresh", "logout"]) {
    const request = { method: "POST", path: `/api/v1/auth/${path}`, body: { refreshToken: shop.owner.accessToken } };
    expect((await send(shop.api, request)).status).toBe(422);
  }
  expect((await send(shop.api, { method: "GET", path: "/api/v1/me", headers: shop.owner.headers })).status).toBe(200);
});

describe("An API key", () => {
  let own: Awaited<ReturnType<GuardedShop["apiKey"]>>;
  beforeAll(async () => {
    own = await shop.apiKey(shop.owner, ["profile:read", "catalog:read"]);
  });

  test("that was made up, mistyped, cut, or is its own hash or prefix opens nothing", async () => {
    const { key } = own;
    const flipped = (at: number) => key.slice(0, at) + (key[at] === "A" ? "B" : "A") + key.slice(at + 1);
    const made = [
      newApiKey(),
      flipped(10),
      flipped(key.length - 1),
      key.slice(0, -1),
      key.slice(0, 12),
      hashApiKey(key),
      `${key}A`,
    ];
    for (const one of [
      ...made,
      key.toUpperCase(),
      key.replace("mck_", ""),
      `Bearer ${key}`,
      "mck_",
      "null",
      "*",
      "{}",
      `${key}, ${key}`,
    ])
      await expectNobody({ "x-api-key": one }, ["/me", "/categories"]);
  });

  test("opens nothing from another place: as a bearer token, a password, a cookie, in the query", async () => {
    await expectNobody(bearer(own.key));
    const basic = Buffer.from(`${own.key}:`).toString("base64");
    await expectNobody({ authorization: `Basic ${basic}` }, ["/me"]);
    await expectNobody({ authorization: `ApiKey ${own.key}` }, ["/me"]);
    expect(
      (await send(shop.api, { method: "GET", path: "/api/v1/me", headers: { cookie: `x-api-key=${own.key}` } })).status,
    ).toBe(401);
    for (const name of ["api_key", "apikey", "key", "x-api-key"]) {
      const answer = await send(shop.api, { method: "GET", path: `/api/v1/me?${name}=${own.key}` });
      expect(answer.status).toBe(401);
      expect(answer.text).not.toContain(own.key);
    }
  });

  test("beside an access token is refused: nobody could say who calls", async () => {
    await expectNobody({ ...own.headers, ...shop.owner.headers }, ["/me"]);
    await expectNobody({ ...own.headers, ...shop.other.headers }, ["/me"]);
  });

  test("cannot make itself more: no keys, no passwords, no sessions, whatever it is good for", async () => {
    for (const [method, path, body] of [
      ["POST", "/me/api-keys", { name: "more", scopes: ["orders:write"] }],
      ["PUT", "/me/password", { currentPassword: shop.owner.password, newPassword: "a sentence of the thief" }],
      ["POST", "/auth/login", { email: shop.owner.email, password: shop.owner.password }],
    ] as const)
      expect((await send(shop.api, { method, path: `/api/v1${path}`, headers: own.headers, body })).status).toBe(403);
  });

  test("cannot be made for more than its owner may", async () => {
    for (const scopes of [["operations:write"], ["profile:read", "catalog:write"], ["*"], ["admin"], []]) {
      const request = {
        method: "POST",
        path: "/api/v1/me/api-keys",
        headers: shop.owner.headers,
        body: { name: "more", scopes },
      };
      expect((await send(shop.api, request)).status).toBeGreaterThanOrEqual(400);
    }
  });

  test("opens nothing once it is revoked, and others cannot revoke it", async () => {
    const path = `/api/v1/me/api-keys/${own.id}`;
    expect((await send(shop.api, { method: "DELETE", path, headers: shop.other.headers })).status).toBe(404);
    expect((await send(shop.api, { method: "GET", path: "/api/v1/me", headers: own.headers })).status).toBe(200);
    expect((await send(shop.api, { method: "DELETE", path, headers: shop.owner.headers })).status).toBe(204);
    await eventually(() => expectNobody(own.headers, ["/me", "/categories"]), { withinMs: 5_000 });
  });

  test("is worth less with its owner's roles", async () => {
    const person = await shop.signUp("colleague");
    const roles = (given: string[]) =>
      shop.ok({
        method: "PUT",
        path: `/api/v1/admin/users/${person.id}/roles`,
        headers: shop.admin.headers,
        body: { roles: given },
      });
    await roles(["customer", "staff"]);
    const colleague = await shop.signIn(person);
    const { headers } = await shop.apiKey(colleague, ["orders:read"]);
    const look = async () => (await send(shop.api, { method: "GET", path: "/api/v1/admin/orders", headers })).status;
    expect(await look()).toBe(200);
    await roles(["customer"]);
    await eventually(async () => expect(await look()).toBe(403), { withinMs: 5_000 });
  });
});
