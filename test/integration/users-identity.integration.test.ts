import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { ActionName, ActionParams, ActionResult } from "@molecart/mixins/contracts/index.ts";
import { REVOKED, type Revocation, type Revoked, type SignedIn } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { hashApiKey } from "@molecart/mixins/lib/api-key.ts";
import { isoTime, ManualClock } from "@molecart/mixins/lib/clock.ts";
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from "jose";
import type { Context, ServiceBroker } from "moleculer";
import { Authenticator } from "../../services/api/authentication.ts";
import type { Passwords } from "../../services/users/password.ts";
import type { UsersTables } from "../../services/users/user.table.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type World, worlds } from "../support/worlds.ts";

const PASSWORD = "correct horse battery staple";
const NEW_PASSWORD = "a quite different sentence";
const SECRET = "0123456789abcdef0123456789abcdef";
const DAY_MS = 86_400_000;
const ADMIN = "the-admin";

interface UsersService extends DatabaseProps<UsersTables & MessagingTables> {
  passwords: Passwords;
}

interface Stand {
  broker: ServiceBroker;
  clock: ManualClock;
  /** What was broadcast to gateways. */
  announced: Revocation[];
  call<N extends ActionName>(name: N, params: ActionParams<N>): Promise<ActionResult<N>>;
  service: UsersService;
}

const stands: Stand[] = [];
afterEach(async () => {
  await Promise.all(stands.splice(0).map(({ broker }) => broker.stop()));
});

const startUsers = async (env: Record<string, string>, clock = new ManualClock()): Promise<Stand> => {
  const broker = await createBroker(["users"], {
    env: { NODE_ID: `users-${stands.length}`, USERS_KEY_SECRET: SECRET, ...env },
    clock,
  });
  const announced: Revocation[] = [];
  broker.createService({
    name: "listening-gateway",
    events: { [REVOKED]: (ctx: Context<Revoked>) => void announced.push(...ctx.params.items) },
  });
  await broker.start();
  const stand: Stand = {
    broker,
    clock,
    announced,
    call: (name, params) => broker.call(name, params as object) as never,
    service: broker.getLocalService("v1.users") as unknown as UsersService,
  };
  stands.push(stand);
  return stand;
};

const refusal = async (attempt: Promise<unknown>): Promise<{ type: string; code: number; data?: unknown }> => {
  const [end] = await Promise.allSettled([attempt]);
  if (end.status === "fulfilled") throw new Error("It was not refused");
  return end.reason as { type: string; code: number };
};

const register = ({ call }: Stand, email = "ada@example.org"): Promise<SignedIn> =>
  call("v1.users.register", { email, password: PASSWORD, name: "Ada" });
const login = (
  { call }: Stand,
  password = PASSWORD,
  { email = "ada@example.org", address }: { email?: string; address?: string } = {},
) => call("v1.users.login", { email, password, ...(address && { address }) });
const refresh = ({ call }: Stand, { refreshToken }: { refreshToken: string }) => call("v1.users.refresh", { refreshToken });
const sessionOf = ({ accessToken }: { accessToken: string }) => decodeJwt(accessToken).sid as string;

const sent = async ({ service }: Stand, type: string): Promise<{ resetId: string; [name: string]: unknown }[]> => {
  const rows = await service.database.db
    .selectFrom("outbox")
    .select("envelope")
    .where("type", "=", type)
    .orderBy("seq")
    .execute();
  return rows.map(({ envelope }) => envelope.data as never);
};

/** What a leaked dump of the database would show. */
const dump = async ({ service }: Stand): Promise<string> => {
  const tables = [
    "account",
    "refresh_token",
    "password_reset",
    "api_key",
    "outbox",
    "job",
    "sign_in_throttle",
    "user_audit",
  ] as const;
  const rows = await Promise.all(tables.map((table) => service.database.db.selectFrom(table).selectAll().execute()));
  return JSON.stringify(rows);
};

const resetTokenFor = async (stand: Stand, count = 1): Promise<string> => {
  await stand.call("v1.users.forgotPassword", { email: "Ada@Example.org" });
  const resets = await eventually(async () => {
    const all = await sent(stand, "password.forgotten");
    expect(all).toHaveLength(count);
    return all;
  });
  const { token } = await stand.call("v1.users.issueResetToken", { resetId: resets.at(-1)?.resetId as string });
  return token;
};

for (const { world, servers, open } of worlds) {
  describeWith(servers, `Identity, ${world}`, () => {
    let place: World;
    const start = async (settings: Record<string, string> = {}, clock?: ManualClock): Promise<Stand> =>
      startUsers({ ...(await place.environment("users")), ...settings }, clock);
    beforeAll(async () => {
      place = await open();
    });
    afterAll(() => place.close());

    describe("a forgotten password", () => {
      test("is reset by a token that works once; all sessions end, and the customer is told", async () => {
        const stand = await start();
        const first = await register(stand);
        const second = await login(stand);
        const token = await resetTokenFor(stand);
        expect(await stand.call("v1.users.resetPassword", { token, password: NEW_PASSWORD })).toBeNull();

        expect(await refusal(login(stand))).toMatchObject({ type: "INVALID_CREDENTIALS" });
        for (const session of [first, second])
          expect(await refusal(refresh(stand, session))).toMatchObject({ type: "INVALID_REFRESH_TOKEN" });
        expect(stand.announced).toEqual(
          expect.arrayContaining([{ kind: "user", id: first.user.id, version: 2, until: expect.any(String) }]),
        );
        const customer = { id: first.user.id, email: "ada@example.org", name: "Ada" };
        expect(await sent(stand, "password.changed")).toEqual([{ customer, by: "reset" }]);
        expect(decodeJwt((await login(stand, NEW_PASSWORD)).accessToken).ver).toBe(2);

        const again = stand.call("v1.users.resetPassword", { token, password: PASSWORD });
        expect(await refusal(again)).toMatchObject({ type: "INVALID_RESET_TOKEN", code: 400 });
        expect(await refusal(login(stand))).toMatchObject({ type: "INVALID_CREDENTIALS" });
      });

      test("has one winner when its token is used twice at once", async () => {
        const stand = await start();
        await register(stand);
        const token = await resetTokenFor(stand);
        const ends = await Promise.allSettled(
          [1, 2, 3].map((n) => stand.call("v1.users.resetPassword", { token, password: `${NEW_PASSWORD} ${n}` })),
        );
        expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect(await sent(stand, "password.changed")).toHaveLength(1);
      });

      test("has a token that ends with its time, and with a newer one", async () => {
        const stand = await start();
        await register(stand);
        const old = await resetTokenFor(stand, 1);
        stand.clock.advance(1_000);
        const newer = await resetTokenFor(stand, 2);
        expect(newer).not.toBe(old);
        const use = (token: string) => stand.call("v1.users.resetPassword", { token, password: NEW_PASSWORD });
        expect(await refusal(use(old))).toMatchObject({ type: "INVALID_RESET_TOKEN" });
        const [first, second] = await sent(stand, "password.forgotten");
        const issue = (resetId?: string) => stand.call("v1.users.issueResetToken", { resetId: resetId as string });
        expect(await refusal(issue(first?.resetId))).toMatchObject({ type: "INVALID_RESET_TOKEN" });
        stand.clock.advance(30 * 60_000 + 1);
        expect(await refusal(use(newer))).toMatchObject({ type: "INVALID_RESET_TOKEN" });
        expect(await refusal(issue(second?.resetId))).toMatchObject({ type: "INVALID_RESET_TOKEN" });
        await login(stand);
      });

      test("leaves no token where anybody could read it: not in an event, a job or a dump of the database", async () => {
        const stand = await start();
        await register(stand);
        const token = await resetTokenFor(stand);
        const [event] = await sent(stand, "password.forgotten");
        expect(Object.keys(event as object).sort()).toEqual(["customer", "expiresAt", "resetId"]);
        const leaked = await dump(stand);
        expect(leaked).not.toContain(token);
        // The same at each rendering, and another one under another secret.
        const { token: again } = await stand.call("v1.users.issueResetToken", { resetId: event?.resetId as string });
        expect(again).toBe(token);
        expect(token).toMatch(/^[\w-]{43}$/);
        for (const known of leaked.match(/[\w-]{20,}/g) ?? [])
          if (known !== token)
            expect(await refusal(stand.call("v1.users.resetPassword", { token: known, password: NEW_PASSWORD }))).toMatchObject({
              type: "INVALID_RESET_TOKEN",
            });
      });

      test("of nobody is answered alike, and nothing follows from it", async () => {
        const stand = await start();
        await register(stand);
        const known = await stand.call("v1.users.forgotPassword", { email: "ada@example.org" });
        await eventually(async () => expect(await sent(stand, "password.forgotten")).toHaveLength(1));
        expect(await stand.call("v1.users.forgotPassword", { email: "nobody@example.org" })).toEqual(known);
        expect(known).toEqual({});
        await eventually(async () => {
          const jobs = await stand.service.database.db
            .selectFrom("job")
            .select("id")
            .where("kind", "=", "password-forgotten")
            .execute();
          expect(jobs).toEqual([]);
        });
        expect(await sent(stand, "password.forgotten")).toHaveLength(1);
        expect(await dump(stand)).not.toContain("nobody@example.org");
      });

      test("that is asked for again and again fills no mailbox", async () => {
        const stand = await start();
        await register(stand);
        for (let n = 1; n <= 5; n++) {
          stand.clock.advance(1_000);
          await resetTokenFor(stand, n);
        }
        await stand.call("v1.users.forgotPassword", { email: "ada@example.org" });
        await eventually(async () => {
          const jobs = await stand.service.database.db
            .selectFrom("job")
            .select("id")
            .where("kind", "=", "password-forgotten")
            .execute();
          expect(jobs).toEqual([]);
        });
        expect(await sent(stand, "password.forgotten")).toHaveLength(5);
      });
    });

    describe("a changed password", () => {
      test("ends the other sessions and not this one; the customer is told", async () => {
        const stand = await start();
        const { user, ...here } = await register(stand);
        const elsewhere = await login(stand);
        const change = { userId: user.id, sessionId: sessionOf(here), currentPassword: PASSWORD, newPassword: NEW_PASSWORD };
        expect(await stand.call("v1.users.changePassword", change)).toBeNull();
        expect(stand.announced).toEqual([{ kind: "session", id: sessionOf(elsewhere), version: 0, until: expect.any(String) }]);
        expect(await refusal(refresh(stand, elsewhere))).toMatchObject({ type: "INVALID_REFRESH_TOKEN" });
        await refresh(stand, here);
        await login(stand, NEW_PASSWORD);
        expect(await refusal(login(stand))).toMatchObject({ type: "INVALID_CREDENTIALS" });
        expect(await sent(stand, "password.changed")).toMatchObject([{ by: "owner" }]);
      });

      test("needs the current one, and links in the mailbox end with it", async () => {
        const stand = await start();
        const { user, ...here } = await register(stand);
        const token = await resetTokenFor(stand);
        const change = { userId: user.id, sessionId: sessionOf(here), newPassword: NEW_PASSWORD };
        const wrong = stand.call("v1.users.changePassword", { ...change, currentPassword: "not the password" });
        expect(await refusal(wrong)).toMatchObject({ type: "WRONG_PASSWORD", code: 403 });
        expect(stand.announced).toEqual([]);
        await stand.call("v1.users.changePassword", { ...change, currentPassword: PASSWORD });
        expect(await refusal(stand.call("v1.users.resetPassword", { token, password: PASSWORD }))).toMatchObject({
          type: "INVALID_RESET_TOKEN",
        });
      });

      test("does not let in a sign-in by the old one that is just under way", async () => {
        const stand = await start();
        const { user } = await register(stand);
        const { passwords } = stand.service;
        let changed = false;
        stand.service.passwords = {
          ...passwords,
          async verify(password, stored) {
            const matches = await passwords.verify(password, stored);
            if (!changed) {
              changed = true;
              await stand.call("v1.users.changePassword", {
                userId: user.id,
                currentPassword: PASSWORD,
                newPassword: NEW_PASSWORD,
              });
            }
            return matches;
          },
        };
        expect(await refusal(login(stand))).toMatchObject({ type: "INVALID_CREDENTIALS" });
      });
    });

    describe("tries of passwords", () => {
      test("do the same work for an unknown address, a wrong password and a lock: nobody can tell who has an account", async () => {
        const stand = await start({ USERS_LOCK_ACCOUNT_TRIES: "2" });
        await register(stand);
        const { passwords } = stand.service;
        let hashes = 0;
        stand.service.passwords = {
          ...passwords,
          verify(password, stored) {
            hashes += 1;
            return passwords.verify(password, stored);
          },
        };
        const outcomes = async (email: string) => {
          const all: unknown[] = [];
          for (let n = 0; n < 3; n++) {
            const before = hashes;
            const { type, code, data } = await refusal(login(stand, "not the password", { email, address: "192.0.2.1" }));
            all.push({ type, code, data, work: hashes - before });
          }
          return all;
        };
        const known = await outcomes("ada@example.org");
        expect(known).toEqual([
          { type: "INVALID_CREDENTIALS", code: 401, data: undefined, work: 1 },
          { type: "INVALID_CREDENTIALS", code: 401, data: undefined, work: 1 },
          { type: "TOO_MANY_TRIES", code: 429, data: { retryAfterSeconds: 30 }, work: 0 },
        ]);
        expect(await outcomes("nobody@example.org")).toEqual(known);
      });

      test("lock an account for a while that doubles, for the right password too; the lock survives a restart", async () => {
        const env = { ...(await place.environment("users")), USERS_LOCK_ACCOUNT_TRIES: "3" };
        const clock = new ManualClock();
        const before = await startUsers(env, clock);
        await register(before);
        for (let n = 0; n < 3; n++) expect(await refusal(login(before, "wrong"))).toMatchObject({ type: "INVALID_CREDENTIALS" });
        await before.broker.stop();
        stands.splice(stands.indexOf(before), 1);

        const stand = await startUsers(env, clock);
        expect(await refusal(login(stand))).toMatchObject({ type: "TOO_MANY_TRIES", data: { retryAfterSeconds: 30 } });
        clock.advance(30_000);
        expect(await refusal(login(stand, "wrong"))).toMatchObject({ type: "INVALID_CREDENTIALS" });
        expect(await refusal(login(stand))).toMatchObject({ type: "TOO_MANY_TRIES", data: { retryAfterSeconds: 60 } });
        clock.advance(60_000);
        await login(stand);
        expect(await refusal(login(stand, "wrong"))).toMatchObject({ type: "INVALID_CREDENTIALS" });
        await login(stand);
      });

      test("at once are counted one by one: no more of them are looked at than one after the other", async () => {
        const stand = await start({ USERS_LOCK_ACCOUNT_TRIES: "4" });
        await register(stand);
        const ends = await Promise.all(Array.from({ length: 12 }, () => refusal(login(stand, "wrong"))));
        expect(ends.filter(({ type }) => type === "INVALID_CREDENTIALS")).toHaveLength(4);
        expect(ends.filter(({ type }) => type === "TOO_MANY_TRIES")).toHaveLength(8);
      });

      test("from one address lock it, over all accounts, and no other address", async () => {
        const stand = await start({ USERS_LOCK_ADDRESS_TRIES: "3" });
        await register(stand);
        for (const email of ["a@example.org", "b@example.org", "c@example.org"])
          expect(await refusal(login(stand, "wrong", { email, address: "192.0.2.1" }))).toMatchObject({
            type: "INVALID_CREDENTIALS",
          });
        expect(await refusal(login(stand, PASSWORD, { address: "192.0.2.1" }))).toMatchObject({ type: "TOO_MANY_TRIES" });
        await login(stand, PASSWORD, { address: "192.0.2.2" });
        stand.clock.advance(30_000);
        await login(stand, PASSWORD, { address: "192.0.2.1" });
      });

      test("are forgotten by a reset: the owner comes in at once, whoever has locked the account", async () => {
        const stand = await start({ USERS_LOCK_ACCOUNT_TRIES: "2" });
        await register(stand);
        for (let n = 0; n < 2; n++) await refusal(login(stand, "wrong"));
        expect(await refusal(login(stand))).toMatchObject({ type: "TOO_MANY_TRIES" });
        const token = await resetTokenFor(stand);
        await stand.call("v1.users.resetPassword", { token, password: NEW_PASSWORD });
        await login(stand, NEW_PASSWORD);
      });

      test("of the current password at its change count as well", async () => {
        const stand = await start({ USERS_LOCK_ACCOUNT_TRIES: "2" });
        const { user } = await register(stand);
        const change = (currentPassword: string) =>
          stand.call("v1.users.changePassword", { userId: user.id, currentPassword, newPassword: NEW_PASSWORD });
        for (let n = 0; n < 2; n++) expect(await refusal(change("wrong"))).toMatchObject({ type: "WRONG_PASSWORD" });
        expect(await refusal(change(PASSWORD))).toMatchObject({ type: "TOO_MANY_TRIES" });
        expect(await refusal(login(stand))).toMatchObject({ type: "TOO_MANY_TRIES" });
      });
    });

    describe("revocations", () => {
      const listed = async (stand: Stand, params: ActionParams<"v1.users.revocations"> = {}) =>
        (await stand.call("v1.users.revocations", params)).items;

      test("follow a sign-out and a reused token, are told at once and listed until the last token is over", async () => {
        const stand = await start();
        const one = await register(stand);
        const other = await login(stand);
        await stand.call("v1.users.logout", { refreshToken: one.refreshToken });
        const successor = await refresh(stand, other);
        expect(sessionOf(successor)).toBe(sessionOf(other));
        await refusal(refresh(stand, other));
        const until = isoTime(stand.clock.now() + 960_000);
        const expected = [one, other].map((session) => ({ kind: "session", id: sessionOf(session), version: 0, until }));
        expect(stand.announced).toEqual(expected);
        expect(await listed(stand)).toEqual(expect.arrayContaining(expected));
        expect(await listed(stand)).toHaveLength(2);
        stand.clock.advance(960_000);
        expect(await listed(stand)).toEqual([]);
        stand.clock.advance(3_600_000);
        await eventually(async () =>
          expect(await stand.service.database.db.selectFrom("revocation").selectAll().execute()).toEqual([]),
        );
      });

      test("since a time are listed with an overlap, and page by page without a gap", async () => {
        const stand = await start();
        const { db } = stand.service.database;
        const at = (n: number) => isoTime(stand.clock.now() + n);
        await db
          .insertInto("revocation")
          .values(
            Array.from({ length: 1_500 }, (_, n) => ({
              kind: "session" as const,
              id: `s-${n}`,
              version: 0,
              revoked_at: at(Math.floor(n / 7)),
              until: at(900_000),
            })),
          )
          .execute();
        const first = await stand.call("v1.users.revocations", {});
        expect(first.items).toHaveLength(1_000);
        const second = await stand.call("v1.users.revocations", { cursor: first.nextCursor as string });
        expect(second).toMatchObject({ nextCursor: null });
        expect(new Set([...first.items, ...second.items].map(({ id }) => id)).size).toBe(1_500);
        expect(await listed(stand, { since: at(30_200) })).toHaveLength(1_500 - 1_400);
        expect(first.kids).toHaveLength(1);
      });
    });

    describe("signing keys", () => {
      const kidOf = ({ accessToken }: { accessToken: string }) => decodeProtectedHeader(accessToken).kid;
      const published = async (stand: Stand) => (await stand.call("v1.users.jwks", {})).keys.map(({ kid }) => kid);

      test("rotate by themselves, and no request of anybody fails meanwhile", async () => {
        const stand = await start({ USERS_REFRESH_TOKEN_DAYS: "365" });
        const { clock } = stand;
        const gateway = new Authenticator({
          issuer: "molecart",
          audience: "molecart",
          clock,
          fetchKeys: async () => (await stand.call("v1.users.jwks", {})) as unknown as JSONWebKeySet,
          onStaleKeys: (error) => {
            throw error;
          },
          revocations: { ready: async () => {}, has: () => false },
          apiKeys: { identify: () => Promise.reject(new Error("there are none")) },
        });
        let session: { accessToken: string; refreshToken: string } = await register(stand);
        let previous = session;
        const kids = new Set([kidOf(session)]);
        const works = async () => {
          expect(await gateway.identify(`Bearer ${session.accessToken}`)).toMatchObject({ email: "ada@example.org" });
          expect(await gateway.identify(`Bearer ${previous.accessToken}`)).toMatchObject({ email: "ada@example.org" });
        };
        await works();
        clock.advance(30 * DAY_MS - 300_000);
        session = previous = await refresh(stand, session);
        clock.advance(300_000);
        await eventually(async () => expect(await published(stand)).toHaveLength(2));
        // Minute by minute through the overlap and the life of the last token of the old key.
        for (let minute = 0; minute < 40; minute++) {
          if (minute % 5 === 0) {
            previous = session;
            session = await refresh(stand, session);
            kids.add(kidOf(session));
          }
          await works();
          clock.advance(60_000);
        }
        expect(kids.size).toBe(2);
        await eventually(async () => expect(await published(stand)).toEqual([kidOf(session)]));
        await eventually(async () =>
          expect(await stand.service.database.db.selectFrom("signing_key").select("kid").execute()).toEqual([
            { kid: kidOf(session) },
          ]),
        );
      });

      test("rotate by command: the new one is published at once and signs after the overlap", async () => {
        const stand = await start({ USERS_KEY_OVERLAP_SECONDS: "120" });
        const before = await register(stand);
        const { kid, signsFrom } = await stand.call("v1.users.rotateSigningKeys", { actor: ADMIN });
        expect(signsFrom).toBe(isoTime(stand.clock.now() + 120_000));
        expect(await published(stand)).toEqual([kid, kidOf(before)]);
        expect(kidOf(await login(stand))).toBe(kidOf(before));
        stand.clock.advance(120_000);
        expect(kidOf(await login(stand))).toBe(kid);
        expect((await stand.call("v1.users.revocations", {})).kids).toEqual([kid, kidOf(before)]);
      });

      test("that are compromised end at once, with all that they have signed", async () => {
        const stand = await start();
        const before = await register(stand);
        const { kid } = await stand.call("v1.users.rotateSigningKeys", { actor: ADMIN, compromised: true });
        expect(await published(stand)).toEqual([kid]);
        const keys = createLocalJWKSet((await stand.call("v1.users.jwks", {})) as unknown as JSONWebKeySet);
        await expect(jwtVerify(before.accessToken, keys)).rejects.toThrow();
        const { accessToken } = await refresh(stand, before);
        await jwtVerify(accessToken, keys, { currentDate: new Date(stand.clock.now()) });
      });

      test("that several ask for at once become one", async () => {
        const stand = await start();
        await register(stand);
        const made = await Promise.all([1, 2, 3].map(() => stand.call("v1.users.rotateSigningKeys", { actor: ADMIN })));
        const generations = await stand.service.database.db
          .selectFrom("signing_key")
          .select(["generation", "not_after"])
          .orderBy("generation")
          .execute();
        // One after the other makes one each, at the same time one for all: never two of a generation, and one without an end.
        expect(new Set(generations.map(({ generation }) => generation)).size).toBe(generations.length);
        expect(generations.filter(({ not_after }) => not_after === null)).toHaveLength(1);
        expect(made.every(({ kid }) => kid.length > 0)).toBe(true);
      });
    });

    describe("API keys", () => {
      const scopes = ["orders:read", "orders:write"] as const;
      const create = ({ call }: Stand, userId: string, more: Partial<ActionParams<"v1.users.createApiKey">> = {}) =>
        call("v1.users.createApiKey", { userId, name: " ERP ", scopes: [...scopes], ...more });
      const find = ({ call }: Stand, key: string) => call("v1.users.findApiKey", { keyHash: hashApiKey(key) });

      test("are shown once, known by their prefix, and stored as a hash", async () => {
        const stand = await start();
        const { user } = await register(stand);
        const { key, ...shown } = await create(stand, user.id);
        expect(shown).toEqual({
          id: expect.any(String),
          name: "ERP",
          prefix: key.slice(0, 12),
          scopes: [...scopes],
          createdAt: expect.any(String),
          expiresAt: null,
          lastUsedAt: null,
        });
        expect(await stand.call("v1.users.listApiKeys", { userId: user.id })).toEqual({ items: [shown] });
        expect(await dump(stand)).not.toContain(key);
        const { id, email, name, roles } = user;
        expect(await find(stand, key)).toEqual({
          id: shown.id,
          userId: id,
          email,
          name,
          roles,
          scopes: [...scopes],
          expiresAt: null,
        });
        expect(await find(stand, `${key}x`)).toBeNull();
      });

      test("end when they are revoked, by their owner only, and gateways are told", async () => {
        const stand = await start();
        const { user } = await register(stand);
        const stranger = await register(stand, "bob@example.org");
        const { key, id } = await create(stand, user.id);
        const revoke = (userId: string) => stand.call("v1.users.revokeApiKey", { userId, keyId: id });
        expect(await refusal(revoke(stranger.user.id))).toMatchObject({ type: "API_KEY_NOT_FOUND", code: 404 });
        expect(await find(stand, key)).not.toBeNull();
        expect(stand.announced).toEqual([]);
        await revoke(user.id);
        await revoke(user.id);
        expect(await find(stand, key)).toBeNull();
        expect(stand.announced).toMatchObject([
          { kind: "api-key", id },
          { kind: "api-key", id },
        ]);
        expect(await stand.call("v1.users.listApiKeys", { userId: user.id })).toEqual({ items: [] });
      });

      test("end at their time, with their owner's account, and say his roles as they are now", async () => {
        const stand = await start();
        const { user } = await register(stand);
        const brief = await create(stand, user.id, { expiresAt: isoTime(stand.clock.now() + 60_000) });
        const lasting = await create(stand, user.id);
        stand.clock.advance(60_000);
        expect(await find(stand, brief.key)).toBeNull();
        await stand.call("v1.users.setRoles", { userId: user.id, actor: ADMIN, roles: ["staff"] });
        expect(await find(stand, lasting.key)).toMatchObject({ roles: ["staff"], scopes: [...scopes] });
        await stand.call("v1.users.disable", { userId: user.id, actor: ADMIN, reason: "fraud" });
        expect(await find(stand, lasting.key)).toBeNull();
      });

      test.each([
        ["for staff, of a customer", { scopes: ["catalog:write" as const] }, { type: "SCOPE_NOT_ALLOWED", code: 403 }],
        ["that would be over already", { expiresAt: "2001-01-01T00:00:00Z" }, { type: "EXPIRY_IN_THE_PAST", code: 422 }],
        ["of nobody", { userId: "nobody" }, { type: "USER_NOT_FOUND", code: 404 }],
        ["without a scope", { scopes: [] }, { type: "VALIDATION_ERROR" }],
        ["of a scope that there is not", { scopes: ["everything" as never] }, { type: "VALIDATION_ERROR" }],
      ])("%s are not made", async (_, more, expected) => {
        const stand = await start();
        const { user } = await register(stand);
        expect(await refusal(create(stand, user.id, more))).toMatchObject(expected);
      });

      test("are twenty at most, also when they come at once", async () => {
        const stand = await start();
        const { user } = await register(stand);
        const ends = await Promise.allSettled(Array.from({ length: 23 }, () => create(stand, user.id)));
        expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(20);
        for (const end of ends)
          if (end.status === "rejected") expect(end.reason).toMatchObject({ type: "TOO_MANY_API_KEYS", code: 409 });
      });

      test("say when they were last used, whatever the order of the news", async () => {
        const stand = await start();
        const { user } = await register(stand);
        const { id } = await create(stand, user.id);
        const note = (at: string) =>
          stand.call("v1.users.noteApiKeyUse", {
            uses: [
              { id, at },
              { id: "gone", at },
            ],
          });
        await note("2031-01-02T00:00:00.000Z");
        await note("2031-01-01T00:00:00.000Z");
        const { items } = await stand.call("v1.users.listApiKeys", { userId: user.id });
        expect(items).toMatchObject([{ lastUsedAt: "2031-01-02T00:00:00.000Z" }]);
      });
    });

    describe("administrators", () => {
      test("find users page by page, by address, role and state", async () => {
        const stand = await start();
        for (const name of ["ada", "adam", "bob_", "bob%"]) await register(stand, `${name}@example.org`);
        const list = async (params: Partial<ActionParams<"v1.users.list">>) =>
          stand.call("v1.users.list", { limit: 20, ...params });
        const emails = async (params: Partial<ActionParams<"v1.users.list">>) =>
          (await list(params)).items.map(({ email }) => email);
        expect(await emails({})).toEqual(["bob%@example.org", "bob_@example.org", "adam@example.org", "ada@example.org"]);
        expect(await emails({ email: "ADA" })).toEqual(["adam@example.org", "ada@example.org"]);
        expect(await emails({ email: "bob%" })).toEqual(["bob%@example.org"]);
        const first = await list({ limit: 3 });
        expect(await emails({ limit: 3, cursor: first.nextCursor as string })).toEqual(["ada@example.org"]);
        const adaId = (await list({ email: "ada@" })).items[0]?.id as string;
        await stand.call("v1.users.setRoles", { userId: adaId, actor: ADMIN, roles: ["customer", "staff"] });
        await stand.call("v1.users.disable", { userId: adaId, actor: ADMIN, reason: "left" });
        expect(await emails({ role: "staff" })).toEqual(["ada@example.org"]);
        expect(await emails({ disabled: true })).toEqual(["ada@example.org"]);
        expect(await emails({ disabled: false })).toHaveLength(3);
        expect(JSON.stringify(first)).not.toMatch(/hash|scrypt/i);
      });

      test("give roles: tokens with the old ones end, the session gets new ones, and it is written down who did it", async () => {
        const stand = await start();
        const { user, ...session } = await register(stand);
        const set = (roles: ("customer" | "staff" | "admin")[]) =>
          stand.call("v1.users.setRoles", { userId: user.id, actor: ADMIN, roles, reason: "hired" });
        expect(await set(["customer", "staff"])).toMatchObject({ roles: ["customer", "staff"], disabledAt: null });
        await set(["staff", "customer"]);
        expect(stand.announced).toMatchObject([{ kind: "user", id: user.id, version: 2 }]);
        const { accessToken } = await refresh(stand, session);
        expect(decodeJwt(accessToken)).toMatchObject({ roles: ["customer", "staff"], ver: 2 });
        expect(await stand.call("v1.users.audit", { userId: user.id, limit: 20 })).toEqual({
          items: [
            {
              id: expect.any(String),
              at: expect.any(String),
              actor: ADMIN,
              action: "roles",
              reason: "hired",
              before: ["customer"],
              after: ["customer", "staff"],
            },
          ],
          nextCursor: null,
        });
      });

      test("disable an account: nothing opens it until it is enabled, and only whoever knows the password learns why", async () => {
        const stand = await start();
        const { user, ...session } = await register(stand);
        const token = await resetTokenFor(stand);
        const disable = () => stand.call("v1.users.disable", { userId: user.id, actor: ADMIN, reason: "fraud" });
        expect((await disable()).disabledAt).not.toBeNull();
        await disable();
        expect(await refusal(login(stand))).toMatchObject({ type: "ACCOUNT_DISABLED", code: 403 });
        expect(await refusal(login(stand, "wrong"))).toMatchObject({ type: "INVALID_CREDENTIALS" });
        expect(await refusal(refresh(stand, session))).toMatchObject({ type: "INVALID_REFRESH_TOKEN" });
        expect(await refusal(stand.call("v1.users.resetPassword", { token, password: NEW_PASSWORD }))).toMatchObject({
          type: "INVALID_RESET_TOKEN",
        });
        await stand.call("v1.users.enable", { userId: user.id, actor: ADMIN });
        await login(stand);
        expect(await refusal(refresh(stand, session))).toMatchObject({ type: "INVALID_REFRESH_TOKEN" });
        const { items } = await stand.call("v1.users.audit", { userId: user.id, limit: 20 });
        expect(items.map(({ action, reason }) => [action, reason])).toEqual([
          ["enabled", null],
          ["disabled", "fraud"],
        ]);
      });

      test("cannot shut themselves out, and know nobody who is not there", async () => {
        const stand = await start();
        const { user } = await register(stand);
        await stand.call("v1.users.setRoles", { userId: user.id, actor: ADMIN, roles: ["staff", "admin"] });
        const self = { userId: user.id, actor: user.id };
        expect(await refusal(stand.call("v1.users.setRoles", { ...self, roles: ["staff"] }))).toMatchObject({
          type: "NOT_YOURSELF",
          code: 409,
        });
        expect(await refusal(stand.call("v1.users.disable", { ...self, reason: "tired" }))).toMatchObject({
          type: "NOT_YOURSELF",
        });
        await stand.call("v1.users.setRoles", { ...self, roles: ["admin"] });
        const nobody = { userId: "nobody", actor: ADMIN };
        expect(await refusal(stand.call("v1.users.setRoles", { ...nobody, roles: ["staff"] }))).toMatchObject({
          type: "USER_NOT_FOUND",
        });
        expect(await refusal(stand.call("v1.users.getManaged", { userId: "nobody" }))).toMatchObject({ type: "USER_NOT_FOUND" });
      });
    });
  });
}
