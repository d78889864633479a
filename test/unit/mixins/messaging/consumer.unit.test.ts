import { describe, expect, test } from "@jest/globals";
import { Refusal } from "@molecart/mixins/lib/errors.ts";
import { EventConsumer } from "@molecart/mixins/messaging/consumer.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import type { Delivery, EventBus, SubscribeOptions } from "@molecart/mixins/messaging/event-bus.ts";
import type { Outcome } from "@molecart/mixins/messaging/inbox.ts";

const envelope = newEnvelope("reservation.expired", "o1", { orderId: "o1" }, "2026-01-01T00:00:00.000Z") as Envelope;

/** A consumer of one delivery, and what becomes of that. */
const consume = async (given: { handle(): Promise<Outcome>; bury?(): Promise<void> }) => {
  const log: string[] = [];
  let take: SubscribeOptions["onDelivery"] | undefined;
  const bus = {
    subscribe: async ({ onDelivery }: SubscribeOptions) => {
      take = onDelivery;
      return { stop: async () => {} };
    },
  } as unknown as EventBus;
  const consumer = new EventConsumer({
    service: "ledger",
    event: "reservation.expired",
    bus,
    inbox: {
      fail: async () => 1,
      bury: async () => {
        log.push("bury");
        await given.bury?.();
      },
    },
    handle: given.handle,
    log: { warn: () => {}, error: () => {} },
  });
  await consumer.start();
  const delivery: Delivery = {
    message: envelope,
    ack: () => void log.push("ack"),
    retry: () => void log.push("retry"),
    extend: () => {},
  };
  await take?.(delivery);
  await consumer.stop();
  return log;
};

describe("a consumer", () => {
  test.each<Outcome>(["processed", "duplicate", "parked"])("acknowledges what is %s", async (outcome) => {
    expect(await consume({ handle: async () => outcome })).toEqual(["ack"]);
  });

  test("acknowledges a dead letter only when it is written, whatever keeps it from that", async () => {
    let faults = 3;
    const log = await consume({
      handle: () => Promise.reject(new Refusal("NO", 409, "no")),
      bury: async () => {
        if (faults-- > 0) throw new Error("No space left, or anything else");
      },
    });
    expect(log).toEqual(["bury", "bury", "bury", "bury", "ack"]);
  });
});
