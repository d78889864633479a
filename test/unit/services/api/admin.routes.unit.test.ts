import { describe, expect, test } from "@jest/globals";
import { encodeCursor } from "@molecart/mixins/lib/cursor.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import { routeChecks } from "../../../../services/api/request-validation.ts";
import type { AnyRequest, Desk } from "../../../../services/api/route.ts";
import { adminRoutes } from "../../../../services/api/routes/admin.routes.ts";
import { FINGERPRINT, letterOf, operatorsMesh, stepOf } from "../../../support/operators-mesh.ts";

const checks = routeChecks(adminRoutes);
const staff = { userId: "ada", email: "ada@example.com", name: "Ada", roles: ["staff" as const] };

interface Asked {
  path?: Record<string, string>;
  query?: Record<string, unknown>;
  body?: unknown;
}

/** Asks as the gateway does, from the validation on. */
const ask = async (name: string, { path = {}, query = {}, body = {} }: Asked, answers: Parameters<typeof operatorsMesh>[0]) => {
  const route = adminRoutes.find((one) => `${one.method} ${one.path}` === name);
  if (route === undefined) throw new Error(`no route ${name}`);
  const check = checks.get(route);
  check?.path(path);
  check?.query(query);
  if (route.method !== "GET") check?.body(body);
  const mesh = operatorsMesh(answers);
  const desk: Desk = {
    call: mesh.call,
    remainingMs: () => 10_000,
    reportPart: () => {},
    checkHealth: () => Promise.reject(new Error("not asked")),
  };
  const request: AnyRequest = {
    path,
    query,
    body,
    caller: staff,
    address: "192.0.2.1",
    cartId: undefined,
    idempotencyKey: undefined,
  };
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into answers of every shape
  return { answer: (await route.answer(desk, request)) as any, calls: mesh.calls };
};
const down = () => {
  throw new Unavailable("the database");
};

describe("a saga", () => {
  test("is told over all services in the order of time, and names those that do not answer", async () => {
    const { answer } = await ask(
      "GET /api/v1/admin/sagas/{id}",
      { path: { id: "o1" } },
      {
        "inventory.sagaSteps": () => ({ steps: [stepOf("inventory", "order.created", "2026-01-01T00:00:02.000Z")] }),
        "orders.sagaSteps": () => ({
          steps: [
            stepOf("orders", "payment-due", "2026-01-01T00:15:00.000Z", { direction: "job" }),
            stepOf("orders", "order.created", "2026-01-01T00:00:01.000Z", { direction: "out" }),
          ],
        }),
        "payments.sagaSteps": down,
      },
    );
    expect(answer.steps.map(({ service, event }: { service: string; event: string }) => `${service} ${event}`)).toEqual([
      "orders order.created",
      "inventory order.created",
      "orders payment-due",
    ]);
    expect(answer).toMatchObject({ orderId: "o1", degraded: ["payments"] });
  });

  test("of which nobody knows anything is not there; while a service is silent, it may be", async () => {
    const path = { id: "o9" };
    await expect(ask("GET /api/v1/admin/sagas/{id}", { path }, {})).rejects.toMatchObject({ type: "NOT_FOUND" });
    const { answer } = await ask("GET /api/v1/admin/sagas/{id}", { path }, { "orders.sagaSteps": down });
    expect(answer).toEqual({ orderId: "o9", steps: [], degraded: ["orders"] });
  });

  test("is listed when it is stuck: for longer than a quarter of an hour, unless told otherwise", async () => {
    const stuck = { items: [], nextCursor: null };
    const answers = { "orders.listStuck": () => stuck };
    const name = "GET /api/v1/admin/sagas";
    const first = await ask(name, { query: { stuck: "true" } }, answers);
    expect(first.answer).toBe(stuck);
    expect(first.calls[0]?.params).toEqual({ olderThanMinutes: 15, limit: 20 });
    const second = await ask(name, { query: { stuck: "true", olderThanMinutes: "60" } }, answers);
    expect(second.calls[0]?.params).toMatchObject({ olderThanMinutes: 60 });
    await expect(ask(name, {}, answers)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
  });
});

describe("dead letters", () => {
  const LIST = "GET /api/v1/admin/dead-letters";

  test("of all services are one list, oldest event first, and an event that is dead in two services is on one page", async () => {
    const answers = {
      "inventory.deadLetters": () => ({ items: [letterOf("e1"), letterOf("e2"), letterOf("e4")], nextCursor: null }),
      "orders.deadLetters": () => ({ items: [letterOf("e2"), letterOf("e3")], nextCursor: "x" }),
      "payments.deadLetters": down,
    };
    const { answer, calls } = await ask(LIST, { query: { limit: "2" } }, answers);
    expect(answer.items.map(({ id }: { id: string }) => id)).toEqual(["inventory:e1", "inventory:e2", "orders:e2"]);
    expect(answer).toMatchObject({ nextCursor: encodeCursor("e2"), degraded: ["payments"] });
    expect(answer.items[0]).toEqual({ id: "inventory:e1", service: "inventory", ...letterOf("e1") });
    expect(calls).toHaveLength(8);
    expect(calls[0]?.params).toEqual({ limit: 2 });
  });

  test("of one service or group are asked for alone, and the last page says so", async () => {
    const answers = { "orders.deadLetters": () => ({ items: [letterOf("e1")], nextCursor: null }) };
    const query = { service: "orders", fingerprint: FINGERPRINT, cursor: encodeCursor("e0") };
    const { answer, calls } = await ask(LIST, { query }, answers);
    expect(calls).toEqual([
      { name: "v1.orders.deadLetters", params: { limit: 20, fingerprint: FINGERPRINT, cursor: encodeCursor("e0") } },
    ]);
    expect(answer.nextCursor).toBeNull();
    await expect(ask(LIST, { query: { cursor: "nonsense" } }, answers)).rejects.toMatchObject({ type: "INVALID_CURSOR" });
    await expect(ask(LIST, { query: { service: "nobody" } }, answers)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
  });

  test("are grouped over all services, most frequent first", async () => {
    const group = { event: "order.created", code: "X", message: "x", firstAt: "", lastAt: "" };
    const { answer } = await ask(
      "GET /api/v1/admin/dead-letters/groups",
      {},
      {
        "orders.deadLetterGroups": () => ({ groups: [{ ...group, fingerprint: "a", count: 1 }] }),
        "carts.deadLetterGroups": () => ({ groups: [{ ...group, fingerprint: "b", count: 9 }] }),
        "users.deadLetterGroups": down,
      },
    );
    expect(answer.groups.map(({ service, count }: { service: string; count: number }) => [service, count])).toEqual([
      ["carts", 9],
      ["orders", 1],
    ]);
    expect(answer.degraded).toEqual(["users"]);
  });

  test("are replayed as a group to the end, in the name of who is signed in", async () => {
    const pages = [
      { outcomes: [{ eventId: "e1", outcome: "processed", code: null, message: null }], nextCursor: "next" },
      { outcomes: [{ eventId: "e2", outcome: "dead", code: "X", message: "x" }], nextCursor: null },
    ];
    const { answer, calls } = await ask(
      "POST /api/v1/admin/dead-letters/groups/{fingerprint}/replay",
      { path: { fingerprint: FINGERPRINT } },
      { "orders.replayDeadLetters": () => pages.shift() },
    );
    expect(answer).toMatchObject({ outcomes: [{ id: "orders:e1" }, { id: "orders:e2", outcome: "dead" }], complete: true });
    const toOrders = calls.filter(({ name }) => name.startsWith("v1.orders"));
    expect(toOrders.map(({ params }) => params)).toEqual([
      { fingerprint: FINGERPRINT, actor: "ada" },
      { fingerprint: FINGERPRINT, actor: "ada", cursor: "next" },
    ]);
  });

  test("are replayed, edited and discarded one by one, each in its service and in the name of who is signed in", async () => {
    const path = { id: "carts:e1" };
    const processed = { eventId: "e1", outcome: "processed", code: null, message: null };
    const answers = {
      "carts.replayDeadLetters": () => ({ outcomes: [processed], nextCursor: null }),
      "carts.editDeadLetter": () => processed,
      "carts.discardDeadLetters": () => ({ discarded: ["e1"], nextCursor: null }),
    };
    const replayed = await ask("POST /api/v1/admin/dead-letters/{id}/replay", { path }, answers);
    const edited = await ask("PUT /api/v1/admin/dead-letters/{id}", { path, body: { data: { orderId: "o1" } } }, answers);
    const discarded = await ask("DELETE /api/v1/admin/dead-letters/{id}", { path, body: { reason: "nonsense" } }, answers);
    expect(replayed.answer).toEqual({ id: "carts:e1", service: "carts", ...processed });
    expect([replayed, edited, discarded].map(({ calls }) => calls)).toEqual([
      [{ name: "v1.carts.replayDeadLetters", params: { eventIds: ["e1"], actor: "ada" } }],
      [{ name: "v1.carts.editDeadLetter", params: { eventId: "e1", data: { orderId: "o1" }, actor: "ada" } }],
      [{ name: "v1.carts.discardDeadLetters", params: { eventIds: ["e1"], actor: "ada", reason: "nonsense" } }],
    ]);
  });

  test("that are gone, or of no service, are not found; a discard without a reason is refused", async () => {
    const gone = { "carts.replayDeadLetters": () => ({ outcomes: [{ eventId: "e1", outcome: "gone" }], nextCursor: null }) };
    const notFound = { type: "DEAD_LETTER_NOT_FOUND" };
    const replay = "POST /api/v1/admin/dead-letters/{id}/replay";
    await expect(ask(replay, { path: { id: "carts:e1" } }, gone)).rejects.toMatchObject(notFound);
    await expect(ask(replay, { path: { id: "nobody:e1" } }, gone)).rejects.toMatchObject(notFound);
    await expect(ask("GET /api/v1/admin/dead-letters/{id}", { path: { id: "e1" } }, {})).rejects.toMatchObject(notFound);
    await expect(ask("DELETE /api/v1/admin/dead-letters/{id}", { path: { id: "carts:e1" }, body: {} }, {})).rejects.toMatchObject(
      { type: "VALIDATION_FAILED" },
    );
  });
});
