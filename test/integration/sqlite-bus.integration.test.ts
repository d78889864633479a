import { DatabaseSync } from "node:sqlite";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { SqliteBus } from "@molecart/mixins/messaging/sqlite-bus.ts";
import { eventually } from "../support/eventually.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

afterEach(() => {
  jest.restoreAllMocks();
  removeDataDirs();
});

const expired = (orderId: string): Envelope =>
  newEnvelope("reservation.expired", orderId, { orderId }, "2026-01-01T00:00:00.000Z") as Envelope;

describe("The embedded event bus", () => {
  test.each([0, 1, 2, 3, 4, 5, 6])("hands out a retry after %i ms also when time passes while it looks", async (delayMs) => {
    const bus = new SqliteBus(`${temporaryDataDir()}/events.db`);
    await bus.start();
    // A busy machine: the clock is another one at each look.
    let now = 1_800_000_000_000;
    jest.spyOn(Date, "now").mockImplementation(() => now++);
    let attempts = 0;
    try {
      await bus.subscribe({
        service: "test",
        event: "reservation.expired",
        concurrency: 1,
        async onDelivery(delivery) {
          attempts += 1;
          if (attempts === 1) delivery.retry(delayMs);
          else delivery.ack();
        },
      });
      await bus.publish([expired("o1")]);
      await eventually(() => expect(attempts).toBe(2), { withinMs: 2_000 });
    } finally {
      await bus.stop();
    }
  });

  test("hands out a retry that a fast clock has put off when the clock is right again", async () => {
    const clock = new ManualClock();
    const startedAt = clock.now();
    clock.advance(3_600_000);
    const bus = new SqliteBus(`${temporaryDataDir()}/events.db`, clock);
    await bus.start();
    let attempts = 0;
    const options = { service: "test", event: "reservation.expired", concurrency: 1, maxRetryMs: 20_000 } as const;
    try {
      const first = await bus.subscribe({
        ...options,
        async onDelivery(delivery) {
          attempts += 1;
          delivery.retry(10_000);
        },
      });
      await bus.publish([expired("o1")]);
      await eventually(() => expect(attempts).toBe(1));
      await first.stop();
      clock.advance(startedAt - clock.now());
      await bus.subscribe({
        ...options,
        async onDelivery(delivery) {
          attempts += 1;
          delivery.ack();
        },
      });
      await eventually(() => expect(attempts).toBe(2));
    } finally {
      await bus.stop();
    }
  });

  test("survives that its file cannot be written for a while, and then forgets what was acknowledged meanwhile", async () => {
    const file = `${temporaryDataDir()}/events.db`;
    const bus = new SqliteBus(file);
    await bus.start();
    const other = new DatabaseSync(file);
    const consumer = { service: "test", event: "reservation.expired" } as const;
    const goOn = Promise.withResolvers<void>();
    const seen: string[] = [];
    try {
      await bus.subscribe({
        ...consumer,
        concurrency: 3,
        async onDelivery(delivery) {
          seen.push(delivery.message.id);
          await goOn.promise;
          delivery.ack();
        },
      });
      const events = [expired("o1"), expired("o2"), expired("o3")];
      await bus.publish(events);
      await eventually(() => expect(seen).toHaveLength(3));
      other.exec("begin immediate");
      goOn.resolve();
      await expect(bus.publish([expired("o4")])).rejects.toThrow(/database is locked/);
      // The acks cannot be written either.
      await eventually(async () => expect(await bus.backlog(consumer)).toBe(3));
      other.exec("rollback");
      await eventually(async () => expect(await bus.backlog(consumer)).toBe(0));
      expect(seen).toEqual(events.map(({ id }) => id));
    } finally {
      other.close();
      await bus.stop();
    }
  });
});
