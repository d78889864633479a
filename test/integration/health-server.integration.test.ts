import { connect } from "node:net";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { checkHealth } from "@molecart/mixins/health.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import { healthAddressOf } from "@molecart/mixins/middlewares/health-server.ts";
import type { ServiceBroker } from "moleculer";
import { waitFor } from "../support/eventually.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const brokers: ServiceBroker[] = [];
const newBroker = async (env: Record<string, string>): Promise<ServiceBroker> => {
  const broker = await createBroker([], { env: { DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal", ...env } });
  brokers.push(broker);
  return broker;
};
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});
afterAll(removeDataDirs);

type Checks = Record<string, () => Promise<void>>;
const withChecks = (broker: ServiceBroker, name: string, healthChecks: Checks): void => {
  Object.assign(broker.createService({ name }), { healthChecks });
};
const addressOf = (broker: ServiceBroker): string => healthAddressOf(broker) as string;
const get = async (url: string, method = "GET") => {
  const response = await fetch(url, { method, signal: AbortSignal.timeout(5_000) });
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
};

describe("a node's health port", () => {
  test("is not opened where none is set", async () => {
    const broker = await newBroker({});
    await broker.start();
    expect(healthAddressOf(broker)).toBeUndefined();
  });

  test("tells that the node lives, and whether it can do its work", async () => {
    const broker = await newBroker({ HEALTH_PORT: "0" });
    let database: Error | undefined;
    withChecks(broker, "ledger", {
      "ledger database": async () => {
        if (database) throw database;
      },
    });
    await broker.start();
    const at = addressOf(broker);
    expect(await get(`${at}/health/live`)).toEqual({ status: 200, body: { status: "ok" } });
    expect(await get(`${at}/health/ready`)).toEqual({
      status: 200,
      body: { status: "ok", checks: { broker: { status: "ok" }, "ledger database": { status: "ok" } } },
    });
    database = new Error("connection refused");
    expect(await get(`${at}/health/ready`)).toMatchObject({
      status: 503,
      body: { status: "unavailable", checks: { "ledger database": { status: "failed", error: "connection refused" } } },
    });
    expect((await get(`${at}/health/live`)).status).toBe(200);
  });

  test("answers nothing else", async () => {
    const broker = await newBroker({ HEALTH_PORT: "0" });
    await broker.start();
    expect((await get(`${addressOf(broker)}/`)).status).toBe(404);
    expect((await get(`${addressOf(broker)}/health/ready`, "POST")).status).toBe(405);
    expect((await get(`${addressOf(broker)}/health/ready?x=1`, "HEAD")).status).toBe(200);
  });

  test("is open, and not ready, while the services start and while they stop", async () => {
    const broker = await newBroker({ HEALTH_PORT: "0" });
    const waiting: (() => void)[] = [];
    const pause = () => new Promise<void>((resolve) => waiting.push(resolve));
    broker.createService({ name: "slow", started: pause, stopped: pause });
    const starting = broker.start();
    await waitFor(() => waiting.length === 1);
    const at = addressOf(broker);
    const notReady = { status: 503, body: { checks: { broker: { status: "failed" } } } };
    expect(await get(`${at}/health/ready`)).toMatchObject(notReady);
    waiting[0]?.();
    await starting;
    expect((await get(`${at}/health/ready`)).status).toBe(200);
    const stopping = broker.stop();
    expect(await get(`${at}/health/ready`)).toMatchObject(notReady);
    expect((await get(`${at}/health/live`)).status).toBe(200);
    await waitFor(() => waiting.length === 2);
    waiting[1]?.();
    await stopping;
    await expect(get(`${at}/health/live`)).rejects.toThrow();
    brokers.length = 0;
  });

  test("that is taken is told by the setting's name", async () => {
    const first = await newBroker({ HEALTH_PORT: "0" });
    await first.start();
    const second = await newBroker({ HEALTH_PORT: new URL(addressOf(first)).port, NODE_ID: "second" });
    await expect(second.start()).rejects.toThrow(/HEALTH_PORT: port \d+ on 127.0.0.1 is in use already/);
  });

  test("does not keep a node from stopping by connections that are open", async () => {
    const broker = await newBroker({ HEALTH_PORT: "0" });
    await broker.start();
    const { hostname, port } = new URL(addressOf(broker));
    const idle = connect(Number(port), hostname);
    const closed = new Promise((resolve) => idle.once("close", resolve));
    await new Promise((resolve) => idle.once("connect", resolve));
    await broker.stop();
    await closed;
    brokers.length = 0;
  });
});

describe("the report", () => {
  test("asks once for what services share, and waits for no check that hangs", async () => {
    const broker = await newBroker({});
    let asked = 0;
    const events = async () => {
      asked += 1;
    };
    withChecks(broker, "one", { events });
    withChecks(broker, "two", { events, "two's store": () => new Promise(() => {}) });
    await broker.start();
    const report = await checkHealth(broker, 20);
    expect(report.status).toBe("unavailable");
    expect(report.checks).toMatchObject({
      events: { status: "ok" },
      "two's store": { status: "failed", error: "no answer within 20 ms" },
    });
    expect(asked).toBe(1);
  });
});
