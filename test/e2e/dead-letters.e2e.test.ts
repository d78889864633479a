import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { EventData } from "@molecart/mixins/contracts/index.ts";
import type { SagaStep } from "@molecart/mixins/contracts/operations.ts";
import { createBroker, installedServices } from "@molecart/mixins/launch.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { ServiceBroker } from "moleculer";
import { eventually } from "../support/eventually.ts";
import { orderData } from "../support/order-events.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(60_000);

const NOW = "2026-01-01T00:00:00.000Z";
const LISTENERS = ["carts", "inventory", "notifications", "payments"];

describe("An operator of the embedded shop", () => {
  let broker: ServiceBroker;
  let address: string;
  let token: string | undefined;

  // biome-ignore lint/suspicious/noExplicitAny: the test looks into answers of every shape
  const admin = async (method: string, path: string, body?: object): Promise<{ status: number; body: any }> => {
    const response = await fetch(`${address}/api/v1${path}`, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body && { "content-type": "application/json" }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
  };

  beforeAll(async () => {
    const env = { DATA_DIR: temporaryDataDir(), API_PORT: "0", PAYMENTS_PORT: "0", RATE_LIMIT: "off", LOG_LEVEL: "fatal" };
    broker = await createBroker(await installedServices(), { env });
    await broker.start();
    address = (broker.getLocalService("v1.api") as unknown as { address: string }).address;
    const { logins } = (await broker.call("v1.users.seedDemo", {})) as {
      logins: { role: string; email: string; password: string }[];
    };
    const { email, password } = logins.find(({ role }) => role === "staff") as (typeof logins)[0];
    token = (await admin("POST", "/auth/login", { email, password })).body.accessToken;
  });
  afterAll(async () => {
    await broker?.stop();
    removeDataDirs();
  });

  test("finds what a poisoned event has done in every service, repairs it, and the order's later events run", async () => {
    const orderId = newId();
    const { bus } = runtimeOf(broker);
    const data = { ...orderData(orderId, [{ sku: "LAMP-1", quantity: 2 }]), paymentToken: "tok_unknown" };
    const poisoned = newEnvelope("order.created", orderId, { ...data, lines: "poison" } as never, NOW) as Envelope;
    await bus.publish([poisoned]);
    const list = () => admin("GET", "/admin/dead-letters?limit=100");
    await eventually(async () => {
      const { body } = await list();
      expect(body.items.map(({ service }: { service: string }) => service)).toEqual(LISTENERS);
    });
    const cancelled = newEnvelope("order.cancelled", orderId, { ...data, reason: "test" } as EventData<"order.cancelled">, NOW);
    await bus.publish([cancelled as Envelope]);
    const saga = async (): Promise<SagaStep[]> => (await admin("GET", `/admin/sagas/${orderId}`)).body.steps;
    const statuses = async (event: string) =>
      (await saga())
        .filter((step) => step.event === event && step.direction === "in")
        .map(({ service, status }) => `${service} ${status}`)
        .toSorted();
    await eventually(async () =>
      expect(await statuses("order.cancelled")).toEqual([
        "inventory parked",
        "notifications parked",
        "payments parked",
        "shipping processed",
      ]),
    );

    const { body: groups } = await admin("GET", "/admin/dead-letters/groups");
    expect(groups).toMatchObject({ degraded: [] });
    expect(groups.groups).toHaveLength(LISTENERS.length);
    const [{ fingerprint }] = groups.groups;
    const again = await admin("POST", `/admin/dead-letters/groups/${fingerprint}/replay`);
    expect(again).toMatchObject({
      status: 200,
      body: { complete: true, outcomes: [{ outcome: "dead", code: "VALIDATION_ERROR" }] },
    });

    const wrong = await admin("PUT", `/admin/dead-letters/inventory:${poisoned.id}`, { data: { orderId } });
    expect(wrong).toMatchObject({ status: 422, body: { code: "VALIDATION_FAILED" } });
    expect(wrong.body.errors.map(({ path }: { path: string }) => path)).toContain("lines");

    const id = (service: string) => `/admin/dead-letters/${service}:${poisoned.id}`;
    expect((await admin("DELETE", id("carts"), { reason: "nobody has this cart" })).status).toBe(204);
    for (const service of ["inventory", "notifications", "payments"])
      expect(await admin("PUT", id(service), { data })).toMatchObject({ status: 200, body: { outcome: "processed" } });

    await eventually(async () =>
      expect(await statuses("order.cancelled")).toEqual([
        "inventory processed",
        "notifications processed",
        "payments processed",
        "shipping processed",
      ]),
    );
    expect((await list()).body.items).toEqual([]);
    const { body: settled } = await admin("GET", id("notifications"));
    expect(settled).toMatchObject({ status: "processed", audit: expect.any(Array) });
    expect(settled.audit.map(({ action }: { action: string }) => action)).toEqual(expect.arrayContaining(["edited", "replayed"]));
    expect((await admin("GET", id("carts"))).body.audit.at(-1)).toMatchObject({
      action: "discarded",
      reason: "nobody has this cart",
    });
    expect((await admin("POST", `${id("carts")}/replay`)).status).toBe(404);

    const steps = await saga();
    expect(steps.map(({ at }) => at)).toEqual(steps.map(({ at }) => at).toSorted());
    expect(steps.map(({ service }) => service)).toEqual(expect.arrayContaining([...LISTENERS, "shipping"]));
    expect((await admin("GET", "/admin/sagas?stuck=true&olderThanMinutes=0")).body.items).toEqual([]);
  });
});
