import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import type { Params, Result } from "@molecart/mixins/contracts/contract.ts";
import type { operations } from "@molecart/mixins/contracts/operations.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { Refusal, Unavailable } from "@molecart/mixins/lib/errors.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import { sql } from "kysely";
import { ServiceBroker } from "moleculer";
import { eventually } from "../support/eventually.ts";
import { type LedgerScript, type LedgerService, ledgerService, notes } from "../support/ledger/ledger.service.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type World, worlds } from "../support/worlds.ts";

jest.setTimeout(60_000);

const CONSUMER = { service: "ledger", event: "reservation.expired" } as const;

/** `orderId` is what the ledger notes; the aggregate is what events wait for. */
const expired = (aggregateId: string, orderId = aggregateId): Envelope =>
  newEnvelope("reservation.expired", aggregateId, { orderId }, "2026-01-01T00:00:00.000Z") as Envelope;

for (const { world: name, servers, open } of worlds) {
  describeWith([...servers], `Operations, ${name}`, () => {
    let world: World;
    let env: Record<string, string>;
    let script: LedgerScript;
    /** Orders whose events the handler refuses. */
    let refused: Set<string>;
    const brokers: ServiceBroker[] = [];
    const clock = new ManualClock();

    const start = async (): Promise<LedgerService> => {
      const broker = new ServiceBroker(brokerOptions({ ...env, NODE_ID: `node-${brokers.length}-${Date.now()}` }, clock));
      broker.createService(ledgerService(script));
      brokers.push(broker);
      await broker.start();
      return broker.getLocalService("v1.ledger") as unknown as LedgerService;
    };
    const publish = (service: LedgerService, ...sent: Envelope[]): Promise<void> => runtimeOf(service.broker).bus.publish(sent);
    const ask = <K extends keyof typeof operations>(
      service: LedgerService,
      action: K,
      params: Params<(typeof operations)[K]>,
    ): Promise<Result<(typeof operations)[K]>> => service.broker.call(`v1.ledger.${action}`, params as object) as never;
    const statusOf = async (service: LedgerService, { id }: Envelope): Promise<string | undefined> =>
      (await service.database.db.selectFrom("inbox").select("status").where("event_id", "=", id).executeTakeFirst())?.status;
    const become = (service: LedgerService, envelope: Envelope, status: string): Promise<void> =>
      eventually(async () => expect(await statusOf(service, envelope)).toBe(status));

    beforeAll(async () => {
      world = await open();
    });
    afterAll(() => world.close());
    beforeEach(async () => {
      env = await world.environment("ledger");
      refused = new Set();
      script = {
        onExpired: async (_, orderId) => {
          if (refused.has(orderId)) throw new Refusal("NOT_SO", 409, `not so: ${orderId}`);
        },
      };
    });
    afterEach(async () => {
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
    });

    test("later events wait for a dead letter, also over a restart, and run in order when it is replayed", async () => {
      refused.add("bad");
      let ledger = await start();
      const dead = expired("o1", "bad");
      await publish(ledger, dead);
      await become(ledger, dead, "dead");
      const later = [expired("o1", "b"), expired("o1", "a"), expired("o1", "c")];
      for (const envelope of later) {
        await publish(ledger, envelope);
        await become(ledger, envelope, "parked");
      }
      await publish(ledger, expired("o2"));
      await eventually(async () => expect(await notes(ledger)).toEqual(["o2: heard"]));
      // Stored, and acknowledged.
      await eventually(async () => expect(await runtimeOf(ledger.broker).bus.backlog(CONSUMER)).toBe(0));
      await Promise.all(brokers.splice(0).map((broker) => broker.stop()));

      const ran: string[] = [];
      script.onExpired = async (_, orderId) => void ran.push(orderId);
      ledger = await start();
      expect((await ask(ledger, "deadLetter", { eventId: dead.id })).parked).toBe(3);
      const { outcomes } = await ask(ledger, "replayDeadLetters", { eventIds: [dead.id], actor: "ada" });
      expect(outcomes).toEqual([{ eventId: dead.id, outcome: "processed", code: null, message: null }]);
      await eventually(() => expect(ran).toEqual(["bad", "b", "a", "c"]));
      await become(ledger, later[2] as Envelope, "processed");
      expect(await notes(ledger)).toHaveLength(5);
    });

    test("a parked event that fails is tried again, then is a dead letter itself, and the later ones go on waiting", async () => {
      refused.add("bad");
      const tries: string[] = [];
      script.onExpired = async (_, orderId) => {
        if (refused.has(orderId)) throw new Refusal("NOT_SO", 409, "not so");
        tries.push(orderId);
        if (orderId === "weak") throw new Error("weak");
      };
      const ledger = await start();
      const [dead, weak, last] = [expired("o1", "bad"), expired("o1", "weak"), expired("o1", "last")];
      for (const [envelope, status] of [
        [dead, "dead"],
        [weak, "parked"],
        [last, "parked"],
      ] as const) {
        await publish(ledger, envelope);
        await become(ledger, envelope, status);
      }
      await ask(ledger, "discardDeadLetters", { eventIds: [dead.id], actor: "ada", reason: "nonsense" });
      await become(ledger, weak, "dead");
      expect(tries).toEqual(["weak", "weak", "weak"]);
      expect(await statusOf(ledger, last)).toBe("parked");
      await ask(ledger, "discardDeadLetters", { eventIds: [weak.id], actor: "ada", reason: "nonsense" });
      await become(ledger, last, "processed");
      expect(await notes(ledger)).toEqual(["last: heard"]);
    });

    test("a group is replayed at once; what fails again stays, with its new error and one more attempt", async () => {
      for (const orderId of ["o1", "o2", "o3"]) refused.add(orderId);
      const ledger = await start();
      const sent = [expired("o1"), expired("o2"), expired("o3")];
      await publish(ledger, ...sent);
      for (const envelope of sent) await become(ledger, envelope, "dead");
      const { groups } = await ask(ledger, "deadLetterGroups", {});
      expect(groups).toMatchObject([{ event: "reservation.expired", code: "NOT_SO", count: 3 }]);
      const { fingerprint } = groups[0] as (typeof groups)[0];
      refused = new Set(["o2"]);
      const { outcomes, nextCursor } = await ask(ledger, "replayDeadLetters", { fingerprint, actor: "ada" });
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(["processed", "dead", "processed"]);
      expect(nextCursor).toBeNull();
      expect(await notes(ledger)).toEqual(["o1: heard", "o3: heard"]);
      const { items } = await ask(ledger, "deadLetters", { limit: 10 });
      expect(items).toMatchObject([{ eventId: sent[1]?.id, attempts: 2, code: "NOT_SO", message: "not so: o2" }]);
    });

    test("a payload is edited only into one that the event's schema allows, and the trail says from what to what", async () => {
      const ledger = await start();
      const dead = { ...expired("o1"), data: { orderId: 7 } as never };
      await publish(ledger, dead);
      await become(ledger, dead, "dead");
      await expect(
        ask(ledger, "editDeadLetter", { eventId: dead.id, data: { orderId: true }, actor: "ada" }),
      ).rejects.toMatchObject({ type: "VALIDATION_ERROR", data: [{ field: "orderId" }] });
      expect((await ask(ledger, "deadLetter", { eventId: dead.id })).audit).toEqual([]);
      await expect(
        ask(ledger, "editDeadLetter", { eventId: dead.id, data: { orderId: "o1" }, actor: "ada" }),
      ).resolves.toMatchObject({ outcome: "processed" });
      expect(await notes(ledger)).toEqual(["o1: heard"]);
      expect(await ask(ledger, "deadLetter", { eventId: dead.id })).toMatchObject({
        status: "processed",
        data: null,
        audit: [
          { actor: "ada", action: "edited", oldData: { orderId: 7 }, newData: { orderId: "o1" } },
          { actor: "ada", action: "replayed" },
        ],
      });
      await expect(
        ask(ledger, "editDeadLetter", { eventId: dead.id, data: { orderId: "o1" }, actor: "ada" }),
      ).rejects.toMatchObject({ type: "DEAD_LETTER_NOT_FOUND" });
    });

    test("a replay during an outage leaves the dead letter as it is", async () => {
      refused.add("o1");
      const ledger = await start();
      const dead = expired("o1");
      await publish(ledger, dead);
      await become(ledger, dead, "dead");
      script.onExpired = async () => {
        throw new Unavailable("the test's callee");
      };
      await expect(ask(ledger, "replayDeadLetters", { eventIds: [dead.id], actor: "ada" })).rejects.toMatchObject({
        type: "UNAVAILABLE",
      });
      expect(await ask(ledger, "deadLetter", { eventId: dead.id })).toMatchObject({
        status: "dead",
        attempts: 1,
        code: "NOT_SO",
      });
    });

    test("dead letters are chosen by ids or by one fingerprint, never by both or neither", async () => {
      const ledger = await start();
      const both = { eventIds: ["x"], fingerprint: "0123456789abcdef", actor: "ada" };
      await expect(ask(ledger, "replayDeadLetters", both)).rejects.toMatchObject({ type: "SELECTION_REQUIRED" });
      await expect(ask(ledger, "replayDeadLetters", { actor: "ada" })).rejects.toMatchObject({ type: "SELECTION_REQUIRED" });
    });

    test("an aggregate's steps are what came in, what went out, and the jobs that wait", async () => {
      script.onExpired = async (work, orderId) => {
        if (orderId !== "cause") return;
        work.emit("reservation.expired", "cause", { orderId: "effect" });
        await work.schedule({ id: "j1", kind: "later", aggregateId: "cause", dueAt: clock.now() + 60_000 });
      };
      const ledger = await start();
      await publish(ledger, expired("cause"));
      await eventually(async () => {
        const { steps } = await ask(ledger, "sagaSteps", { aggregateId: "cause" });
        const seen = steps.map(({ service, direction, event, status }) => `${service} ${direction} ${event} ${status}`);
        expect(seen.toSorted()).toEqual([
          "ledger in reservation.expired processed",
          "ledger in reservation.expired processed",
          "ledger job later waiting",
          "ledger out reservation.expired published",
        ]);
        expect(new Set(steps.map(({ traceId }) => traceId)).size).toBe(1);
      });
    });

    test("a dead letter that cannot be written keeps its event on the bus until it can", async () => {
      let tries = 0;
      script.onExpired = async () => {
        tries += 1;
        throw new Refusal("NOT_SO", 409, "not so");
      };
      const ledger = await start();
      const { bus } = runtimeOf(ledger.broker);
      const { db, kind } = ledger.database;
      // There is room for the note of a processed event, and none for a dead letter with its payload.
      const fill =
        kind === "postgres"
          ? [
              `create function refuse() returns trigger language plpgsql as $$ begin raise exception using errcode = 'disk_full'; end $$`,
              "create trigger full_disk before insert on inbox for each row when (new.status = 'dead') execute function refuse()",
            ]
          : ["pragma max_page_count = 1"];
      const makeRoom = kind === "postgres" ? "drop trigger full_disk on inbox" : "pragma max_page_count = 1000000";
      for (const statement of fill) await sql.raw(statement).execute(db);
      const dead = { ...expired("o1"), data: { orderId: "o1", note: "x".repeat(200_000) } as never };
      await publish(ledger, dead);
      await eventually(() => expect(tries).toBeGreaterThanOrEqual(4));
      expect(await statusOf(ledger, dead)).toBeUndefined();
      expect(await bus.backlog(CONSUMER)).toBe(1);
      await sql.raw(makeRoom).execute(db);
      await become(ledger, dead, "dead");
      await eventually(async () => expect(await bus.backlog(CONSUMER)).toBe(0));
      expect((await ask(ledger, "deadLetter", { eventId: dead.id })).attempts).toBe(1);
    });

    if (name !== "embedded")
      test("events wait also at the other broker, and the other broker's operator releases them", async () => {
        refused.add("bad");
        const [one, two] = [await start(), await start()];
        const dead = expired("o1", "bad");
        await publish(one, dead);
        await become(one, dead, "dead");
        const later = Array.from({ length: 20 }, (_, index) => expired("o1", `later-${String(index).padStart(2, "0")}`));
        await publish(one, ...later);
        for (const envelope of later) await become(one, envelope, "parked");
        refused.clear();
        await ask(two, "replayDeadLetters", { eventIds: [dead.id], actor: "ada" });
        for (const envelope of later) await become(two, envelope, "processed");
        expect(await notes(one)).toHaveLength(21);
      });
  });
}
