import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { withCorrelation } from "@molecart/mixins/lib/correlation.ts";
import { Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { deliver } from "@molecart/mixins/middlewares/durable-events.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { ServiceBroker } from "moleculer";
import { eventually } from "../support/eventually.ts";
import { type LedgerScript, type LedgerService, ledgerService, notes } from "../support/ledger/ledger.service.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type World, worlds } from "../support/worlds.ts";

jest.setTimeout(60_000);

const expired = (orderId: string): Envelope =>
  newEnvelope("reservation.expired", orderId, { orderId }, "2026-01-01T00:00:00.000Z") as Envelope;

for (const { world: name, servers, open } of worlds) {
  describeWith([...servers], `A durable handler, ${name}`, () => {
    let world: World;
    let env: Record<string, string>;
    let script: LedgerScript;
    const brokers: ServiceBroker[] = [];
    const clock = new ManualClock();

    const start = async (settings = env): Promise<LedgerService> => {
      const broker = new ServiceBroker(brokerOptions({ ...settings, NODE_ID: `node-${brokers.length}-${Date.now()}` }, clock));
      broker.createService(ledgerService(script));
      brokers.push(broker);
      await broker.start();
      return broker.getLocalService("v1.ledger") as unknown as LedgerService;
    };
    const stop = async (service: LedgerService): Promise<void> => {
      brokers.splice(brokers.indexOf(service.broker), 1);
      await service.broker.stop();
    };
    const publish = (service: LedgerService, ...events: Envelope[]): Promise<void> =>
      runtimeOf(service.broker).bus.publish(events);
    const outbox = (service: LedgerService) => service.database.db.selectFrom("outbox").selectAll().orderBy("seq").execute();

    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());
    beforeEach(async () => {
      env = await world.environment("ledger");
      script = {};
    });
    afterEach(async () => {
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
    });

    test("has one effect, however often its event is delivered", async () => {
      const ledger = await start();
      const event = expired("o1");
      await publish(ledger, event);
      await eventually(async () => expect(await notes(ledger)).toEqual(["o1: heard"]));
      await expect(Promise.all(Array.from({ length: 10 }, () => deliver(ledger as never, event)))).resolves.toEqual(
        Array(10).fill("duplicate"),
      );
      expect(await notes(ledger)).toEqual(["o1: heard"]);
    });

    test("has one effect when copies of the event are handled at the same time", async () => {
      const ledger = await start();
      const event = expired("o1");
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => deliver(ledger as never, event)));
      expect(outcomes.filter((outcome) => outcome === "processed")).toHaveLength(1);
      expect(await notes(ledger)).toEqual(["o1: heard"]);
    });

    test("leaves nothing behind when it fails: no state, no event, no job", async () => {
      script.onExpired = async (work) => {
        work.emit("reservation.expired", "other", { orderId: "other" });
        await work.schedule({ id: "j1", kind: "remind", aggregateId: "o1", dueAt: 0 });
        throw new Refusal("NO", 409, "no");
      };
      const ledger = await start();
      await publish(ledger, expired("o1"));
      await eventually(async () => expect(await ledger.inbox.deadLetters({ limit: 10 })).toHaveLength(1));
      expect(await notes(ledger)).toEqual([]);
      expect(await outbox(ledger)).toEqual([]);
      expect(await ledger.database.db.selectFrom("job").selectAll().execute()).toEqual([]);
    });

    test("sends its events with its commit, and they reach their consumers with the request id of the cause", async () => {
      const heard: Envelope[] = [];
      script.onExpired = async (work, orderId) => {
        if (orderId === "cause") work.emit("reservation.expired", "effect", { orderId: "effect" });
      };
      const ledger = await start();
      const { inbox } = ledger;
      const process = inbox.process.bind(inbox);
      inbox.process = (envelope, handler) => {
        heard.push(envelope);
        return process(envelope, handler);
      };
      const cause = withCorrelation({ requestId: "req-7", traceparent: `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01` }, () =>
        expired("cause"),
      );
      await publish(ledger, cause);
      await eventually(async () => expect(await notes(ledger)).toEqual(["cause: heard", "effect: heard"]));
      expect(heard.map(({ aggregateId, requestId, traceparent }) => [aggregateId, requestId, traceparent])).toEqual([
        ["cause", "req-7", cause.traceparent],
        ["effect", "req-7", cause.traceparent],
      ]);
      await eventually(async () => expect((await outbox(ledger)).every((row) => row.published_at !== null)).toBe(true));
    });

    test("is tried again after a fault, and its attempts are counted", async () => {
      let faults = 2;
      script.onExpired = async () => {
        if (faults-- > 0) throw new Error("passing fault");
      };
      const ledger = await start();
      await publish(ledger, expired("o1"));
      await eventually(async () => expect(await notes(ledger)).toEqual(["o1: heard"]));
      const [row] = await ledger.database.db.selectFrom("inbox").selectAll().execute();
      expect(row).toMatchObject({ status: "processed", attempts: 3, error_message: "passing fault" });
    });

    test("becomes a dead letter when its attempts are used up, with the error and the event", async () => {
      script.onExpired = async () => {
        throw new Error("always");
      };
      const ledger = await start();
      const event = expired("o1");
      await publish(ledger, event);
      const [letter] = await eventually(async () => {
        const letters = await ledger.inbox.deadLetters({ limit: 10 });
        expect(letters).toHaveLength(1);
        return letters;
      });
      expect(letter).toMatchObject({ eventId: event.id, attempts: 3, code: "Error", message: "always", envelope: event });
      await eventually(async () =>
        expect(await runtimeOf(ledger.broker).bus.backlog({ service: "ledger", event: "reservation.expired" })).toBe(0),
      );
    });

    test("becomes a dead letter at once when the business refuses or the payload is not valid", async () => {
      script.onExpired = async () => {
        throw new Refusal("NOT_SO", 409, "not so");
      };
      const ledger = await start();
      const invalid = { ...expired("o2"), data: { orderId: 7 } as never };
      await publish(ledger, expired("o1"), invalid);
      await eventually(async () => {
        const letters = await ledger.inbox.deadLetters({ limit: 10 });
        expect(letters.map(({ code, attempts }) => `${code} ${attempts}`).sort()).toEqual(["NOT_SO 1", "VALIDATION_ERROR 1"]);
      });
    });

    test("becomes a dead letter also when its text or its error is not storable as it is", async () => {
      script.onExpired = async () => {
        throw new Refusal("NOT_SO", 409, "not\0so");
      };
      const ledger = await start();
      const data = { orderId: "o1", note: "nul \0, half a pair \ud83d, a whole one \u{1f600}, a backslash \\u0000" };
      await publish(ledger, { ...expired("o1"), data } as Envelope);
      await eventually(async () => {
        const [letter] = await ledger.inbox.deadLetters({ limit: 10 });
        expect(letter).toMatchObject({ code: "NOT_SO", message: "not\ufffdso" });
        expect(letter?.envelope.data).toEqual({
          orderId: "o1",
          note: "nul \ufffd, half a pair \ufffd, a whole one \u{1f600}, a backslash \\u0000",
        });
      });
    });

    test("leaves nothing behind when it sends an event that is too large for the bus, and holds up no other", async () => {
      const ledger = await start();
      const send = (orderId: string) =>
        ledger.transaction(async (work) => {
          await work.trx
            .insertInto("note")
            .values({ order_id: orderId.slice(0, 9), text: "sent" })
            .execute();
          work.emit("reservation.expired", "a", { orderId });
        });
      await expect(send("too large".repeat(200_000))).rejects.toThrow(/too many for an event/);
      await send("small");
      await eventually(async () => expect((await notes(ledger)).sort()).toEqual(["small: heard", "small: sent"]));
    });

    test("takes effect when its dead letter is delivered again, and never when it was discarded", async () => {
      let broken = true;
      script.onExpired = async () => {
        if (broken) throw new Refusal("NOT_SO", 409, "not so");
      };
      const ledger = await start();
      const [replayed, discarded] = [expired("o1"), expired("o2")];
      await publish(ledger, replayed, discarded);
      await eventually(async () => expect(await ledger.inbox.deadLetters({ limit: 10 })).toHaveLength(2));
      broken = false;
      await expect(ledger.inbox.discard(discarded.id)).resolves.toBe(true);
      await expect(deliver(ledger as never, replayed)).resolves.toBe("processed");
      await expect(deliver(ledger as never, discarded)).resolves.toBe("duplicate");
      expect(await notes(ledger)).toEqual(["o1: heard"]);
      expect(await ledger.inbox.deadLetters({ limit: 10 })).toEqual([]);
    });

    test("waits while the infrastructure fails: no attempt is counted, no dead letter made, one event probes", async () => {
      let down = true;
      const tried: string[] = [];
      script.onExpired = async (_, orderId) => {
        tried.push(orderId);
        if (down) throw new Unavailable("the test's callee");
      };
      const ledger = await start();
      const events = Array.from({ length: 40 }, (_, i) => expired(`o${String(i).padStart(2, "0")}`));
      await publish(ledger, ...events);
      // Sixteen are in hand when the gate shuts; afterwards only probes are tried.
      await eventually(() => expect(tried.length).toBeGreaterThan(18));
      const atOutage = await ledger.database.db.selectFrom("inbox").selectAll().execute();
      expect(atOutage).toEqual([]);
      expect(tried.length).toBeLessThan(30);
      down = false;
      await eventually(async () => expect(await notes(ledger)).toHaveLength(40));
      expect(await ledger.inbox.deadLetters({ limit: 10 })).toEqual([]);
    });

    test("gets what was sent while its service was not running", async () => {
      const first = await start();
      const { bus } = runtimeOf(first.broker);
      const event = expired("o1");
      // Committed, and the process is gone before the relay has run.
      await first.database.db
        .insertInto("outbox")
        .values({
          event_id: event.id,
          type: event.type,
          aggregate_id: "o1",
          envelope: JSON.stringify(event),
          created_at: event.occurredAt,
        })
        .execute();
      expect(bus).toBeDefined();
      await stop(first);
      const second = await start();
      await eventually(async () => expect(await notes(second)).toEqual(["o1: heard"]));
    });

    test("hears the events of one aggregate in the order in which they were committed", async () => {
      const ledger = await start();
      const published: string[] = [];
      const { bus } = runtimeOf(ledger.broker);
      const publishNow = bus.publish.bind(bus);
      bus.publish = async (envelopes) => {
        published.push(
          ...envelopes.map((envelope) => `${envelope.aggregateId}/${(envelope.data as { orderId: string }).orderId}`),
        );
        await publishNow(envelopes);
      };
      await Promise.all(
        ["a", "b", "c"].map(async (aggregate) => {
          for (let i = 0; i < 10; i++)
            await ledger.transaction(async (work) =>
              work.emit("reservation.expired", aggregate, { orderId: `${aggregate}${i}` }),
            );
        }),
      );
      await eventually(() => expect(published).toHaveLength(30));
      for (const aggregate of ["a", "b", "c"]) {
        const own = published.filter((entry) => entry.startsWith(aggregate));
        expect(own).toEqual(Array.from({ length: 10 }, (_, i) => `${aggregate}/${aggregate}${i}`));
      }
    });

    test("ignores a plain emit of the same name: the bus is the only way in", async () => {
      const ledger = await start();
      await ledger.broker.emit("reservation.expired", { orderId: "plain" });
      await publish(ledger, expired("durable"));
      await eventually(async () => expect(await notes(ledger)).toEqual(["durable: heard"]));
    });

    test("a job runs when its time has come, not before, and once", async () => {
      const ran: string[] = [];
      script.onJob = async (job) => {
        await job.complete(async () => {
          ran.push(job.id);
        });
      };
      const ledger = await start();
      await ledger.transaction(async (work) => {
        await work.schedule({ id: "now", kind: "remind", aggregateId: "o1", dueAt: clock.now() });
        await work.schedule({ id: "later", kind: "remind", aggregateId: "o1", dueAt: clock.now() + 3_600_000 });
        await work.schedule({ id: "never", kind: "remind", aggregateId: "o1", dueAt: clock.now() + 3_600_000 });
        await work.unschedule("never");
      });
      await eventually(() => expect(ran).toEqual(["now"]));
      clock.advance(3_600_000);
      await eventually(() => expect(ran).toEqual(["now", "later"]));
      await eventually(async () => expect(await ledger.database.db.selectFrom("job").selectAll().execute()).toEqual([]));
    });

    test("a job that fails is tried again until it is done, and keeps its last error meanwhile", async () => {
      let faults = 2;
      const attempts: number[] = [];
      script.onJob = async (job) => {
        attempts.push(job.attempt);
        if (faults-- > 0) throw new Error(`fault at attempt ${job.attempt}`);
        await job.complete(async () => {});
      };
      const ledger = await start();
      await ledger.transaction((work) => work.schedule({ id: "j", kind: "remind", aggregateId: "o1", dueAt: clock.now() }));
      await eventually(() => {
        // The job's backoff runs on the injected clock.
        clock.advance(100);
        expect(attempts).toEqual([1, 2, 3]);
      });
      await eventually(async () => expect(await ledger.database.db.selectFrom("job").selectAll().execute()).toEqual([]));
    });

    test("a job of a kind that only a newer program knows is left alone, and not looked for without a pause", async () => {
      const ledger = await start();
      const looks = jest.spyOn(clock, "now");
      const begun = performance.now();
      await ledger.transaction((work) => work.schedule({ id: "j", kind: "unknown", aggregateId: "o1", dueAt: clock.now() }));
      await eventually(() => expect(performance.now() - begun).toBeGreaterThan(500));
      expect(looks.mock.calls.length).toBeLessThan(20);
      looks.mockRestore();
      expect(await ledger.database.db.selectFrom("job").select("attempts").execute()).toEqual([{ attempts: 0 }]);
    });

    test("a job whose broker hangs is taken over when the lease is over, and completes once", async () => {
      const completed: number[] = [];
      const hanging: (() => void)[] = [];
      script.onJob = async (job) => {
        if (job.attempt === 1) await new Promise<void>((resolve) => hanging.push(resolve));
        await job.complete(async () => {
          completed.push(job.attempt);
        });
      };
      const ledger = await start();
      await ledger.transaction((work) => work.schedule({ id: "j", kind: "remind", aggregateId: "o1", dueAt: clock.now() }));
      await eventually(() => expect(hanging).toHaveLength(1));
      clock.advance(400);
      await eventually(() => expect(completed).toEqual([2]));
      hanging[0]?.();
      await stop(ledger);
      expect(completed).toEqual([2]);
    });

    test("a store that a newer program has migrated is refused by name", async () => {
      const ledger = await start();
      await ledger.database.db
        .insertInto("ledger_migration" as never)
        .values({ name: "0002_from_the_future", timestamp: "2030-01-01" } as never)
        .execute();
      await stop(ledger);
      await expect(start()).rejects.toThrow(/database of ledger has had migration 0002_from_the_future/);
    });

    if (name !== "embedded") {
      test("has one effect when two brokers of the service compete, and both take their share", async () => {
        const [one, two] = await Promise.all([start(), start()]);
        const events = Array.from({ length: 200 }, (_, i) => expired(`o${i}`));
        await publish(one, ...events);
        await eventually(async () => expect(await notes(one)).toHaveLength(200));
        expect(new Set(await notes(two)).size).toBe(200);
      });

      test("two relays send every event once and in order within its aggregate", async () => {
        const [one, two] = await Promise.all([start(), start()]);
        const published: string[] = [];
        for (const ledger of [one, two]) {
          const { bus } = runtimeOf(ledger.broker);
          const publishNow = bus.publish.bind(bus);
          bus.publish = async (envelopes) => {
            await publishNow(envelopes);
            published.push(...envelopes.map((envelope) => (envelope.data as { orderId: string }).orderId));
          };
        }
        await Promise.all(
          [one, two].map(async (ledger, index) => {
            for (let i = 0; i < 20; i++)
              await ledger.transaction(async (work) =>
                work.emit("reservation.expired", `a${index}`, { orderId: `a${index}-${i}` }),
              );
          }),
        );
        await eventually(() => expect(published).toHaveLength(40));
        for (const index of [0, 1]) {
          const own = published.filter((entry) => entry.startsWith(`a${index}`));
          expect(own).toEqual(Array.from({ length: 20 }, (_, i) => `a${index}-${i}`));
        }
      });

      test("brokers that start together migrate an empty database once", async () => {
        const ledgers = await Promise.all([start(), start(), start()]);
        const migrations = await ledgers[0]?.database.db
          .selectFrom("ledger_migration" as never)
          .selectAll()
          .execute();
        expect(migrations).toHaveLength(1);
      });

      test("goes on after its database was killed and started again", async () => {
        const ledger = await start();
        await publish(ledger, expired("before"));
        await eventually(async () => expect(await notes(ledger)).toEqual(["before: heard"]));
        await world.postgres?.kill();
        await publish(ledger, expired("meanwhile"));
        await world.postgres?.restart();
        await eventually(async () => expect(await notes(ledger)).toEqual(["before: heard", "meanwhile: heard"]), {
          withinMs: 20_000,
        });
        expect(await ledger.inbox.deadLetters({ limit: 10 })).toEqual([]);
      });
    }
  });
}
