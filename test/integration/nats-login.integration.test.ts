import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import { newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { JetStreamBus, NatsRefused } from "@molecart/mixins/messaging/jetstream-bus.ts";
import { ServiceBroker } from "moleculer";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startNats } from "../support/servers/nats.ts";
import type { RunningServer } from "../support/servers/process.ts";

jest.setTimeout(60_000);

describeWith(["nats"], "A NATS server that asks for a password", () => {
  let nats: RunningServer;
  let password = "first";
  const closing: (() => Promise<unknown>)[] = [];
  const urlWith = (secret: string) => nats.url.replace("nats://", `nats://shop:${secret}@`);
  const newBus = (secret: string, onStatus = (_status: string, _detail: unknown) => {}) => {
    const bus = new JetStreamBus({ url: urlWith(secret), namespace: "login", clientName: "test", replicas: 1, onStatus });
    closing.push(() => bus.stop());
    return bus;
  };

  beforeAll(async () => {
    nats = await startNats({ jetstream: true, args: () => ["--user", "shop", "--pass", password] });
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  afterAll(() => nats.stop());

  test("ends the start of a broker that has another, by name and without the password", async () => {
    const refused = await newBus("wrong-secret")
      .start()
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(NatsRefused);
    expect(refused).toMatchObject({ type: "NATS_REFUSED" });
    expect(JSON.stringify([refused, String(refused)])).not.toContain("wrong-secret");
  });

  test("that refuses brokers for a while has them back when it knows them again", async () => {
    let refusals = 0;
    const bus = newBus(password, (status, detail) => {
      if (status === "error" && detail === "AUTHORIZATION_VIOLATION") refusals += 1;
    });
    await bus.start();
    const broker = new ServiceBroker(brokerOptions({ NATS_URL: urlWith(password), NODE_ID: "guest", LOG_LEVEL: "fatal" }));
    closing.push(() => broker.stop());
    await broker.start();
    const { client } = (broker as unknown as { transit: { tx: { client: { isClosed(): boolean; flush(): Promise<void> } } } })
      .transit.tx;

    password = "another";
    await nats.restart();
    // The client would close for good at the second.
    await eventually(() => expect(refusals).toBeGreaterThanOrEqual(4), { withinMs: 20_000 });
    password = "first";
    await nats.restart();

    const event = newEnvelope("reservation.expired", "o1", { orderId: "o1" }, "2026-01-01T00:00:00.000Z");
    await eventually(() => bus.publish([event as never]), { withinMs: 20_000 });
    expect(client.isClosed()).toBe(false);
    await eventually(() => client.flush(), { withinMs: 20_000 });
  });
});
