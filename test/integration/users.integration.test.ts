import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { ActionName, ActionParams, ActionResult } from "@molecart/mixins/contracts/index.ts";
import type { DemoLogin, SignedIn } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { type Clock, offsetClock, systemClock } from "@molecart/mixins/lib/clock.ts";
import type { Envelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { type Kysely, sql } from "kysely";
import type { ServiceBroker } from "moleculer";
import { findRefreshToken, setUsed } from "../../services/users/refresh-token.repository.ts";
import { hashToken, type RefreshToken } from "../../services/users/refresh-token.ts";
import { issueRefreshToken } from "../../services/users/session.operations.ts";
import { KeyRing } from "../../services/users/signing-key.operations.ts";
import { insertSigningKey } from "../../services/users/signing-key.repository.ts";
import { newSigningKey, sealingKey } from "../../services/users/signing-key.ts";
import { lockAccount } from "../../services/users/user.repository.ts";
import type { UsersTables } from "../../services/users/user.table.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { embeddedWorld, type World, worlds } from "../support/worlds.ts";

type Tables = UsersTables & MessagingTables;
type Settings = Record<string, string>;
type Refused = { type: string; code: number };

const PASSWORD = "correct horse battery staple";
const SECRET = "0123456789abcdef0123456789abcdef";
const DAY_MS = 86_400_000;
const address = { name: "Ada", line1: "1 Main Street", city: "London", postalCode: "N1", country: "GB" };

const brokers: ServiceBroker[] = [];
let nodes = 0;

/** A broker with the users service; several of one test are nodes of one cluster. */
const startUsers = async (env: Settings, clock?: Clock): Promise<ServiceBroker> => {
  const broker = await createBroker(["users"], {
    env: { NODE_ID: `node-${++nodes}`, ...env },
    ...(clock === undefined ? {} : { clock }),
  });
  brokers.push(broker);
  await broker.start();
  return broker;
};

const stopUsers = async (broker: ServiceBroker): Promise<void> => {
  brokers.splice(brokers.indexOf(broker), 1);
  await broker.stop();
};

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

const call = <N extends ActionName>(broker: ServiceBroker, name: N, params: ActionParams<N>): Promise<ActionResult<N>> =>
  broker.call(name, params as object) as Promise<ActionResult<N>>;

const register = (broker: ServiceBroker, email = "ada@example.org", name = "Ada"): Promise<SignedIn> =>
  call(broker, "v1.users.register", { email, password: PASSWORD, name });

const login = (broker: ServiceBroker, email = "ada@example.org", password = PASSWORD): Promise<SignedIn> =>
  call(broker, "v1.users.login", { email, password });

const refresh = (broker: ServiceBroker, refreshToken: string) => call(broker, "v1.users.refresh", { refreshToken });

const refusal = async (attempt: Promise<unknown>): Promise<Refused> => {
  const [end] = await Promise.allSettled([attempt]);
  if (end.status === "fulfilled") throw new Error("It was not refused");
  const { type, code } = end.reason as Refused;
  return { type, code };
};

const INVALID_REFRESH_TOKEN = { type: "INVALID_REFRESH_TOKEN", code: 401 };
const INVALID_CREDENTIALS = { type: "INVALID_CREDENTIALS", code: 401 };

const serviceOf = (broker: ServiceBroker) =>
  broker.services.find(({ name }) => name === "users") as unknown as DatabaseProps<Tables>;

const storeOf = (broker: ServiceBroker) => serviceOf(broker).database.db;

const waitingLocks = async (db: Kysely<Tables>): Promise<number> => {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(db);
  return rows[0]?.count ?? 0;
};

const keyRing = () => new KeyRing(systemClock, { keySecret: SECRET, keySecretFile: "/none/users.secret" });

const claimsOf = async (broker: ServiceBroker, accessToken: string) => {
  const keys = (await call(broker, "v1.users.jwks", {})) as unknown as JSONWebKeySet;
  return jwtVerify(accessToken, createLocalJWKSet(keys), { issuer: "molecart", audience: "molecart" });
};

/** What another service gets to know. */
const listen = async (broker: ServiceBroker): Promise<Envelope<"user.registered">[]> => {
  const heard: Envelope<"user.registered">[] = [];
  await runtimeOf(broker).bus.subscribe({
    service: "listener",
    event: "user.registered",
    concurrency: 1,
    onDelivery: async (delivery) => {
      heard.push(delivery.message as Envelope<"user.registered">);
      delivery.ack();
    },
  });
  return heard;
};

const outbox = (broker: ServiceBroker) => storeOf(broker).selectFrom("outbox").select(["type", "aggregate_id"]).execute();

for (const { world, servers, open } of worlds) {
  describeWith([...servers], `Users, ${world}`, () => {
    let place: World;
    beforeAll(async () => {
      place = await open();
    });
    afterAll(() => place.close());

    const environment = async (): Promise<Settings> => ({ ...(await place.environment("users")), USERS_KEY_SECRET: SECRET });
    const start = async (clock?: Clock) => startUsers(await environment(), clock);

    test("a registered person is signed in, can sign in again however the address is typed, and is told of once", async () => {
      const broker = await start();
      const heard = await listen(broker);
      const registered = await call(broker, "v1.users.register", {
        email: "Ada@Example.org",
        password: PASSWORD,
        name: "  Ada Lovelace ",
      });
      expect(registered.user).toEqual({
        id: expect.any(String),
        email: "ada@example.org",
        name: "Ada Lovelace",
        roles: ["customer"],
        createdAt: expect.any(String),
      });
      expect(registered.expiresIn).toBe(900);

      const again = await login(broker, "ADA@example.ORG");
      expect(again.user).toEqual(registered.user);
      expect(again.refreshToken).not.toBe(registered.refreshToken);
      expect(await call(broker, "v1.users.get", { userId: registered.user.id })).toEqual(registered.user);

      await eventually(() => expect(heard).toHaveLength(1));
      expect(heard[0]).toMatchObject({
        aggregateId: registered.user.id,
        data: { customer: { id: registered.user.id, email: "ada@example.org", name: "Ada Lovelace" } },
      });
      expect((await outbox(broker)).map(({ type }) => type)).toEqual(["user.registered"]);
    });

    test("an access token is verified by the published keys alone", async () => {
      const broker = await start();
      const { user, accessToken } = await register(broker);
      const { payload } = await claimsOf(broker, accessToken);
      expect(payload).toMatchObject({ sub: user.id, email: user.email, name: user.name, roles: ["customer"] });
      expect((payload.exp as number) - (payload.iat as number)).toBe(900);
    });

    test("neither password, refresh token nor private key is stored as it is", async () => {
      const broker = await start();
      const { refreshToken } = await register(broker);
      const db = storeOf(broker);
      const stored = JSON.stringify([
        await db.selectFrom("account").selectAll().execute(),
        await db.selectFrom("refresh_token").selectAll().execute(),
        await db.selectFrom("signing_key").selectAll().execute(),
      ]);
      expect(stored).toContain("$scrypt$ln=15,r=8,p=1$");
      expect(stored).not.toContain(PASSWORD);
      expect(stored).not.toContain(refreshToken);
      expect(stored).not.toMatch(/\\?"d\\?":/);
      expect(JSON.stringify(await call(broker, "v1.users.jwks", {}))).not.toMatch(/"d":/);
    });

    test("a wrong password and an unknown address are refused alike", async () => {
      const broker = await start();
      await register(broker);
      expect(await refusal(login(broker, "ada@example.org", "not the password"))).toEqual(INVALID_CREDENTIALS);
      expect(await refusal(login(broker, "nobody@example.org"))).toEqual(INVALID_CREDENTIALS);
    });

    test("of several registrations with one address at once, one succeeds and one is told of", async () => {
      const broker = await start();
      const spellings = ["ada@example.org", "Ada@example.org", "ADA@example.org", "ada@EXAMPLE.org"];
      const ends = await Promise.allSettled(spellings.map((email) => register(broker, email)));
      expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const end of ends) if (end.status === "rejected") expect(end.reason).toMatchObject({ type: "EMAIL_TAKEN", code: 409 });
      expect(await refusal(register(broker))).toEqual({ type: "EMAIL_TAKEN", code: 409 });
      expect(await outbox(broker)).toHaveLength(1);
      expect(await storeOf(broker).selectFrom("refresh_token").select("id").execute()).toHaveLength(1);
    });

    test("a refresh token works once and is followed by another", async () => {
      const broker = await start();
      const { user, refreshToken } = await register(broker);
      const second = await refresh(broker, refreshToken);
      expect(second.refreshToken).not.toBe(refreshToken);
      expect((await claimsOf(broker, second.accessToken)).payload.sub).toBe(user.id);
      const third = await refresh(broker, second.refreshToken);
      expect(third.refreshToken).not.toBe(second.refreshToken);
      expect(await refusal(refresh(broker, "unknown"))).toEqual(INVALID_REFRESH_TOKEN);
    });

    test("the second use of a refresh token ends its whole family, and no other session", async () => {
      const broker = await start();
      const { refreshToken } = await register(broker);
      const elsewhere = await login(broker);
      const successor = await refresh(broker, refreshToken);

      expect(await refusal(refresh(broker, refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
      expect(await refusal(refresh(broker, successor.refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
      await refresh(broker, elsewhere.refreshToken);
    });

    test("of several refreshes with one token at once, exactly one gets new tokens", async () => {
      const broker = await start();
      const { refreshToken } = await register(broker);
      const ends = await Promise.allSettled(Array.from({ length: 6 }, () => refresh(broker, refreshToken)));
      expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const end of ends) if (end.status === "rejected") expect(end.reason).toMatchObject(INVALID_REFRESH_TOKEN);
      expect(await storeOf(broker).selectFrom("refresh_token").select("id").execute()).toHaveLength(2);
    });

    test("a stolen token that is used again while its successor is rotated leaves no good token", async () => {
      const broker = await start();
      await register(broker);
      for (let round = 0; round < 15; round++) {
        const stolen = (await login(broker)).refreshToken;
        const successor = (await refresh(broker, stolen)).refreshToken;
        const [rotated] = await Promise.allSettled([
          refresh(broker, successor),
          refusal(refresh(broker, stolen)),
          refusal(refresh(broker, stolen)),
        ]);
        if (rotated.status === "fulfilled")
          expect(await refusal(refresh(broker, rotated.value.refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
      }
    });

    test("a sign-out in the middle of a refresh ends the successor too", async () => {
      const broker = await start();
      const { user, refreshToken } = await register(broker);
      const { database, transaction } = serviceOf(broker);
      const { id, familyId } = (await findRefreshToken(database.db, hashToken(refreshToken))) as RefreshToken;
      let signOut: Promise<null> | undefined;
      const successor = await transaction(async (work) => {
        await lockAccount(work.trx, user.id);
        await setUsed(work.trx, id, work.now);
        signOut = call(broker, "v1.users.logout", { refreshToken });
        // SQLite's transactions queue up; in PostgreSQL the sign-out has got as far as it can.
        if (database.kind === "postgres") await waitFor(async () => (await waitingLocks(database.db)) > 0);
        return issueRefreshToken(work, user.id, { refreshTokenMs: DAY_MS }, familyId);
      });
      expect(await signOut).toBeNull();
      expect(await refusal(refresh(broker, successor))).toEqual(INVALID_REFRESH_TOKEN);
    });

    test("a sign-out ends its session, may be repeated, and knows nothing of unknown tokens", async () => {
      const broker = await start();
      const { refreshToken } = await register(broker);
      const successor = await refresh(broker, refreshToken);
      // The token before the last: it belongs to the same session.
      expect(await call(broker, "v1.users.logout", { refreshToken })).toBeNull();
      expect(await call(broker, "v1.users.logout", { refreshToken: successor.refreshToken })).toBeNull();
      expect(await call(broker, "v1.users.logout", { refreshToken: "unknown" })).toBeNull();
      expect(await refusal(refresh(broker, successor.refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    });

    test("a refresh token is good for 30 days, and swept away afterwards", async () => {
      const env = await environment();
      const today = await startUsers(env);
      const { refreshToken } = await register(today);
      const unused = (await login(today)).refreshToken;
      await stopUsers(today);

      const lastDay = await startUsers(env, offsetClock(30 * DAY_MS - 60_000));
      const successor = await refresh(lastDay, refreshToken);
      await stopUsers(lastDay);

      const later = await startUsers(env, offsetClock(30 * DAY_MS + 3_700_000));
      expect(await refusal(refresh(later, unused))).toEqual(INVALID_REFRESH_TOKEN);
      await eventually(async () =>
        expect(await storeOf(later).selectFrom("refresh_token").select("id").execute()).toHaveLength(1),
      );
      await refresh(later, successor.refreshToken);
    });

    test("brokers that find no signing key at the same time end with one", async () => {
      const db = storeOf(await start());
      await db.deleteFrom("signing_key").execute();
      const rings = Array.from({ length: 8 }, keyRing);
      const signers = await Promise.all(rings.map((ring) => ring.signer(db)));
      expect(new Set(signers.map(({ kid }) => kid)).size).toBe(1);
      expect(await db.selectFrom("signing_key").select("generation").execute()).toEqual([{ generation: 1 }]);
    });

    test("the newest key signs, every valid one is published, and an expired one is replaced", async () => {
      const broker = await start();
      const db = storeOf(broker);
      const kidOf = async (token: string) => (await claimsOf(broker, token)).protectedHeader.kid;
      const published = async () => (await call(broker, "v1.users.jwks", {})).keys.map(({ kid }) => kid);
      const old = await register(broker);
      const oldKid = await kidOf(old.accessToken);

      const next = await newSigningKey(2, sealingKey(SECRET), new Date().toISOString());
      await insertSigningKey(db, next);
      expect(await kidOf((await login(broker)).accessToken)).toBe(next.kid);
      expect(await published()).toEqual([next.kid, oldKid]);
      await claimsOf(broker, old.accessToken);

      await db
        .updateTable("signing_key")
        .set({ not_after: new Date(Date.now() - 1_000).toISOString() })
        .execute();
      const newest = await kidOf((await login(broker)).accessToken);
      expect(await published()).toEqual([newest]);
      expect([next.kid, oldKid]).not.toContain(newest);
    });

    test("a changed name is in the profile and in the next access token", async () => {
      const broker = await start();
      const { user, refreshToken } = await register(broker);
      const renamed = await call(broker, "v1.users.update", { userId: user.id, name: " Ada King " });
      expect(renamed).toEqual({ ...user, name: "Ada King" });
      const { accessToken } = await refresh(broker, refreshToken);
      expect((await claimsOf(broker, accessToken)).payload.name).toBe("Ada King");
      const unknown = { type: "USER_NOT_FOUND", code: 404 };
      expect(await refusal(call(broker, "v1.users.update", { userId: "nobody", name: "Nobody" }))).toEqual(unknown);
      expect(await refusal(call(broker, "v1.users.get", { userId: "nobody" }))).toEqual(unknown);
    });

    test("addresses are kept, changed and removed by their own user only", async () => {
      const broker = await start();
      const { id: userId } = (await register(broker)).user;
      const { id: strangerId } = (await register(broker, "bob@example.org", "Bob")).user;
      const first = await call(broker, "v1.users.addAddress", { userId, address: { ...address, line2: "Flat 2" } });
      const second = await call(broker, "v1.users.addAddress", { userId, address });
      expect(await call(broker, "v1.users.listAddresses", { userId })).toEqual({ items: [first, second] });
      expect(second).toEqual({ id: expect.any(String), ...address });

      const missing = { type: "ADDRESS_NOT_FOUND", code: 404 };
      const foreign = { userId: strangerId, addressId: first.id };
      expect(await refusal(call(broker, "v1.users.setAddress", { ...foreign, address }))).toEqual(missing);
      expect(await refusal(call(broker, "v1.users.removeAddress", foreign))).toEqual(missing);
      expect(await call(broker, "v1.users.listAddresses", { userId: strangerId })).toEqual({ items: [] });

      const moved = await call(broker, "v1.users.setAddress", {
        userId,
        addressId: first.id,
        address: { ...address, city: "Bath" },
      });
      expect(moved).toEqual({ id: first.id, ...address, city: "Bath" });
      expect(await call(broker, "v1.users.removeAddress", { userId, addressId: second.id })).toBeNull();
      expect(await call(broker, "v1.users.listAddresses", { userId })).toEqual({ items: [moved] });
      expect(await refusal(call(broker, "v1.users.addAddress", { userId: "nobody", address }))).toEqual({
        type: "USER_NOT_FOUND",
        code: 404,
      });
    });

    test("a user has fifty addresses at most, also when they come at once", async () => {
      const broker = await start();
      const { id: userId } = (await register(broker)).user;
      const ends = await Promise.allSettled(
        Array.from({ length: 53 }, () => call(broker, "v1.users.addAddress", { userId, address })),
      );
      expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(50);
      for (const end of ends) if (end.status === "rejected") expect(end.reason).toMatchObject({ type: "TOO_MANY_ADDRESSES" });
    });

    test("a storm of sign-ins is bounded: those beyond the queue are refused, the others get their turn", async () => {
      const broker = await startUsers({ ...(await environment()), USERS_HASHING_CONCURRENCY: "1", USERS_HASHING_QUEUE: "2" });
      await register(broker);
      const ends = await Promise.allSettled(Array.from({ length: 8 }, () => login(broker)));
      expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
      for (const end of ends)
        if (end.status === "rejected") expect(end.reason).toMatchObject({ type: "TOO_MANY_SIGN_INS", code: 429 });
      await login(broker);
    });

    test("tokens stay good over a restart, and a wrong secret stops the start", async () => {
      const env = await environment();
      const before = await startUsers(env);
      const { accessToken, refreshToken } = await register(before);
      await stopUsers(before);

      const after = await startUsers(env);
      await claimsOf(after, accessToken);
      await refresh(after, refreshToken);
      await stopUsers(after);

      await expect(startUsers({ ...env, USERS_KEY_SECRET: SECRET.toUpperCase() })).rejects.toMatchObject({
        type: "CONFIGURATION",
        message: expect.stringMatching(/^USERS_KEY_SECRET: does not open the signing key/),
      });
    });
  });
}

describeWith(["nats", "postgres"], "Users on several brokers", () => {
  let place: World;
  beforeAll(async () => {
    place = await worlds[1].open();
  });
  afterAll(() => place.close());

  test("brokers that start together sign with one key, and each accepts what another has signed", async () => {
    const env = { ...(await place.environment("users")), USERS_KEY_SECRET: SECRET };
    const [one, other] = (await Promise.all([startUsers(env), startUsers(env)])) as [ServiceBroker, ServiceBroker];
    expect(await storeOf(one).selectFrom("signing_key").select("generation").execute()).toEqual([{ generation: 1 }]);
    const { accessToken, refreshToken } = await register(one);
    const { protectedHeader } = await claimsOf(other, accessToken);
    const { accessToken: next } = await refresh(other, refreshToken);
    expect((await claimsOf(one, next)).protectedHeader.kid).toBe(protectedHeader.kid);
  });

  test("outside the embedded mode the secret must be set, and there is no demo shop", async () => {
    const env = await place.environment("users");
    await expect(startUsers(env)).rejects.toMatchObject({
      type: "CONFIGURATION",
      message: expect.stringMatching(/^USERS_KEY_SECRET/),
    });
    await expect(startUsers({ ...env, USERS_KEY_SECRET: "short" })).rejects.toMatchObject({ type: "CONFIGURATION" });
    const broker = await startUsers({ ...env, USERS_KEY_SECRET: SECRET });
    expect(await refusal(call(broker, "v1.users.seedDemo", {}))).toEqual({ type: "DEMO_NOT_AVAILABLE", code: 409 });
  });
});

describe("Users of the embedded shop", () => {
  let place: World;
  beforeAll(async () => {
    place = await embeddedWorld();
  });
  afterAll(() => place.close());

  const modeOf = (file: string): number => statSync(file).mode & 0o777;
  const seed = async (broker: ServiceBroker): Promise<DemoLogin[]> => (await call(broker, "v1.users.seedDemo", {})).logins;

  const expectWorking = async (broker: ServiceBroker, logins: readonly DemoLogin[]): Promise<void> => {
    const roles = await Promise.all(logins.map(async ({ email, password }) => (await login(broker, email, password)).user.roles));
    expect(roles).toEqual([["staff", "admin"], ["customer"]]);
  };

  test("make their secret once, for their owner's eyes only", async () => {
    const env = await place.environment();
    const file = `${env.DATA_DIR}/users.secret`;
    const before = await startUsers(env);
    const { accessToken } = await register(before);
    await stopUsers(before);
    const secret = readFileSync(file, "utf8");
    expect(secret.length).toBeGreaterThanOrEqual(43);
    expect(modeOf(file)).toBe(0o600);

    const after = await startUsers(env);
    await claimsOf(after, accessToken);
    expect(readFileSync(file, "utf8")).toBe(secret);
  });

  test("have a staff user and a customer whose logins work, stay the same, and are told to nobody else", async () => {
    const env = await place.environment();
    const broker = await startUsers(env);
    const heard = await listen(broker);
    const [logins, again] = (await Promise.all([seed(broker), seed(broker)])) as [DemoLogin[], DemoLogin[]];
    expect(logins.map(({ role, email }) => ({ role, email }))).toEqual([
      { role: "staff", email: "staff@molecart.example" },
      { role: "customer", email: "customer@molecart.example" },
    ]);
    expect(again).toEqual(logins);
    await expectWorking(broker, logins);
    expect(modeOf(`${env.DATA_DIR}/demo-logins.json`)).toBe(0o600);
    await stopUsers(broker);

    const restarted = await startUsers(env);
    expect(await seed(restarted)).toEqual(logins);
    await expectWorking(restarted, logins);
    expect(await outbox(restarted)).toEqual([]);
    expect(heard).toEqual([]);
  });

  test("have working logins when the process died after the file was written and before the accounts were", async () => {
    const donor = await startUsers(await place.environment());
    const logins = await seed(donor);
    const env = await place.environment();
    writeFileSync(`${env.DATA_DIR}/demo-logins.json`, JSON.stringify(logins));
    const broker = await startUsers(env);
    expect(await seed(broker)).toEqual(logins);
    await expectWorking(broker, logins);
  });

  test.each([
    ["is lost", (file: string) => rmSync(file)],
    ["is damaged", (file: string) => writeFileSync(file, '[{"email":')],
  ])("have new logins when the file %s, and the old ones end", async (_, damage) => {
    const env = await place.environment();
    const broker = await startUsers(env);
    const old = await seed(broker);
    const session = await login(broker, old[1]?.email, old[1]?.password);
    damage(`${env.DATA_DIR}/demo-logins.json`);

    const logins = await seed(broker);
    await expectWorking(broker, logins);
    expect(await refusal(login(broker, old[1]?.email, old[1]?.password))).toEqual(INVALID_CREDENTIALS);
    expect(await refusal(refresh(broker, session.refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
    expect(await storeOf(broker).selectFrom("account").select("id").execute()).toHaveLength(2);
  });

  test("have working logins when the process died after a new file was written and before the old accounts followed", async () => {
    const env = await place.environment();
    const broker = await startUsers(env);
    const logins = (await seed(broker)).map((one) => ({ ...one, password: `${one.password}-new` }));
    writeFileSync(`${env.DATA_DIR}/demo-logins.json`, JSON.stringify(logins));
    expect(await seed(broker)).toEqual(logins);
    await expectWorking(broker, logins);
  });

  test("do not let a stranger who had registered a demo address into its roles", async () => {
    const broker = await startUsers(await place.environment());
    const stranger = await register(broker, "staff@molecart.example", "Mallory");
    await expectWorking(broker, await seed(broker));
    expect(await refusal(login(broker, "staff@molecart.example"))).toEqual(INVALID_CREDENTIALS);
    expect(await refusal(refresh(broker, stranger.refreshToken))).toEqual(INVALID_REFRESH_TOKEN);
  });

  test("leave no half-written file behind", async () => {
    const env = await place.environment();
    const broker = await startUsers(env);
    await seed(broker);
    const files = readdirSync(env.DATA_DIR as string).filter((file) => /^(users\.secret|demo-logins\.json)/.test(file));
    expect(files.sort()).toEqual(["demo-logins.json", "users.secret"]);
  });
});
