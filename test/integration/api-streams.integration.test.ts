import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { actionsOf, contracts } from "@molecart/mixins/contracts/index.ts";
import type { HistoryStep, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Context, ServiceBroker } from "moleculer";
import { EventStreamClient } from "../support/event-stream.ts";
import { eventually, waitFor } from "../support/eventually.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const NOW = Date.parse("2026-03-01T12:00:00Z");
const keys = await generateKeyPair("EdDSA", { extractable: true });

interface ProgressParams {
  orderId: string;
  viewer: { userId: string; roles: string[] };
  after: number;
}

/** The orders that the test plays, by id: their steps. All belong to ada. */
const histories = new Map<string, HistoryStep[]>();
let reads: ProgressParams[] = [];
let failure: Error | undefined;
/** Runs inside a read, after the steps were taken and before they are answered. */
let meanwhile: (() => void) | undefined;

const progress = ({ params }: Context<ProgressParams>) => {
  reads.push(params);
  if (failure) throw failure;
  const steps = histories.get(params.orderId);
  const isStaff = params.viewer.roles.includes("staff");
  if (steps === undefined || (!isStaff && params.viewer.userId !== "ada"))
    throw new Refusal("ORDER_NOT_FOUND", 404, `There is no order ${params.orderId}`);
  const { seq, status } = steps.at(-1) as HistoryStep;
  const answer = { steps: steps.filter((step) => step.seq > params.after), last: seq, status, settled: status === "delivered" };
  meanwhile?.();
  return answer;
};

const publicJwk = { ...(await exportJWK(keys.publicKey)), kid: "key-1", alg: "EdDSA", use: "sig" };
const answers: Record<string, unknown> = {
  "orders.progress": progress,
  "users.jwks": () => ({ keys: [publicJwk] }),
  "users.revocations": () => ({ items: [], nextCursor: null, asOf: new Date(NOW).toISOString(), kids: ["key-1"] }),
};
const fakes = Object.values(contracts).map((contract) => ({
  name: contract.name,
  version: contract.version,
  actions: Object.fromEntries(
    Object.keys(actionsOf(contract)).map((action) => [action, answers[`${contract.name}.${action}`] ?? (() => null)]),
  ),
}));

const clock = new ManualClock(NOW);
const openGateway = async (env: Record<string, string> = {}): Promise<ServiceBroker> => {
  const broker = await createBroker(["api"], {
    env: { API_PORT: "0", DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", API_STREAMS_POLL_SECONDS: "300", ...env },
    clock,
  });
  for (const fake of fakes) broker.createService(fake as never);
  await broker.start();
  return broker;
};
const apiOf = (broker: ServiceBroker) =>
  broker.getLocalService("v1.api") as unknown as { address: string; edge: { streams: { size: number } } };

const tokenOf = (subject: string, roles: string[], expiresAtMs: number) =>
  new SignJWT({ email: `${subject}@example.com`, name: subject, roles })
    .setProtectedHeader({ alg: "EdDSA", kid: "key-1" })
    .setSubject(subject)
    .setIssuer("molecart")
    .setAudience("molecart")
    .setExpirationTime(Math.floor(expiresAtMs / 1000))
    .sign(keys.privateKey);
const as = async (subject: string, roles = ["customer"], expiresAtMs = clock.now() + 3_600_000) => ({
  authorization: `Bearer ${await tokenOf(subject, roles, expiresAtMs)}`,
});

let broker: ServiceBroker;
const gateways: ServiceBroker[] = [];
const clients: EventStreamClient[] = [];
beforeAll(async () => {
  broker = await openGateway();
});
afterAll(async () => {
  await broker.stop();
  removeDataDirs();
});
beforeEach(() => {
  histories.clear();
  histories.set("o-1", []);
  reads = [];
  failure = undefined;
  meanwhile = undefined;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await waitFor(() => apiOf(broker).edge.streams.size === 0, { describe: "the streams to be closed" });
  await Promise.all(gateways.splice(0).map((gateway) => gateway.stop()));
});

const add = (orderId: string, ...statuses: OrderStatus[]): void => {
  const steps = histories.get(orderId) ?? [];
  histories.set(orderId, steps);
  for (const status of statuses) steps.push({ seq: steps.length + 1, status, at: "2026-03-01T12:00:00.000Z" });
};
const hint = (orderId: string, at = broker) => at.broadcast("order.changed", { orderId });
const happen = async (orderId: string, ...statuses: OrderStatus[]): Promise<void> => {
  add(orderId, ...statuses);
  await hint(orderId);
};

interface Opening {
  at?: ServiceBroker;
  orderId?: string;
  query?: string;
  headers?: Record<string, string>;
}
const open = async ({ at = broker, orderId = "o-1", query = "", headers }: Opening = {}): Promise<EventStreamClient> => {
  const client = await EventStreamClient.open(`${apiOf(at).address}/api/v1/orders/${orderId}/events${query}`, {
    ...(headers ?? (await as("ada"))),
  });
  clients.push(client);
  return client;
};

describe("a stream of an order", () => {
  test("tells what has happened and what happens, each step once, in order, with its place as its id", async () => {
    add("o-1", "pending");
    const client = await open();
    await happen("o-1", "reserved");
    await waitFor(() => client.events.length === 2);
    await happen("o-1", "paid", "confirmed");
    // A hint too many has no effect.
    await hint("o-1");
    await waitFor(() => client.events.length === 4);
    expect(client.events.map(({ id, event, data }) => [id, event, data.orderId, data.seq, data.status])).toEqual([
      ["1", "status", "o-1", 1, "pending"],
      ["2", "status", "o-1", 2, "reserved"],
      ["3", "status", "o-1", 3, "paid"],
      ["4", "status", "o-1", 4, "confirmed"],
    ]);
    expect(client.retryMs).toBeGreaterThanOrEqual(1_000);
  });

  test("is kept by no cache, no proxy and no compression", async () => {
    add("o-1", "pending");
    const { status, headers } = await open({ headers: { ...(await as("ada")), "accept-encoding": "gzip, br" } });
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(headers.get("cache-control")).toBe("no-store, no-transform");
    expect(headers.get("x-accel-buffering")).toBe("no");
    expect(headers.get("content-encoding")).toBeNull();
    expect(headers.get("x-request-id")).toMatch(/./);
  });

  test("answers HEAD with its headers alone, and is not open then", async () => {
    add("o-1", "pending");
    const { address, edge } = apiOf(broker);
    const head = await fetch(`${address}/api/v1/orders/o-1/events`, { method: "HEAD", headers: await as("ada") });
    expect([head.status, head.headers.get("content-type")]).toEqual([200, "text/event-stream; charset=utf-8"]);
    expect(await head.text()).toBe("");
    expect(edge.streams.size).toBe(0);
  });

  test("ends with an event of its own when the order is settled; who comes back is told not to", async () => {
    add("o-1", "pending");
    const client = await open();
    await happen("o-1", "shipped", "delivered");
    expect(await client.ended).toBe("end");
    expect(client.statuses).toEqual(["pending", "shipped", "delivered"]);
    expect(client.events.at(-1)).toEqual({
      id: undefined,
      event: "end",
      data: { orderId: "o-1", status: "delivered", settled: true },
    });
    expect(client.lastEventId).toBe("3");
    const again = await open({ headers: { ...(await as("ada")), "last-event-id": "3" } });
    expect(again.status).toBe(204);
    // A first visit to an order that is settled gets all of it.
    const late = await open();
    expect(await late.ended).toBe("end");
    expect(late.statuses).toEqual(["pending", "shipped", "delivered"]);
  });

  test("goes on after the last event that the client has, by header or by query", async () => {
    add("o-1", "pending", "reserved", "paid");
    const byHeader = await open({ headers: { ...(await as("ada")), "last-event-id": "2" }, query: "?lastEventId=1" });
    const byQuery = await open({ query: "?lastEventId=1" });
    const fromNow = await open({ headers: { ...(await as("ada")), "last-event-id": "3" } });
    await happen("o-1", "confirmed");
    await waitFor(() => [byHeader, byQuery, fromNow].every(({ lastEventId }) => lastEventId === "4"));
    expect(byHeader.statuses).toEqual(["paid", "confirmed"]);
    expect(byQuery.statuses).toEqual(["reserved", "paid", "confirmed"]);
    expect(fromNow.statuses).toEqual(["confirmed"]);
  });

  test("misses nothing that happens while it is opened, although no hint of it arrives later", async () => {
    add("o-1", "pending");
    meanwhile = () => {
      meanwhile = undefined;
      add("o-1", "reserved");
      void hint("o-1");
    };
    const client = await open();
    await waitFor(() => client.events.length === 2);
    expect(client.statuses).toEqual(["pending", "reserved"]);
  });

  test("finds by itself what no hint has told of", async () => {
    const gateway = await openGateway({ API_STREAMS_POLL_SECONDS: "1" });
    gateways.push(gateway);
    add("o-1", "pending");
    const client = await open({ at: gateway });
    const before = reads.length;
    await waitFor(() => reads.length > before);
    add("o-1", "reserved");
    await waitFor(() => client.events.length === 2);
    expect(client.statuses).toEqual(["pending", "reserved"]);
  });

  test("waits for orders that are away, and then tells all", async () => {
    add("o-1", "pending");
    const client = await open();
    await waitFor(() => reads.length === 2);
    failure = new Unavailable("the database of orders");
    await happen("o-1", "reserved");
    await waitFor(() => reads.length >= 3);
    add("o-1", "paid");
    failure = undefined;
    await waitFor(() => client.events.length === 3);
    expect(client.statuses).toEqual(["pending", "reserved", "paid"]);
  });

  test("costs one read for all who follow the order here", async () => {
    add("o-1", "pending");
    const followers = await Promise.all([open(), open(), open({ headers: await as("grace", ["staff"]) })]);
    // Each has looked when it was opened, and what joined at the same time was looked for together.
    await eventually(() => expect(apiOf(broker).edge.streams.size).toBe(3));
    await hint("o-1");
    await waitFor(async () => {
      const before = reads.length;
      await new Promise((resolve) => setImmediate(resolve));
      return reads.length === before;
    });
    const before = reads.length;
    await happen("o-1", "reserved");
    await waitFor(() => followers.every(({ statuses }) => statuses.includes("reserved")));
    expect(reads.length - before).toBe(1);
  });
});

describe("who may follow an order", () => {
  test("is its owner and staff; to others it does not exist, and nobody is told without a token", async () => {
    add("o-1", "pending");
    expect((await open()).status).toBe(200);
    expect((await open({ headers: await as("grace", ["staff"]) })).status).toBe(200);
    const foreign = await open({ headers: await as("eve") });
    expect([foreign.status, foreign.problem?.code]).toEqual([404, "ORDER_NOT_FOUND"]);
    const unknown = await open({ orderId: "o-9" });
    expect(unknown.status).toBe(404);
    const nobody = await open({ headers: {} });
    expect([nobody.status, nobody.problem?.code]).toEqual([401, "UNAUTHENTICATED"]);
  });

  test.each(["-1", "1.5", "x", "1; drop", "99999999999", "7"])(
    "an event id that it has not given out is refused: %s",
    async (id) => {
      add("o-1", "pending");
      const client = await open({ headers: { ...(await as("ada")), "last-event-id": id } });
      expect([client.status, client.problem?.code]).toEqual([400, "INVALID_LAST_EVENT_ID"]);
    },
  );

  test("ends with the token", async () => {
    const gateway = await openGateway({ API_STREAMS_HEARTBEAT_SECONDS: "1" });
    gateways.push(gateway);
    add("o-1", "pending");
    const client = await open({ at: gateway, headers: await as("ada", ["customer"], clock.now() + 60_000) });
    const other = await open({ at: gateway });
    await waitFor(() => client.comments.includes("alive"));
    clock.advance(61_000);
    expect(await client.ended).toBe("end");
    expect(apiOf(gateway).edge.streams.size).toBe(1);
    other.close();
  });

  test("has a limited number of streams, and gets a place back that was left", async () => {
    const gateway = await openGateway({ API_STREAMS_PER_USER: "2", API_STREAMS_MAX: "3" });
    gateways.push(gateway);
    add("o-1", "pending");
    // What was refused has taken no place.
    for (let n = 0; n < 4; n++) expect((await open({ at: gateway, orderId: "o-9" })).status).toBe(404);
    const first = await open({ at: gateway });
    await open({ at: gateway });
    const third = await open({ at: gateway });
    expect([third.status, third.problem?.code, third.headers.get("retry-after")]).toEqual([429, "TOO_MANY_STREAMS", "5"]);
    await open({ at: gateway, headers: await as("grace", ["staff"]) });
    const full = await open({ at: gateway, headers: await as("hedy", ["staff"]) });
    expect([full.status, full.problem?.code]).toEqual([503, "TOO_MANY_STREAMS"]);
    first.close();
    await waitFor(async () => (await open({ at: gateway })).status === 200);
  });
});

describe("a gateway that stops", () => {
  test("ends its streams at once, with a time to come back, and does not wait for who does not read", async () => {
    const gateway = await openGateway();
    add("o-1", "pending");
    const client = await open({ at: gateway });
    const { hostname, port } = new URL(apiOf(gateway).address);
    const deaf = connect(Number(port), hostname);
    deaf.on("error", () => {});
    const { authorization } = await as("ada");
    deaf.write(`GET /api/v1/orders/o-1/events HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`);
    deaf.pause();
    await waitFor(() => apiOf(gateway).edge.streams.size === 2);
    const stopped = gateway.stop();
    expect(await client.ended).toBe("end");
    expect(client.comments).toContain("the gateway stops");
    await stopped;
    expect(apiOf(gateway).edge.streams.size).toBe(0);
    deaf.destroy();
    // Somewhere else it goes on.
    add("o-1", "reserved");
    const next = await open({ headers: { ...(await as("ada")), "last-event-id": client.lastEventId as string } });
    await waitFor(() => next.events.length === 1);
    expect(next.statuses).toEqual(["reserved"]);
  });
});
