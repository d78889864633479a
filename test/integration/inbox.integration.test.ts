import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { withCorrelation } from "@molecart/mixins/lib/correlation.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import { type Desk, type InboxKind, inboxKinds } from "../support/inboxes.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { removeDataDirs } from "../support/worlds.ts";

jest.setTimeout(60_000);

const TRACE = "ab".repeat(16);
const event = (aggregateId: string): Envelope =>
  withCorrelation({ requestId: "req-1", traceparent: `00-${TRACE}-${"cd".repeat(8)}-01` }, () =>
    newEnvelope("reservation.expired", aggregateId, { orderId: aggregateId }, "2026-01-01T00:00:00.000Z"),
  ) as Envelope;
const events = (aggregateId: string, count: number): Envelope[] => Array.from({ length: count }, () => event(aggregateId));
const idsOf = (envelopes: readonly Envelope[]): string[] => envelopes.map(({ id }) => id);
const BROKEN = { code: "BROKEN", message: "It broke" };
const BY = { actor: "ada", reason: "sent by mistake" };

afterAll(() => removeDataDirs());

for (const { kind, servers, open } of inboxKinds) {
  describeWith([...servers], `The inbox on ${kind}`, () => {
    let store: InboxKind;
    let openDesk: () => Promise<Desk>;
    let desk: Desk;
    const opened = new Set<Desk>();
    const clock = new ManualClock();

    const another = async (): Promise<Desk> => {
      const one = await openDesk();
      opened.add(one);
      return one;
    };
    const reopen = async (): Promise<Desk> => {
      opened.delete(desk);
      await desk.close();
      desk = await another();
      return desk;
    };
    const bury = async (envelope: Envelope, failure = BROKEN): Promise<Envelope> => {
      await desk.inbox.bury(envelope, failure);
      return envelope;
    };
    /** As the releaser does, without its waits. */
    const releaseAll = async (at = desk): Promise<void> => {
      for (let round = await at.inbox.releasable(10); round.length > 0; round = await at.inbox.releasable(10))
        for (const envelope of round) await at.handle(envelope, "release");
    };

    beforeAll(async () => {
      store = await open();
    });
    afterAll(() => store.close());
    beforeEach(async () => {
      openDesk = await store.newStore(clock);
      desk = await another();
    });
    afterEach(async () => {
      await Promise.all([...opened].map((one) => one.close()));
      opened.clear();
    });

    test("parks later events of an aggregate behind its dead letter; those of others flow", async () => {
      await bury(event("o1"));
      const [later, other] = [event("o1"), event("o2")];
      expect(await desk.handle(later)).toBe("parked");
      expect(await desk.handle(other)).toBe("processed");
      expect(await desk.effects()).toEqual([other.id]);
      expect(await desk.inbox.releasable(10)).toEqual([]);
      expect(await desk.inbox.deadLetters({ limit: 10 })).toHaveLength(1);
    });

    test("runs parked events in the order of their arrival once the dead letter is replayed", async () => {
      const dead = await bury(event("o1"));
      const later = events("o1", 4).toReversed();
      for (const envelope of later) expect(await desk.handle(envelope)).toBe("parked");
      expect(await desk.handle(dead, "replay")).toBe("processed");
      // Those who come while others still wait go to the end.
      const last = event("o1");
      expect(await desk.handle(last)).toBe("parked");
      await releaseAll();
      expect(await desk.effects()).toEqual(idsOf([dead, ...later, last]));
      const next = event("o1");
      expect(await desk.handle(next)).toBe("processed");
    });

    test("runs them once it is discarded", async () => {
      const dead = await bury(event("o1"));
      const later = events("o1", 2);
      for (const envelope of later) await desk.handle(envelope);
      expect(await desk.inbox.discard(dead.id, BY)).toBe(true);
      await releaseAll();
      expect(await desk.effects()).toEqual(idsOf(later));
    });

    test("waits for all dead letters of the aggregate", async () => {
      const [first, second] = [await bury(event("o1")), await bury(event("o1"))];
      const later = event("o1");
      await desk.handle(later);
      await desk.inbox.discard(first.id, BY);
      expect(await desk.inbox.releasable(10)).toEqual([]);
      expect(await desk.handle(later, "release")).toBe("duplicate");
      await desk.inbox.discard(second.id, BY);
      await releaseAll();
      expect(await desk.effects()).toEqual([later.id]);
    });

    test("keeps parked events over a restart, and takes a copy from the bus as one that it has", async () => {
      const dead = await bury(event("o1"));
      const later = events("o1", 2);
      for (const envelope of later) await desk.handle(envelope);
      await reopen();
      expect(await desk.handle(later[0] as Envelope)).toBe("duplicate");
      await desk.inbox.discard(dead.id, BY);
      expect(await desk.inbox.releasable(10)).toEqual([later[0]]);
      await releaseAll();
      expect(await desk.effects()).toEqual(idsOf(later));
      expect(await desk.handle(later[1] as Envelope)).toBe("duplicate");
      expect(await desk.handle(later[1] as Envelope, "release")).toBe("duplicate");
    });

    test("does not release an event before its turn, unless an operator wants it", async () => {
      const dead = await bury(event("o1"));
      const [second, third] = events("o1", 2) as [Envelope, Envelope];
      await desk.handle(second);
      await desk.handle(third);
      await desk.inbox.discard(dead.id, BY);
      expect(await desk.handle(third, "release")).toBe("duplicate");
      expect(await desk.inbox.beginReplay(third.id, "ada")).toEqual(third);
      expect(await desk.handle(third, "replay")).toBe("processed");
      await releaseAll();
      expect(await desk.effects()).toEqual(idsOf([third, second]));
    });

    test("counts a parked event's failures while it stays parked; as a dead letter it holds up the rest", async () => {
      const dead = await bury(event("o1"));
      const [second, third] = events("o1", 2) as [Envelope, Envelope];
      await desk.handle(second);
      await desk.handle(third);
      await desk.inbox.discard(dead.id, BY);
      await expect(desk.handle(second, "release", () => new Error("no"))).rejects.toThrow("no");
      expect(await desk.inbox.fail(second, BROKEN)).toBe(1);
      expect(await desk.inbox.releasable(10)).toEqual([second]);
      expect(await desk.inbox.fail(second, BROKEN)).toBe(2);
      await desk.inbox.bury(second, BROKEN);
      expect(await desk.inbox.releasable(10)).toEqual([]);
      expect(await desk.inbox.deadLetter(second.id)).toMatchObject({ attempts: 2 });
      expect(await desk.handle(second, "replay")).toBe("processed");
      await releaseAll();
      expect(await desk.effects()).toEqual(idsOf([second, third]));
    });

    test("does not hold up the retry of an event that came before the dead letter", async () => {
      const early = event("o1");
      await desk.inbox.fail(early, BROKEN);
      await bury(event("o1"));
      expect(await desk.handle(early)).toBe("processed");
    });

    test("releases an event once, however many try at the same time", async () => {
      const dead = await bury(event("o1"));
      const later = event("o1");
      await desk.handle(later);
      await desk.inbox.discard(dead.id, BY);
      const desks = store.shared ? [desk, await another(), await another()] : [desk];
      await Promise.all(desks.flatMap((one) => Array.from({ length: 5 }, () => one.handle(later, "release"))));
      expect(await desk.effects()).toEqual([later.id]);
    });

    test("loses nothing and doubles nothing while events come, die, park and run at the same time", async () => {
      const desks = store.shared ? [desk, await another()] : [desk];
      const all = Array.from({ length: 60 }, (_, index) => event(`o${index % 3}`));
      const poisoned = new Set(all.filter((_, index) => index % 7 === 3).map(({ id }) => id));
      const take = async (envelope: Envelope, at: Desk): Promise<void> => {
        if (poisoned.has(envelope.id)) await at.inbox.bury(envelope, BROKEN);
        else await at.handle(envelope);
      };
      // Each arrives twice, here and at the other broker.
      await Promise.all(all.flatMap((envelope, i) => [0, 1].map((n) => take(envelope, desks[(i + n) % desks.length] as Desk))));
      const replayed = [...poisoned].filter((_, index) => index % 2 === 0);
      await Promise.all(
        [...poisoned].map(async (id) => {
          const at = desks[Math.floor(Math.random() * desks.length)] as Desk;
          const envelope = all.find((one) => one.id === id) as Envelope;
          if (replayed.includes(id)) await at.handle(envelope, "replay");
          else await at.inbox.discard(id, BY);
          await releaseAll(at);
        }),
      );
      await Promise.all(desks.map(releaseAll));
      const expected = all.filter(({ id }) => !poisoned.has(id) || replayed.includes(id));
      expect((await desk.effects()).toSorted()).toEqual(idsOf(expected).toSorted());
      expect(await desk.inbox.deadLetters({ limit: 10 })).toEqual([]);
    });

    if (kind === "PostgreSQL" || kind === "Redis")
      test("parks also what arrives at another broker", async () => {
        const other = await another();
        await bury(event("o1"));
        const later = event("o1");
        expect(await other.handle(later)).toBe("parked");
        expect(await desk.handle(later)).toBe("duplicate");
      });

    test("groups dead letters by what has gone wrong, and finds a group's page by page", async () => {
      const alike = [
        await bury(event("o1"), { code: "BROKEN", message: "Stock of SKU-1 is 3" }),
        await bury(event("o2"), { code: "BROKEN", message: "Stock of SKU-77 is 15" }),
        await bury(event("o3"), { code: "BROKEN", message: "Stock of SKU-8 is 0" }),
      ];
      clock.advance(1_000);
      await bury(event("o4"), { code: "BROKEN", message: "Something else" });
      const groups = (await desk.inbox.deadLetterGroups()).toSorted((a, b) => b.count - a.count);
      expect(groups.map(({ type, code, count }) => [type, code, count])).toEqual([
        ["reservation.expired", "BROKEN", 3],
        ["reservation.expired", "BROKEN", 1],
      ]);
      const [{ fingerprint, firstAt, lastAt }] = groups as [(typeof groups)[0]];
      expect(fingerprint).toMatch(/^[0-9a-f]{16}$/);
      expect(firstAt <= lastAt).toBe(true);
      const first = await desk.inbox.deadLetters({ limit: 2, fingerprint });
      const second = await desk.inbox.deadLetters({ limit: 2, fingerprint, after: first[1]?.eventId });
      expect([...first, ...second].map(({ eventId }) => eventId)).toEqual(idsOf(alike));
    });

    test("keeps who has done what to a dead letter, also when it is settled", async () => {
      const dead = await bury(event("o1"));
      await desk.handle(event("o1"));
      expect(await desk.inbox.record(dead.id)).toMatchObject({ status: "dead", parked: 1, audit: [], envelope: dead });
      expect(await desk.inbox.beginReplay(dead.id, "ada")).toEqual(dead);
      await desk.inbox.bury(dead, { code: "WORSE", message: "It is worse" }, true);
      expect(await desk.inbox.record(dead.id)).toMatchObject({ status: "dead", code: "WORSE", attempts: 2 });
      expect(await desk.inbox.edit(dead.id, { orderId: "o9" } as never, "grace")).toBe(true);
      expect(await desk.inbox.deadLetter(dead.id)).toMatchObject({ envelope: { ...dead, data: { orderId: "o9" } } });
      await reopen();
      expect(await desk.handle(dead, "replay")).toBe("processed");
      expect(await desk.inbox.record(dead.id)).toMatchObject({
        status: "processed",
        envelope: null,
        audit: [
          { actor: "ada", action: "replayed", reason: null, oldData: null, newData: null },
          { actor: "grace", action: "edited", oldData: { orderId: "o1" }, newData: { orderId: "o9" } },
        ],
      });
      expect(await desk.inbox.edit(dead.id, { orderId: "o1" } as never, "ada")).toBe(false);
      expect(await desk.inbox.beginReplay(dead.id, "ada")).toBeUndefined();
    });

    test("keeps why a dead letter was discarded, and its payload", async () => {
      const dead = await bury(event("o1"));
      expect(await desk.inbox.discard(dead.id, BY)).toBe(true);
      expect(await desk.inbox.record(dead.id)).toMatchObject({
        status: "discarded",
        envelope: dead,
        audit: [{ ...BY, action: "discarded", at: expect.stringMatching(/Z$/) }],
      });
      expect(await desk.inbox.record(event("o2").id)).toBeUndefined();
    });

    test("tells every step that it knows of an aggregate", async () => {
      const [done, dead, parked] = events("o1", 3) as [Envelope, Envelope, Envelope];
      await desk.handle(done);
      await bury(dead);
      await desk.handle(parked);
      await desk.handle(event("o2"));
      const common = { event: "reservation.expired", direction: "in", requestId: "req-1", traceId: TRACE };
      const steps = await desk.inbox.steps("o1");
      expect(steps).toHaveLength(3);
      expect(steps).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ ...common, eventId: done.id, status: "processed", attempts: 1, error: null }),
          expect.objectContaining({ ...common, eventId: dead.id, status: "dead", attempts: 1, error: "It broke" }),
          expect.objectContaining({ ...common, eventId: parked.id, status: "parked", attempts: 0, error: null }),
        ]),
      );
    });
  });
}
