import { afterEach, describe, expect, jest, test } from "@jest/globals";
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
});
