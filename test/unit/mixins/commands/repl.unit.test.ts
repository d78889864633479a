import { describe, expect, test } from "@jest/globals";
import { customCommands } from "@molecart/mixins/commands/repl/custom-commands.ts";
import { DLQ_HELP, dlq } from "@molecart/mixins/commands/repl/dead-letters.ts";
import { REFUNDS_HELP, type RefundsArguments, refunds } from "@molecart/mixins/commands/repl/refunds.ts";
import { listStuckSagas, showSaga } from "@molecart/mixins/commands/repl/sagas.ts";
import { table } from "@molecart/mixins/commands/repl/table.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import { FINGERPRINT, letterOf, operatorsMesh, stepOf } from "../../../support/operators-mesh.ts";

const down = () => {
  throw new Unavailable("the database");
};

test("a table's columns are as wide as their widest value", () => {
  expect(
    table(
      ["id", "event"],
      [
        ["a-long-one", "x"],
        ["b", null],
      ],
    ),
  ).toBe("id          event\n----------  -----\na-long-one  x\nb");
});

describe("saga", () => {
  test("shows every step in the order of time, and who has not answered", async () => {
    const { call } = operatorsMesh({
      "orders.sagaSteps": () => ({
        steps: [stepOf("orders", "order.created", "2026-01-01T00:00:01.000Z", { direction: "out" })],
      }),
      "carts.sagaSteps": () => ({
        steps: [stepOf("carts", "order.created", "2026-01-01T00:00:02.000Z", { status: "dead", error: "It broke" })],
      }),
      "users.sagaSteps": down,
    });
    const lines = (await showSaga(call, "o1")).split("\n");
    expect(lines[2]).toMatch(/^2026-01-01T00:00:01.000Z {2}orders +out +order.created +processed/);
    expect(lines[3]).toMatch(/^2026-01-01T00:00:02.000Z {2}carts +in +order.created +dead .*It broke$/);
    expect(lines.at(-1)).toBe("No answer from users: what they know is not here.");
  });

  test("says so when nobody knows the order", async () => {
    expect(await showSaga(operatorsMesh({}).call, "o9")).toBe("Nobody knows anything of o9.");
  });
});

describe("sagas --stuck", () => {
  test("lists the orders, their status and since when", async () => {
    const item = { orderId: "o1", number: "M-1", status: "pending", since: "2026-01-01T00:00:00.000Z" };
    const { call, calls } = operatorsMesh({ "orders.listStuck": () => ({ items: [item], nextCursor: null }) });
    expect(await listStuckSagas(call, 30)).toContain("o1     M-1     pending  2026-01-01T00:00:00.000Z");
    expect(calls[0]?.params).toMatchObject({ olderThanMinutes: 30 });
  });
});

describe("dlq", () => {
  const processed = { eventId: "e1", outcome: "processed", code: null, message: null };

  test("lists letters and groups", async () => {
    const group = {
      fingerprint: FINGERPRINT,
      event: "order.created",
      code: "X",
      message: "x",
      count: 7,
      firstAt: "",
      lastAt: "",
    };
    const { call } = operatorsMesh({
      "orders.deadLetters": () => ({ items: [letterOf("e1")], nextCursor: null }),
      "orders.deadLetterGroups": () => ({ groups: [group] }),
    });
    expect(await dlq(call, { verb: "list" }, "me")).toContain("orders:e1  order.created");
    expect(await dlq(call, { verb: "groups" }, "me")).toMatch(new RegExp(`${FINGERPRINT} +7 +orders`));
  });

  test("shows a letter with its payload and its trail", async () => {
    const audit = [{ at: "2026-01-01", actor: "ada", action: "edited", reason: null, oldData: { a: 1 }, newData: { a: 2 } }];
    const detail = { ...letterOf("e1"), status: "dead", data: { orderId: "o1" }, parked: 2, audit };
    const { call } = operatorsMesh({ "orders.deadLetter": () => detail });
    const shown = await dlq(call, { verb: "show", target: "orders:e1" }, "me");
    expect(shown).toContain("waiting for it  2");
    expect(shown).toContain('"orderId": "o1"');
    expect(shown).toContain('edited by ada\n  from {"a":1}\n  to   {"a":2}');
  });

  test("replays one by its id and a group by its fingerprint, in the name of who sits at the prompt", async () => {
    const { call, calls } = operatorsMesh({
      "orders.replayDeadLetters": () => ({
        outcomes: [processed, { eventId: "e2", outcome: "dead", code: "X", message: "no" }],
        nextCursor: null,
      }),
    });
    expect(await dlq(call, { verb: "replay", target: "orders:e1" }, "me")).toBe("orders:e1 is processed");
    expect(calls).toEqual([{ name: "v1.orders.replayDeadLetters", params: { eventIds: ["e1"], actor: "me" } }]);
    expect(await dlq(call, { verb: "replay", target: FINGERPRINT }, "me")).toBe(
      "1 processed, 1 failed again\norders:e2 has failed again: X: no",
    );
  });

  test("edits with a payload as JSON, and says what is wrong with another", async () => {
    const { call, calls } = operatorsMesh({ "orders.editDeadLetter": () => processed });
    const edit = (json?: string) => async () => dlq(call, { verb: "edit", target: "orders:e1", json }, "me");
    expect(await edit('{"orderId":"o1"}')()).toBe("orders:e1 is processed");
    expect(calls[0]?.params).toEqual({ eventId: "e1", data: { orderId: "o1" }, actor: "me" });
    await expect(edit("{orderId:o1}")()).rejects.toThrow("not JSON");
    await expect(edit("[1]")()).rejects.toThrow("must be an object");
    await expect(edit()()).rejects.toThrow("needs the new payload");
  });

  test("discards only with a reason", async () => {
    const { call, calls } = operatorsMesh({ "orders.discardDeadLetters": () => ({ discarded: ["e1"], nextCursor: null }) });
    await expect((async () => dlq(call, { verb: "discard", target: "orders:e1" }, "me"))()).rejects.toThrow("--reason");
    expect(await dlq(call, { verb: "discard", target: "orders:e1", reason: "nonsense" }, "me")).toBe("orders:e1 is discarded");
    expect(await dlq(call, { verb: "discard", target: FINGERPRINT, reason: "nonsense" }, "me")).toBe("1 discarded");
    expect(calls[0]?.params).toEqual({ eventIds: ["e1"], actor: "me", reason: "nonsense" });
  });

  test("explains itself", async () => {
    const { call } = operatorsMesh({});
    expect(await dlq(call, { verb: undefined }, "me")).toBe(DLQ_HELP);
    await expect((async () => dlq(call, { verb: "eat" }, "me"))()).rejects.toThrow('There is no "dlq eat"');
  });
});

describe("refunds", () => {
  const refused = {
    id: "r1",
    orderId: "o1",
    paymentId: "p1",
    amount: { amount: 2_000, currency: "EUR" },
    reason: "goods_returned",
    status: "refused",
    createdAt: "2026-01-01T00:00:00.000Z",
    code: "card_closed",
    method: null,
    reference: null,
    steps: [{ at: "2026-01-01T00:00:01.000Z", action: "refused", actor: "payments", reason: "card_closed" }],
  };

  test("lists those that wait for an operator, with what was done last", async () => {
    const { call, calls } = operatorsMesh({ "payments.listRefusedRefunds": () => ({ items: [refused], nextCursor: "c2" }) });
    const shown = await refunds(call, { verb: "list" }, "me");
    expect(shown).toMatch(/r1 +o1 +20\.00 EUR +card_closed .*2026-01-01T00:00:01\.000Z refused by payments +goods_returned/);
    expect(shown).toContain("More: --cursor c2");
    expect(calls[0]?.params).toEqual({ status: "refused", limit: 20 });
  });

  test("retries and settles in the name of who sits at the prompt, and only with all that the books need", async () => {
    const { call, calls } = operatorsMesh({
      "payments.retryRefund": () => ({ ...refused, status: "pending" }),
      "payments.settleRefund": () => ({ ...refused, status: "settled" }),
    });
    const run = (args: Omit<RefundsArguments, "verb">, verb = "settle") => (async () => refunds(call, { verb, ...args }, "me"))();
    expect(await run({ target: "r1", reason: "new card" }, "retry")).toContain("r1 is pending");
    await expect(run({ target: "r1" }, "retry")).rejects.toThrow("needs a --reason");
    await expect(run({ target: "r1", method: "pigeon", reference: "1", reason: "x" })).rejects.toThrow("The method is one of");
    await expect(run({ target: "r1", method: "cash", reason: "x" })).rejects.toThrow("needs a --reference");
    expect(await run({ target: "r1", method: "cash", reference: "till 3", reason: "x" })).toBe(
      "r1 is settled: 20.00 EUR by cash, till 3",
    );
    expect(calls.map(({ params }) => params)).toEqual([
      { refundId: "r1", reason: "new card", actor: "me" },
      { refundId: "r1", method: "cash", reference: "till 3", reason: "x", actor: "me" },
    ]);
    expect(await run({}, "help")).toBe(REFUNDS_HELP);
    await expect(run({}, "eat")).rejects.toThrow('There is no "refunds eat"');
  });
});

test("a command at the prompt prints its answer, or what is wrong", async () => {
  const printed: string[] = [];
  const commands = customCommands((text) => printed.push(text), "me");
  const { call } = operatorsMesh({ "orders.listStuck": () => ({ items: [], nextCursor: null }) });
  const run = (name: string, args: object) =>
    commands.find(({ command }) => command.startsWith(name))?.action({ call } as never, { options: {}, ...args });
  await run("sagas", { options: { stuck: true, olderThan: "45" } });
  await run("dlq", { verb: "replay" });
  expect(printed[0]).toBe("No order has been on its way for more than 45 minutes.");
  expect(printed[1]).toContain("dlq replay needs an id or fingerprint.");
});
