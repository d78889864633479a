import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { brokerOptions } from "@molecart/mixins/broker-options.ts";
import { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { NotYet } from "@molecart/mixins/lib/errors.ts";
import type { DeadlineLocals } from "@molecart/mixins/middlewares/deadlines.ts";
import { type Context, ServiceBroker } from "moleculer";
import { waitFor } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type World, worlds } from "../support/worlds.ts";

jest.setTimeout(60_000);

type Ctx = Context<Record<string, unknown>, object, DeadlineLocals> & { options: { timeout: number } };
type Handler = (ctx: Ctx) => unknown;

/** What the two services do; each test says it. */
let outer: Handler;
let inner: Handler;

const service = (name: string, handler: () => Handler) => ({
  name,
  actions: {
    act: { handler: (ctx: Ctx) => handler()(ctx) },
    repeatable: { retryPolicy: { enabled: true }, handler: (ctx: Ctx) => handler()(ctx) },
  },
});

for (const { world: title, servers, open } of worlds) {
  const suite = servers.length === 0 ? describe : (name: string, body: () => void) => describeWith([...servers], name, body);
  suite(`A call's time, ${title}`, () => {
    let world: World;
    let brokers: ServiceBroker[];
    let caller: ServiceBroker;
    const hanging: (() => void)[] = [];
    /** Until the test is over. */
    const hang = () => new Promise<string>((resolve) => hanging.push(() => resolve("too late")));

    beforeAll(async () => {
      world = await open();
      const env = await world.environment();
      const isSpread = env.NATS_URL !== undefined;
      const names = isSpread ? ["caller", "outer", "inner"] : ["all"];
      brokers = names.map((name) => new ServiceBroker(brokerOptions({ ...env, NODE_ID: name })));
      caller = brokers[0] as ServiceBroker;
      (brokers[1] ?? caller).createService(service("outer", () => outer) as never);
      (brokers[2] ?? caller).createService(service("inner", () => inner) as never);
      await Promise.all(brokers.map((broker) => broker.start()));
      await Promise.all(brokers.map((broker) => broker.waitForServices(["outer", "inner"], 20_000)));
    });
    afterEach(() => {
      for (const end of hanging.splice(0)) end();
    });
    afterAll(async () => {
      await Promise.all(brokers.map((broker) => broker.stop()));
      await world.close();
    });

    test("a nested call gets what is left of its caller's, and a signal at its end", async () => {
      let seen: Deadline | undefined;
      let nestedTimeout = 0;
      outer = async (ctx) => {
        const deadline = ctx.locals.deadline as Deadline;
        await waitFor(() => deadline.remainingMs < 1_900, { everyMs: 5 });
        return ctx.call("inner.act");
      };
      inner = async (ctx) => {
        seen = ctx.locals.deadline;
        nestedTimeout = ctx.options.timeout;
        const { signal } = ctx.locals.deadline as Deadline;
        return signal.aborted;
      };
      await expect(caller.call("outer.act", {}, { deadline: Deadline.in(2_000) })).resolves.toBe(false);
      expect(nestedTimeout).toBeLessThan(1_900);
      expect(seen?.remainingMs).toBeLessThan(1_900);
    });

    test("whoever goes on after its deadline cannot begin anything in its name", async () => {
      let refused: unknown;
      let innerCalls = 0;
      let leave: () => void = () => {};
      const callerLeft = new Promise<void>((resolve) => {
        leave = resolve;
      });
      let isOver: () => void = () => {};
      const over = new Promise<void>((resolve) => {
        isOver = resolve;
      });
      outer = async (ctx) => {
        await callerLeft;
        // On another node it is later by the way of the call.
        await waitFor(() => (ctx.locals.deadline as Deadline).passed, { everyMs: 5 });
        refused = await ctx.call("inner.act").catch((error: unknown) => error);
        isOver();
      };
      inner = async () => {
        innerCalls += 1;
      };
      const call = caller.call("outer.act", {}, { deadline: Deadline.in(200) });
      await expect(call).rejects.toMatchObject({ type: "DEADLINE_EXCEEDED", code: 504, retryable: false });
      leave();
      await over;
      expect((refused as { type: string }).type).toMatch(/DEADLINE_EXCEEDED|REQUEST_SKIPPED/);
      expect(innerCalls).toBe(0);
    });

    test("a call whose time is over is refused before it is begun", async () => {
      let calls = 0;
      inner = async () => {
        calls += 1;
      };
      const call = caller.call("inner.repeatable", {}, { deadline: Deadline.in(-1) });
      await expect(call).rejects.toMatchObject({ type: "DEADLINE_EXCEEDED" });
      expect(calls).toBe(0);
    });

    test("repeats share their caller's time", async () => {
      const timeouts: number[] = [];
      inner = async (ctx) => {
        timeouts.push(ctx.options.timeout);
        if (timeouts.length < 3) throw new NotYet("BUSY", 409, "Not now");
        return hang();
      };
      const deadline = Deadline.in(1_000);
      await expect(caller.call("inner.repeatable", {}, { deadline })).rejects.toMatchObject({ type: "DEADLINE_EXCEEDED" });
      // It has waited for the third, and for no fourth.
      expect(timeouts).toHaveLength(3);
      expect(timeouts.toSorted((a, b) => b - a)).toEqual(timeouts);
      expect(timeouts[2]).toBeLessThan(1_000);
      expect(deadline.remainingMs).toBeLessThanOrEqual(5);
    });

    test("an attempt of one that has all the time takes the usual, and a repeat the same again", async () => {
      const timeouts: number[] = [];
      inner = async (ctx) => {
        timeouts.push(ctx.options.timeout);
        if (timeouts.length < 2) throw new NotYet("BUSY", 409, "Not now");
        return "done";
      };
      await expect(caller.call("inner.repeatable")).resolves.toBe("done");
      // Over NATS less the moment of the way.
      expect(timeouts.map((timeout) => Math.round(timeout / 1_000))).toEqual([5, 5]);
    });

    test("callers in a hurry open no circuit", async () => {
      inner = hang;
      const hurried = Array.from({ length: 40 }, () => caller.call("inner.act", {}, { deadline: Deadline.in(20) }));
      const outcomes = await Promise.allSettled(hurried);
      expect(outcomes.every(({ status }) => status === "rejected")).toBe(true);
      inner = async () => "well";
      await expect(caller.call("inner.act")).resolves.toBe("well");
    });
  });
}
