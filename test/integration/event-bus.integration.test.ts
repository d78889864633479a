import { afterAll, afterEach, beforeAll, expect, jest, test } from "@jest/globals";
import type { Envelope } from "@molecart/mixins/messaging/envelope.ts";
import { newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import type { Delivery, EventBus, SubscribeOptions } from "@molecart/mixins/messaging/event-bus.ts";
import { JetStreamBus } from "@molecart/mixins/messaging/jetstream-bus.ts";
import { SqliteBus } from "@molecart/mixins/messaging/sqlite-bus.ts";
import { connect } from "nats";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { startNats } from "../support/servers/nats.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const expired = (orderId: string): Envelope =>
  newEnvelope("reservation.expired", orderId, { orderId }, "2026-01-01T00:00:00.000Z") as Envelope;

jest.setTimeout(60_000);

let nats: RunningServer | undefined;

/** A bus and, after `reopen`, the same bus as a broker finds it that starts anew. */
interface Place {
  /** JetStream only. */
  namespace?: string;
  open(): Promise<EventBus>;
}

const kinds = [
  {
    kind: "SQLite",
    servers: [] as const,
    place: (): Place => {
      const file = `${temporaryDataDir()}/events.db`;
      return { open: async () => new SqliteBus(file) };
    },
  },
  {
    kind: "JetStream",
    servers: ["nats"] as const,
    place: (): Place => {
      const namespace = `bus${Math.random().toString(36).slice(2)}`;
      return {
        namespace,
        open: async () => new JetStreamBus({ url: nats?.url as string, namespace, clientName: "test", replicas: 1 }),
      };
    },
  },
];

for (const { kind, servers, place } of kinds) {
  describeWith([...servers], `The event bus on ${kind}`, () => {
    const open: EventBus[] = [];
    const started = async (where: Place): Promise<EventBus> => {
      const bus = await where.open();
      await bus.start();
      open.push(bus);
      return bus;
    };
    const stop = async (bus: EventBus): Promise<void> => {
      open.splice(open.indexOf(bus), 1);
      await bus.stop();
    };
    const idOf = ({ message }: Delivery): string => message.id;
    const collect = async (bus: EventBus, service = "orders", options: Partial<SubscribeOptions> = {}): Promise<string[]> => {
      const seen: string[] = [];
      await bus.subscribe({
        service,
        event: "reservation.expired",
        concurrency: 4,
        onDelivery: async (delivery) => {
          seen.push(idOf(delivery));
          delivery.ack();
        },
        ...options,
      });
      return seen;
    };

    if (kind === "JetStream") {
      beforeAll(async () => {
        nats = await startNats({ jetstream: true });
      });
      afterAll(() => nats?.stop());
    }
    afterEach(async () => {
      await Promise.all(open.splice(0).map((bus) => bus.stop()));
      removeDataDirs();
    });

    test("delivers every event to every consumer of it, in the order of publishing", async () => {
      const bus = await started(place());
      const orders = await collect(bus, "orders", { concurrency: 1 });
      const reports = await collect(bus, "reports", { concurrency: 1 });
      const events = Array.from({ length: 50 }, (_, i) => expired(`o${i}`));
      await bus.publish(events);
      const ids = events.map((event) => event.id);
      await eventually(() => expect([orders, reports]).toEqual([ids, ids]));
    });

    test("hands over the envelope as it was published", async () => {
      const bus = await started(place());
      const seen: unknown[] = [];
      await collect(bus, "orders", {
        onDelivery: async (delivery) => {
          seen.push(delivery.message);
          delivery.ack();
        },
      });
      const event = expired("ö-ünïcode");
      await bus.publish([event]);
      await eventually(() => expect(seen).toEqual([event]));
    });

    test("stores an event that is published twice once", async () => {
      const bus = await started(place());
      const [event, last] = [expired("o1"), expired("o2")];
      await bus.publish([event]);
      await bus.publish([event, last]);
      const seen = await collect(bus, "orders", { concurrency: 1 });
      await eventually(() => expect(seen).toEqual([event.id, last.id]));
    });

    test("gives a consumer that comes later what was published before", async () => {
      const bus = await started(place());
      const event = expired("o1");
      await bus.publish([event]);
      const seen = await collect(bus, "latecomer");
      await eventually(() => expect(seen).toEqual([event.id]));
    });

    test("keeps what a consumer has missed while no broker of it was there", async () => {
      const where = place();
      const first = await started(where);
      await collect(first);
      await stop(first);
      const second = await started(where);
      const event = expired("o1");
      await second.publish([event]);
      await stop(second);
      const seen = await collect(await started(where));
      await eventually(() => expect(seen).toEqual([event.id]));
    });

    test("delivers again what was retried, after the delay and not before", async () => {
      const bus = await started(place());
      const at: number[] = [];
      await collect(bus, "orders", {
        onDelivery: async (delivery) => {
          at.push(performance.now());
          if (at.length === 1) delivery.retry(300);
          else delivery.ack();
        },
      });
      await bus.publish([expired("o1")]);
      await eventually(() => expect(at).toHaveLength(2));
      expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(290);
      await eventually(async () => expect(await bus.backlog({ service: "orders", event: "reservation.expired" })).toBe(0));
    });

    test("lets other events pass one that waits for its retry", async () => {
      const bus = await started(place());
      const [stuck, other] = [expired("stuck"), expired("other")];
      const seen: string[] = [];
      await collect(bus, "orders", {
        concurrency: 1,
        onDelivery: async (delivery) => {
          seen.push(idOf(delivery));
          if (idOf(delivery) === stuck.id) delivery.retry(60_000);
          else delivery.ack();
        },
      });
      await bus.publish([stuck, other]);
      await eventually(() => expect(seen).toEqual([stuck.id, other.id]));
    });

    test("never has more deliveries in hand than the consumer's concurrency", async () => {
      const bus = await started(place());
      let inHand = 0;
      let most = 0;
      let done = 0;
      await collect(bus, "orders", {
        concurrency: 3,
        onDelivery: async (delivery) => {
          inHand += 1;
          most = Math.max(most, inHand);
          await new Promise((resolve) => setTimeout(resolve, 5));
          inHand -= 1;
          done += 1;
          delivery.ack();
        },
      });
      await bus.publish(Array.from({ length: 30 }, (_, i) => expired(`o${i}`)));
      await eventually(() => expect(done).toBe(30));
      expect(most).toBe(3);
    });

    test("stops a subscription only when its deliveries in hand have ended", async () => {
      const bus = await started(place());
      const steps: string[] = [];
      let release = (): void => {};
      const subscription = await bus.subscribe({
        service: "orders",
        event: "reservation.expired",
        concurrency: 1,
        onDelivery: async (delivery) => {
          steps.push("begun");
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          steps.push("ended");
          delivery.ack();
        },
      });
      await bus.publish([expired("o1")]);
      await eventually(() => expect(steps).toEqual(["begun"]));
      const stopped = subscription.stop().then(() => steps.push("stopped"));
      release();
      await stopped;
      expect(steps).toEqual(["begun", "ended", "stopped"]);
    });

    test("delivers again what was in hand when the broker went away without an answer", async () => {
      const where = place();
      const first = await started(where);
      let taken = false;
      await collect(first, "orders", {
        onDelivery: async () => {
          taken = true;
        },
      });
      const event = expired("o1");
      await first.publish([event]);
      await eventually(() => expect(taken).toBe(true));
      await stop(first);
      const seen = await collect(await started(where));
      await eventually(() => expect(seen).toEqual([event.id]), { withinMs: 20_000 });
    });

    test("counts what waits for a consumer", async () => {
      const bus = await started(place());
      await (
        await bus.subscribe({ service: "orders", event: "reservation.expired", concurrency: 1, onDelivery: async (d) => d.ack() })
      ).stop();
      await bus.publish([expired("o1"), expired("o2")]);
      await eventually(async () => expect(await bus.backlog({ service: "orders", event: "reservation.expired" })).toBe(2));
    });

    if (kind === "SQLite") {
      test("belongs to one process: a second one is refused by the file's name", async () => {
        const where = place();
        await started(where);
        await expect((await where.open()).start()).rejects.toThrow(/events\.db is open in another broker/);
      });
    }

    if (kind === "JetStream") {
      test("shares a consumer's events among its brokers", async () => {
        const where = place();
        const [one, two] = [await started(where), await started(where)];
        const seen = [await collect(one, "orders", { concurrency: 1 }), await collect(two, "orders", { concurrency: 1 })];
        const events = Array.from({ length: 200 }, (_, i) => expired(`o${i}`));
        await one.publish(events);
        await eventually(() => expect(seen.flat().sort()).toEqual(events.map((event) => event.id).sort()));
        expect(seen.every((ids) => ids.length > 0)).toBe(true);
      });

      test("hands over a message that is no event as malformed, with an id of its own", async () => {
        const where = place();
        const bus = await started(where);
        const seen: Delivery["message"][] = [];
        await collect(bus, "orders", {
          onDelivery: async (delivery) => {
            seen.push(delivery.message);
            delivery.ack();
          },
        });
        const connection = await connect({ servers: nats?.url as string });
        await connection
          .jetstream()
          .publish(`${where.namespace}.events.reservation.expired`, new TextEncoder().encode("{not json"));
        await connection.close();
        await eventually(() => expect(seen).toEqual([{ malformed: "{not json", id: expect.stringContaining("-1") }]));
      });

      test("goes on after NATS was killed and started again, and has lost nothing that it had confirmed", async () => {
        const bus = await started(place());
        const seen = await collect(bus);
        const before = Array.from({ length: 100 }, (_, i) => expired(`before${i}`));
        await bus.publish(before);
        await nats?.kill();
        await expect(bus.publish([expired("meanwhile")])).rejects.toMatchObject({ type: "UNAVAILABLE" });
        await nats?.restart();
        const after = expired("after");
        await eventually(() => bus.publish([after]), { withinMs: 20_000 });
        await eventually(() => expect(seen).toEqual(expect.arrayContaining([...before.map((event) => event.id), after.id])), {
          withinMs: 20_000,
        });
      });

      test("goes on after somebody has deleted the stream", async () => {
        const where = place();
        const [bus, silent] = [await started(where), await started(where)];
        const seen = await collect(bus);
        const connection = await connect({ servers: nats?.url as string });
        const manager = await connection.jetstreamManager();
        const stream = where.namespace?.toUpperCase() as string;
        await eventually(() => manager.consumers.info(stream, "orders__reservation-expired"));
        await manager.streams.delete(stream);
        const event = expired("o1");
        // Also for a broker that only publishes.
        await eventually(() => silent.publish([event]), { withinMs: 20_000 });
        await eventually(() => expect(seen).toEqual([event.id]), { withinMs: 20_000 });
        await connection.close();
      });

      test("starts before NATS does, and waits for it", async () => {
        await nats?.kill();
        const bus = await place().open();
        open.push(bus);
        const starting = bus.start();
        await nats?.restart();
        await starting;
        await expect(bus.ping()).resolves.toBeUndefined();
      });
    }
  });
}
