import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { REVOKED } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { decodeJwt } from "jose";
import type { ServiceBroker } from "moleculer";
import type { UsersTables } from "../../services/users/user.table.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type World, worlds } from "../support/worlds.ts";

const PASSWORD = "correct horse battery staple";
/** Longer than a broadcast and than the pull that heals a lost one take, on a busy machine. */
const SOON = { withinMs: 15_000, everyMs: 50 };

interface Reply {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: answers of every shape
  body: any;
}

describeWith(["nats", "postgres"], "Identity at two gateways", () => {
  let world: World;
  let env: Record<string, string>;
  const brokers: ServiceBroker[] = [];
  let users: ServiceBroker;
  let gateways: string[];

  const start = async (...services: string[]): Promise<ServiceBroker> => {
    const broker = await createBroker(services, { env: { ...env, NODE_ID: `${services.join("-")}-${brokers.length}` } });
    brokers.push(broker);
    await broker.start();
    return broker;
  };
  const addressOf = (broker: ServiceBroker) => (broker.getLocalService("v1.api") as unknown as { address: string }).address;

  beforeAll(async () => {
    world = await worlds[1].open();
    env = {
      ...(await world.environment("users")),
      USERS_KEY_SECRET: "0123456789abcdef0123456789abcdef",
      USERS_ADMIN_EMAIL: "admin@example.org",
      USERS_ADMIN_PASSWORD: PASSWORD,
      NOTIFICATIONS_TRANSPORT: "files",
      SHOP_URL: "https://shop.example/",
      API_PORT: "0",
    };
    users = await start("users", "notifications");
    gateways = [addressOf(await start("api")), addressOf(await start("api"))];
    await Promise.all(
      brokers.map((broker) =>
        broker.waitForServices([
          { name: "users", version: 1 },
          { name: "notifications", version: 1 },
        ]),
      ),
    );
  });
  afterAll(async () => {
    await Promise.all(brokers.map((broker) => broker.stop()));
    await world.close();
  });

  const send = async (
    gateway: number,
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: unknown,
  ): Promise<Reply> => {
    const response = await fetch(`${gateways[gateway]}/api/v1${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(15_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
  const bearer = ({ accessToken }: { accessToken: string }) => ({ authorization: `Bearer ${accessToken}` });
  const meAt = async (headers: Record<string, string>) =>
    Promise.all([0, 1].map(async (gateway) => (await send(gateway, "GET", "/me", headers)).status));
  const register = async (name: string) =>
    (await send(0, "POST", "/auth/register", {}, { email: `${name}@example.org`, password: PASSWORD, name })).body;
  const login = async (name: string, password = PASSWORD) =>
    send(1, "POST", "/auth/login", {}, { email: `${name}@example.org`, password });
  const everywhere = (headers: Record<string, string>, status: number) =>
    eventually(async () => expect(await meAt(headers)).toEqual([status, status]), SOON);
  const storeOf = (broker: ServiceBroker) =>
    (broker.getLocalService("v1.users") as unknown as DatabaseProps<UsersTables & MessagingTables>).database.db;

  test("a sign-out ends the access token of its session at both, and no other", async () => {
    const one = await register("ann");
    const other = (await login("ann")).body;
    expect([await meAt(bearer(one)), await meAt(bearer(other))]).toEqual([
      [200, 200],
      [200, 200],
    ]);
    expect((await send(0, "POST", "/auth/logout", {}, { refreshToken: one.refreshToken })).status).toBe(204);
    await everywhere(bearer(one), 401);
    expect(await meAt(bearer(other))).toEqual([200, 200]);
  });

  test("a refresh token that comes twice ends the session's access tokens at both", async () => {
    const one = await register("ben");
    const successor = (await send(0, "POST", "/auth/refresh", {}, { refreshToken: one.refreshToken })).body;
    expect(await meAt(bearer(successor))).toEqual([200, 200]);
    expect((await send(1, "POST", "/auth/refresh", {}, { refreshToken: one.refreshToken })).status).toBe(401);
    await everywhere(bearer(successor), 401);
  });

  test("a changed password ends the other sessions at both", async () => {
    const here = await register("cid");
    const elsewhere = (await login("cid")).body;
    const change = { currentPassword: PASSWORD, newPassword: `${PASSWORD} 2` };
    expect((await send(0, "PUT", "/me/password", bearer(here), change)).status).toBe(204);
    await everywhere(bearer(elsewhere), 401);
    expect(await meAt(bearer(here))).toEqual([200, 200]);
  });

  test("a revocation whose broadcast was lost arrives all the same", async () => {
    const session = await register("dan");
    expect(await meAt(bearer(session))).toEqual([200, 200]);
    const at = Date.now();
    // As another broker of users would have left it that died before it could say a word.
    await storeOf(users)
      .insertInto("revocation")
      .values({
        kind: "session",
        id: decodeJwt(session.accessToken).sid as string,
        version: 0,
        revoked_at: isoTime(at),
        until: isoTime(at + 900_000),
      })
      .execute();
    await everywhere(bearer(session), 401);
  });

  test("an administrator gives and takes rights, and disables: old tokens end at both", async () => {
    const admin = bearer((await login("admin")).body);
    const eve = await register("eve");
    const path = `/admin/users/${eve.user.id}`;
    expect((await send(0, "GET", path, bearer(eve))).status).toBe(403);
    expect((await send(0, "PUT", `${path}/roles`, admin, { roles: ["staff"], reason: "hired" })).body).toMatchObject({
      roles: ["staff"],
    });
    await everywhere(bearer(eve), 401);
    const staff = (await send(0, "POST", "/auth/refresh", {}, { refreshToken: eve.refreshToken })).body;
    expect(decodeJwt(staff.accessToken).roles).toEqual(["staff"]);
    expect(await meAt(bearer(staff))).toEqual([200, 200]);
    expect((await send(1, "POST", `${path}/disable`, admin, { reason: "left" })).status).toBe(200);
    await everywhere(bearer(staff), 401);
    expect(await login("eve")).toMatchObject({ status: 403, body: { code: "ACCOUNT_DISABLED" } });
    const audit = (await send(1, "GET", `${path}/audit`, admin)).body;
    expect(audit.items.map(({ action }: { action: string }) => action)).toEqual(["disabled", "roles"]);
  });

  test("an API key opens what its scopes say at both, until it is revoked", async () => {
    const owner = await register("fay");
    const made = await send(0, "POST", "/me/api-keys", bearer(owner), { name: "ERP", scopes: ["profile:read"] });
    expect(made.status).toBe(201);
    const key = { "x-api-key": made.body.key as string };
    expect(await meAt(key)).toEqual([200, 200]);
    expect(await send(0, "PATCH", "/me", key, { name: "Mallory" })).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
    expect((await send(0, "GET", "/me/api-keys", key)).status).toBe(403);
    expect((await send(0, "GET", "/admin/orders", key)).status).toBe(403);
    expect((await send(0, "DELETE", `/me/api-keys/${made.body.id}`, bearer(owner))).status).toBe(204);
    await everywhere(key, 401);
  });

  test("too many wrong passwords are refused for a while, at whichever gateway they come", async () => {
    await register("gus");
    for (let n = 0; n < 10; n++) expect((await login("gus", "wrong")).status).toBe(401);
    const locked = await send(0, "POST", "/auth/login", {}, { email: "gus@example.org", password: PASSWORD });
    expect(locked).toMatchObject({ status: 429, body: { code: "TOO_MANY_TRIES", title: expect.any(String) } });
    expect(Number(locked.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(Number(locked.headers.get("retry-after"))).toBeLessThanOrEqual(30);
  });

  test("a forgotten password is reset by the link in the mail, which is nowhere else", async () => {
    const session = await register("hal");
    expect(await send(0, "POST", "/auth/password/forgot", {}, { email: "HAL@example.org" })).toMatchObject({
      status: 202,
      body: {},
    });
    expect(await send(0, "POST", "/auth/password/forgot", {}, { email: "nobody@example.org" })).toMatchObject({
      status: 202,
      body: {},
    });
    const folder = `${env.DATA_DIR}/mail`;
    const token = await eventually(() => {
      const mails = readdirSync(folder)
        .filter((file) => file.endsWith(".eml"))
        .map((file) => readFileSync(`${folder}/${file}`, "utf8"));
      const mail = mails.find((text) => text.includes("A new password for"));
      // Quoted-printable: soft line breaks, and = as =3D.
      const text = (mail as string).replace(/=\r?\n/g, "").replaceAll("=3D", "=");
      expect(text).toContain("To: hal@example.org");
      return (/https:\/\/shop\.example\/reset-password#token=([\w-]{43})/.exec(text) as RegExpExecArray)[1] as string;
    }, SOON);

    const listed = await send(1, "GET", "/me/notifications", bearer(session));
    expect(listed.body.items.map(({ template }: { template: string }) => template)).toContain("password-reset");
    expect(JSON.stringify(listed.body)).not.toContain(token);
    const events = await storeOf(users).selectFrom("outbox").select("envelope").execute();
    expect(JSON.stringify(events)).not.toContain(token);
    expect(readFileSync(`${env.DATA_DIR}/notifications.nedb`, "utf8")).not.toContain(token);

    expect((await send(1, "POST", "/auth/password/reset", {}, { token, password: `${PASSWORD} 3` })).status).toBe(204);
    await everywhere(bearer(session), 401);
    expect((await login("hal", `${PASSWORD} 3`)).status).toBe(200);
    expect(await send(0, "POST", "/auth/password/reset", {}, { token, password: PASSWORD })).toMatchObject({
      status: 400,
      body: { code: "INVALID_RESET_TOKEN" },
    });
  });

  test("a gateway that starts knows at once what has ended before", async () => {
    const session = await register("ida");
    expect((await send(0, "POST", "/auth/logout", {}, { refreshToken: session.refreshToken })).status).toBe(204);
    gateways.push(addressOf(await start("api")));
    const late = gateways.length - 1;
    await eventually(async () => expect((await send(late, "GET", "/me", bearer(session))).status).toBe(401), SOON);
    const fresh = (await login("ida")).body;
    expect((await send(late, "GET", "/me", bearer(fresh))).status).toBe(200);
  });

  test("a revocation is broadcast to every node, also to one that never asks", async () => {
    const heard: unknown[] = [];
    const listener = await createBroker([], { env: { ...env, NODE_ID: "listener" } });
    brokers.push(listener);
    listener.createService({
      name: "listener",
      events: { [REVOKED]: (ctx: { params: unknown }) => void heard.push(ctx.params) },
    });
    await listener.start();
    const session = await register("joe");
    const sessionId = decodeJwt(session.accessToken).sid;
    await eventually(async () => {
      await send(0, "POST", "/auth/logout", {}, { refreshToken: session.refreshToken });
      expect(heard).toContainEqual({ items: [{ kind: "session", id: sessionId, version: 0, until: expect.any(String) }] });
    }, SOON);
  });
});
