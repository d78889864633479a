import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import fc from "fast-check";
import { Redis } from "ioredis";
import { openRedisStore } from "../../services/carts/cart.redis-store.ts";
import { openSqliteStore } from "../../services/carts/cart.sqlite-store.ts";
import type { CartStore } from "../../services/carts/cart.store.ts";
import {
  addLine,
  type Lines,
  MAX_QUANTITY,
  mergeLines,
  moveLine,
  type Quantity,
  removeLine,
  type StoredLine,
  setLine,
  shown,
  subtractLines,
} from "../../services/carts/cart.ts";
import { eventually } from "../support/eventually.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import type { RunningServer } from "../support/servers/process.ts";
import { startRedis } from "../support/servers/redis.ts";

const DAY_MS = 86_400_000;
const USER = "user:u1";
const GUEST = "guest:g1";
const FAILURE = { code: "BROKEN", message: "It broke" };
const BY = { actor: "ada", reason: "not needed" };

const line = (sku: string, quantity = 1, amount = 1_000): StoredLine => ({
  sku,
  quantity,
  item: { productId: `p-${sku}`, name: `The ${sku}: "best" é`, unitPrice: { amount, currency: "EUR" } },
});
const numbered = (count: number, prefix = "S") => Array.from({ length: count }, (_, i) => line(`${prefix}${i}`, (i % 99) + 1));
const bySku = (a: StoredLine, b: StoredLine) => (a.sku < b.sku ? -1 : 1);
const quantities = (lines: Lines) => Object.fromEntries(lines.map(({ sku, quantity }) => [sku, quantity]));

const orderCreated = (): Envelope =>
  newEnvelope("order.created", "o1", {} as never, "2026-01-01T00:00:00.000Z") as unknown as Envelope;

/** The store's behaviour, which must be the same whatever keeps the carts. `reopen` closes it and opens it again on the same data. */
const conforms = (setUp: () => Promise<{ store: CartStore; reopen(): Promise<CartStore>; tearDown(): Promise<void> }>) => {
  let store: CartStore;
  let reopen: () => Promise<CartStore>;
  let tearDown: () => Promise<void>;
  beforeEach(async () => {
    ({ store, reopen, tearDown } = await setUp());
  });
  afterEach(() => tearDown());

  const fill = async (cartId: string, lines: Lines) => {
    for (const each of lines) await store.setLine(cartId, each);
  };
  const order = (envelope: Envelope, ordered: Quantity[], cartId = USER, revision?: number) =>
    store.inbox.process(envelope, (work) => work.subtract(cartId, ordered, revision));

  test("does to a cart what the domain's functions do, whatever the sequence", async () => {
    const sku = fc.integer({ min: 0, max: 5 }).map((n) => `S${n}`);
    const quantity = fc.integer({ min: 1, max: 99 });
    const cartId = fc.constantFrom(USER, GUEST);
    const command = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), cartId, sku, quantity }),
      fc.record({ kind: fc.constant("add" as const), cartId, sku, quantity }),
      fc.record({ kind: fc.constant("remove" as const), cartId, sku }),
      fc.record({ kind: fc.constant("save" as const), cartId, sku }),
      fc.record({ kind: fc.constant("restore" as const), cartId, sku }),
      fc.record({ kind: fc.constant("forget" as const), cartId, sku }),
      fc.record({ kind: fc.constant("clear" as const), cartId }),
      fc.record({ kind: fc.constant("merge" as const), from: cartId, into: cartId }),
      fc.record({
        kind: fc.constant("order" as const),
        cartId,
        ordered: fc.array(fc.record({ sku, quantity }), { maxLength: 4 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 12 }), async (commands) => {
        const model: Record<string, Lines> = { [USER]: [], [GUEST]: [] };
        const saved: Record<string, Lines> = { [USER]: [], [GUEST]: [] };
        for (const each of [USER, GUEST]) {
          await store.clear(each);
          for (const one of await store.readSaved(each)) await store.removeSaved(each, one.sku);
        }
        for (const each of commands) {
          switch (each.kind) {
            case "set": {
              const set = line(each.sku, each.quantity);
              model[each.cartId] = setLine(model[each.cartId]!, set, 0);
              expect(await store.setLine(each.cartId, set)).toEqual(model[each.cartId]!.map(shown));
              break;
            }
            case "add": {
              const added = line(each.sku, each.quantity);
              const adding = store.addLine(each.cartId, added, newId());
              const there = model[each.cartId]!.find((one) => one.sku === each.sku)?.quantity ?? 0;
              if (there + each.quantity > MAX_QUANTITY) {
                await expect(adding).rejects.toMatchObject({ type: "QUANTITY_LIMIT", data: { quantity: there } });
                break;
              }
              model[each.cartId] = addLine(model[each.cartId]!, added, 0);
              expect(await adding).toEqual(model[each.cartId]!.map(shown));
              break;
            }
            case "save": {
              const moved = moveLine(model[each.cartId]!, saved[each.cartId]!, each.sku, 0);
              [model[each.cartId], saved[each.cartId]] = [moved.from, moved.into];
              expect(await store.saveLine(each.cartId, each.sku)).toEqual(model[each.cartId]!.map(shown));
              break;
            }
            case "restore": {
              const moved = moveLine(saved[each.cartId]!, model[each.cartId]!, each.sku, 0);
              [saved[each.cartId], model[each.cartId]] = [moved.from, moved.into];
              expect(await store.restoreLine(each.cartId, each.sku)).toEqual(model[each.cartId]!.map(shown));
              break;
            }
            case "forget":
              saved[each.cartId] = removeLine(saved[each.cartId]!, each.sku);
              expect(await store.removeSaved(each.cartId, each.sku)).toEqual(model[each.cartId]!.map(shown));
              break;
            case "remove":
              model[each.cartId] = removeLine(model[each.cartId]!, each.sku);
              expect(await store.removeLine(each.cartId, each.sku)).toEqual(model[each.cartId]!.map(shown));
              break;
            case "clear":
              model[each.cartId] = [];
              await store.clear(each.cartId);
              break;
            case "merge":
              if (each.from !== each.into) {
                model[each.into] = mergeLines(model[each.into]!, model[each.from]!, 0);
                model[each.from] = [];
                saved[each.into] = mergeLines(saved[each.into]!, saved[each.from]!, 0);
                saved[each.from] = [];
              }
              expect(await store.merge(each.from, each.into)).toEqual(model[each.into]!.map(shown));
              break;
            case "order":
              model[each.cartId] = subtractLines(model[each.cartId]!, each.ordered, undefined);
              await order(orderCreated(), each.ordered, each.cartId);
              break;
            default:
              each satisfies never;
          }
          expect(await store.read(USER)).toEqual(model[USER]!.map(shown));
          expect(await store.read(GUEST)).toEqual(model[GUEST]!.map(shown));
          expect(await store.readSaved(USER)).toEqual(saved[USER]!.map(shown));
          expect(await store.readSaved(GUEST)).toEqual(saved[GUEST]!.map(shown));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("is as if each order had emptied the cart when it was placed, however late and often it is heard of", async () => {
    type Quantities = Map<string, number>;
    const cap = (quantity: number) => Math.min(quantity, MAX_QUANTITY);
    const sku = fc.integer({ min: 0, max: 3 }).map((n) => `S${n}`);
    const quantity = fc.integer({ min: 1, max: 99 });
    const command = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("set" as const), sku, quantity }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("add" as const), sku, quantity: fc.integer({ min: 1, max: 40 }) }) },
      fc.record({ kind: fc.constant("remove" as const), sku }),
      fc.record({ kind: fc.constant("save" as const), sku }),
      fc.record({ kind: fc.constant("restore" as const), sku }),
      fc.record({ kind: fc.constant("clear" as const) }),
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("merge" as const), sku, quantity }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("place" as const) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant("hear" as const), which: fc.nat() }) },
    );
    type Place = { kind: "place"; envelope: Envelope; revision: number; ordered: Lines; heard: boolean };
    /** Units come in: by an addition, a merge, or out of what was saved. */
    type Arrival = { kind: "arrive"; sku: string; quantity: number };
    type Done =
      | Place
      | Arrival
      | { kind: "set"; sku: string; quantity: number }
      | { kind: "leave"; sku: string }
      | { kind: "clear" };

    /** All that was done, once more, where every order that was heard of takes the whole cart as it is placed. */
    const replay = (done: readonly Done[]): Quantities => {
      const cart: Quantities = new Map();
      for (const each of done) {
        if (each.kind === "set") cart.set(each.sku, each.quantity);
        else if (each.kind === "leave") cart.delete(each.sku);
        else if (each.kind === "arrive") cart.set(each.sku, cap((cart.get(each.sku) ?? 0) + each.quantity));
        else if (each.kind === "clear" || each.heard) cart.clear();
      }
      return cart;
    };

    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 16 }), async (commands) => {
        await store.clear(USER);
        for (const { sku: kept } of await store.readSaved(USER)) await store.removeSaved(USER, kept);
        const done: Done[] = [];
        for (const each of commands) {
          if (each.kind === "place") {
            const { lines, revision } = await store.snapshot(USER);
            if (lines.length > 0) done.push({ kind: "place", envelope: orderCreated(), revision, ordered: lines, heard: false });
          } else if (each.kind === "hear") {
            const placed = done.filter((one): one is Place => one.kind === "place");
            const late = placed[each.which % Math.max(1, placed.length)];
            if (late === undefined) continue;
            expect(await order(late.envelope, [...late.ordered], USER, late.revision)).toBe(
              late.heard ? "duplicate" : "processed",
            );
            late.heard = true;
          } else {
            switch (each.kind) {
              case "set":
                await store.setLine(USER, line(each.sku, each.quantity));
                done.push(each);
                break;
              case "add": {
                const isRefused = await store.addLine(USER, line(each.sku, each.quantity), newId()).then(
                  () => false,
                  (error) => error.type === "QUANTITY_LIMIT",
                );
                if (!isRefused) done.push({ ...each, kind: "arrive" });
                break;
              }
              case "remove":
              case "save":
                await (each.kind === "save" ? store.saveLine(USER, each.sku) : store.removeLine(USER, each.sku));
                done.push({ kind: "leave", sku: each.sku });
                break;
              case "restore": {
                const kept = (await store.readSaved(USER)).find((one) => one.sku === each.sku);
                await store.restoreLine(USER, each.sku);
                if (kept !== undefined) done.push({ kind: "arrive", sku: each.sku, quantity: kept.quantity });
                break;
              }
              case "clear":
                await store.clear(USER);
                done.push(each);
                break;
              case "merge":
                await store.setLine(GUEST, line(each.sku, each.quantity));
                await store.merge(GUEST, USER);
                done.push({ ...each, kind: "arrive" });
                break;
              default:
                each satisfies never;
            }
          }
          expect(quantities(await store.read(USER))).toEqual(Object.fromEntries(replay(done)));
        }
      }),
      { numRuns: 120 },
    );
  });

  test("takes nothing out of a cart that was filled anew after it was emptied, or lost", async () => {
    await fill(USER, [line("A", 2)]);
    const { revision } = await store.snapshot(USER);
    await store.clear(USER);
    await fill(USER, [line("A", 2)]);
    await order(orderCreated(), [{ sku: "A", quantity: 2 }], USER, revision);
    expect(quantities(await store.read(USER))).toEqual({ A: 2 });
    expect((await store.snapshot(USER)).revision).toBeGreaterThan(revision);
  });

  test("keeps all of 50 parallel writes to different SKUs", async () => {
    const lines = numbered(50);
    await Promise.all(lines.map((each) => store.setLine(USER, each)));
    expect([...(await store.read(USER))].sort(bySku)).toEqual(lines.sort(bySku));
  });

  test("adds up exactly what 50 add at the same moment", async () => {
    await fill(USER, [line("A", 7)]);
    await Promise.all(Array.from({ length: 50 }, () => store.addLine(USER, line("A"), newId())));
    expect(await store.read(USER)).toEqual([line("A", 57)]);
  });

  test("would lose additions if each were read and set: what adding is there for", async () => {
    const addUnguarded = async () => {
      const [known] = await store.read(USER);
      await store.setLine(USER, line("A", (known?.quantity ?? 0) + 1));
    };
    await Promise.all(Array.from({ length: 50 }, addUnguarded));
    expect((await store.read(USER))[0]!.quantity).toBeLessThan(50);
  });

  test("stops at 99, however many add at the same moment, and refuses the rest whole", async () => {
    const adding = Array.from({ length: 40 }, () => store.addLine(USER, line("A", 3), newId()));
    const refused = (await Promise.allSettled(adding)).filter((outcome) => outcome.status === "rejected");
    expect(refused).toHaveLength(7);
    for (const { reason } of refused) expect(reason).toMatchObject({ type: "QUANTITY_LIMIT", data: { sku: "A", quantity: 99 } });
    expect(quantities(await store.read(USER))).toEqual({ A: 99 });
  });

  test("adds once under one key, however often and whatever has become of the line, and refuses it for something else", async () => {
    await Promise.all(Array.from({ length: 10 }, () => store.addLine(USER, line("A", 2), "key")));
    expect(quantities(await store.read(USER))).toEqual({ A: 2 });
    expect(await store.hasAdded(USER, "key")).toBe(true);
    expect(await store.hasAdded(USER, "other")).toBe(false);
    await store.clear(USER);
    expect(await store.addLine(USER, line("A", 2), "key")).toEqual([]);
    await expect(store.addLine(USER, line("A", 3), "key")).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
    expect(quantities(await store.addLine(GUEST, line("A", 3), "key"))).toEqual({ A: 3 });
  });

  test("remembers no key of an addition that was refused", async () => {
    await fill(USER, [line("A", 99)]);
    await expect(store.addLine(USER, line("A", 1), "key")).rejects.toMatchObject({ type: "QUANTITY_LIMIT" });
    await store.removeLine(USER, "A");
    expect(await store.addLine(USER, line("A", 1), "key")).toEqual([line("A", 1)]);
  });

  test("loses no unit when a line is saved and restored by many at the same moment, while others add", async () => {
    await fill(USER, [line("A", 10), line("B", 1)]);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 4 === 0
          ? store.addLine(USER, line("A"), newId())
          : n % 2 === 0
            ? store.saveLine(USER, "A")
            : store.restoreLine(USER, "A"),
      ),
    );
    const [inCart, kept] = [quantities(await store.read(USER)), quantities(await store.readSaved(USER))];
    expect((inCart.A ?? 0) + (kept.A ?? 0)).toBe(15);
    expect(inCart.B).toBe(1);
  });

  test("merges what is saved with what is saved, and nothing at all when it does not fit", async () => {
    await fill(USER, [line("A", 2), line("B", 1)]);
    await fill(GUEST, [line("A", 3), line("C", 1)]);
    await store.saveLine(USER, "A");
    await store.saveLine(GUEST, "A");
    await Promise.all([store.merge(GUEST, USER), store.merge(GUEST, USER)]);
    expect(quantities(await store.read(USER))).toEqual({ B: 1, C: 1 });
    expect(quantities(await store.readSaved(USER))).toEqual({ A: 5 });
    expect([await store.read(GUEST), await store.readSaved(GUEST)]).toEqual([[], []]);

    await fill(GUEST, numbered(100, "G"));
    await store.merge(GUEST, USER);
    await fill(GUEST, [...numbered(99, "H"), line("KEPT")]);
    await store.saveLine(GUEST, "KEPT");
    await expect(store.merge(GUEST, USER)).rejects.toMatchObject({ type: "CART_FULL" });
    expect(quantities(await store.readSaved(GUEST))).toEqual({ KEPT: 1 });
    expect(await store.read(GUEST)).toHaveLength(99);
  });

  test("saves 100 lines and not one more, and leaves in the cart what does not fit", async () => {
    await fill(USER, numbered(100));
    for (const { sku } of numbered(100)) await store.saveLine(USER, sku);
    await fill(USER, [line("NEW"), line("S1", 1)]);
    await expect(store.saveLine(USER, "NEW")).rejects.toMatchObject({ type: "CART_FULL" });
    await store.saveLine(USER, "S1");
    expect(quantities(await store.read(USER))).toEqual({ NEW: 1 });
    expect(await store.readSaved(USER)).toHaveLength(100);
  });

  test("takes nothing of an order out of what is saved", async () => {
    await fill(USER, [line("A", 2), line("B", 1)]);
    await store.saveLine(USER, "A");
    await fill(USER, [line("A", 3)]);
    const { lines, revision } = await store.snapshot(USER);
    await order(orderCreated(), [...lines], USER, revision);
    expect(await store.read(USER)).toEqual([]);
    expect(await store.readSaved(USER)).toEqual([line("A", 2)]);
  });

  test("ends 50 parallel writes to one SKU with one line of one of their quantities", async () => {
    await Promise.all(Array.from({ length: 50 }, (_, i) => store.setLine(USER, line("A", i + 1))));
    const lines = await store.read(USER);
    expect(lines).toHaveLength(1);
    expect(lines[0]!.quantity).toBeGreaterThanOrEqual(1);
    expect(lines[0]!.quantity).toBeLessThanOrEqual(50);
  });

  test("holds 100 lines and not one more, however many are added at the same moment", async () => {
    const outcomes = await Promise.allSettled(numbered(110).map((each) => store.setLine(USER, each)));
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    expect(refused).toHaveLength(10);
    for (const { reason } of refused) expect(reason).toMatchObject({ type: "CART_FULL" });
    expect(await store.read(USER)).toHaveLength(100);
    const [first] = await store.read(USER);
    expect((await store.setLine(USER, { ...first!, quantity: 77 }))[0]).toMatchObject({ sku: first!.sku, quantity: 77 });
  });

  test("keeps an amount as large as an amount can be", async () => {
    const dear = line("A", 1, Number.MAX_SAFE_INTEGER);
    await store.setLine(GUEST, dear);
    await store.merge(GUEST, USER);
    await order(orderCreated(), [{ sku: "B", quantity: 1 }]);
    expect(await store.read(USER)).toEqual([dear]);
  });

  test("merges once, however often it is asked and however many ask at the same moment", async () => {
    await fill(USER, [line("A", 2), line("B", 98)]);
    await fill(GUEST, [line("C", 1), line("B", 5), line("A", 3)]);
    await Promise.all(Array.from({ length: 10 }, () => store.merge(GUEST, USER)));
    const merged = await store.merge(GUEST, USER);
    expect(merged.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ["A", 5],
      ["B", 99],
      ["C", 1],
    ]);
    expect(await store.read(GUEST)).toEqual([]);
  });

  test("loses no line when carts are merged while both are written", async () => {
    await fill(USER, numbered(10, "U"));
    await fill(GUEST, numbered(10, "G"));
    await Promise.all([
      ...numbered(15, "LU").map((each) => store.setLine(USER, each)),
      store.merge(GUEST, USER),
      ...numbered(15, "LG").map((each) => store.setLine(GUEST, each)),
      store.merge(GUEST, USER),
    ]);
    const all = [...(await store.read(USER)), ...(await store.read(GUEST))].sort(bySku);
    const written = [numbered(10, "U"), numbered(10, "G"), numbered(15, "LU"), numbered(15, "LG")].flat().sort(bySku);
    expect(all).toEqual(written);
  });

  test("merges two full carts whole, and leaves both as they are when not all lines fit", async () => {
    await fill(USER, numbered(100, "U"));
    await fill(GUEST, numbered(100, "G"));
    expect(await store.merge(GUEST, USER)).toHaveLength(200);
    await fill(GUEST, [line("U1", 1), line("ONE-MORE")]);
    await expect(store.merge(GUEST, USER)).rejects.toMatchObject({ type: "CART_FULL", retryable: false });
    expect(await store.read(USER)).toEqual([...numbered(100, "U"), ...numbered(100, "G")]);
    expect(await store.read(GUEST)).toEqual([line("U1", 1), line("ONE-MORE")]);
  });

  test("leaves a cart that is merged into itself as it is", async () => {
    await fill(GUEST, [line("A", 2)]);
    expect(await store.merge(GUEST, GUEST)).toEqual([line("A", 2)]);
    expect(await store.read(GUEST)).toEqual([line("A", 2)]);
  });

  test("takes an order out once, however often and however parallel its event comes", async () => {
    await fill(USER, [line("A", 10), line("B", 1), line("C", 1)]);
    const event = orderCreated();
    const ordered = [
      { sku: "A", quantity: 3 },
      { sku: "B", quantity: 1 },
    ];
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => order(event, ordered)));
    expect(outcomes.filter((outcome) => outcome === "processed")).toHaveLength(1);
    expect(await order(event, ordered)).toBe("duplicate");
    expect(quantities(await store.read(USER))).toEqual({ A: 7, C: 1 });
  });

  test("remembers carts and processed events over a restart", async () => {
    await fill(USER, [line("B", 5), line("A", 5)]);
    const event = orderCreated();
    await order(event, [{ sku: "A", quantity: 1 }]);
    store = await reopen();
    expect(await order(event, [{ sku: "A", quantity: 1 }])).toBe("duplicate");
    expect(await store.read(USER)).toEqual([line("B", 5), line("A", 4)]);
  });

  test("writes neither the cart nor the note when a handler fails", async () => {
    await fill(USER, [line("A", 5)]);
    const event = orderCreated();
    const broken = store.inbox.process(event, async (work) => {
      await work.subtract(USER, [{ sku: "A", quantity: 1 }], undefined);
      throw new Error("broken");
    });
    await expect(broken).rejects.toThrow("broken");
    expect(await store.read(USER)).toEqual([line("A", 5)]);
    expect(await order(event, [{ sku: "A", quantity: 1 }])).toBe("processed");
  });

  test("counts failed attempts, and forgets the failure when the event is processed", async () => {
    await fill(USER, [line("A", 5)]);
    const event = orderCreated();
    expect(await store.inbox.fail(event, FAILURE)).toBe(1);
    expect(await store.inbox.fail(event, FAILURE)).toBe(2);
    expect(await store.inbox.deadLetters({ limit: 10 })).toEqual([]);
    expect(await order(event, [{ sku: "A", quantity: 1 }])).toBe("processed");
    expect(await store.inbox.fail(event, FAILURE)).toBe(0);
    expect(quantities(await store.read(USER))).toEqual({ A: 4 });
  });

  test("lists dead letters page by page in the order of their making, and finds each", async () => {
    const events = [orderCreated(), orderCreated(), orderCreated()];
    await store.inbox.fail(events[1]!, FAILURE);
    await store.inbox.fail(events[1]!, FAILURE);
    for (const event of events.toReversed()) await store.inbox.bury(event, FAILURE);
    const first = await store.inbox.deadLetters({ limit: 2 });
    const second = await store.inbox.deadLetters({ limit: 2, after: first[1]!.eventId });
    expect([...first, ...second].map(({ eventId, attempts }) => [eventId, attempts])).toEqual([
      [events[0]!.id, 1],
      [events[1]!.id, 2],
      [events[2]!.id, 1],
    ]);
    expect(await store.inbox.deadLetter(events[0]!.id)).toEqual({
      eventId: events[0]!.id,
      type: "order.created",
      aggregateId: "o1",
      attempts: 1,
      receivedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      ...FAILURE,
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      requestId: events[0]!.requestId,
      envelope: events[0],
    });
    expect(await store.inbox.deadLetter("unknown")).toBeUndefined();
  });

  test("lets a replayed dead letter have its effect", async () => {
    await fill(USER, [line("A", 5)]);
    const event = orderCreated();
    await store.inbox.bury(event, FAILURE);
    expect(await order(event, [{ sku: "A", quantity: 2 }])).toBe("processed");
    expect(await store.inbox.deadLetters({ limit: 10 })).toEqual([]);
    expect(quantities(await store.read(USER))).toEqual({ A: 3 });
  });

  test("never lets a discarded event have an effect", async () => {
    await fill(USER, [line("A", 5)]);
    const event = orderCreated();
    expect(await store.inbox.discard(event.id, BY)).toBe(false);
    await store.inbox.bury(event, FAILURE);
    expect(await store.inbox.discard(event.id, BY)).toBe(true);
    expect(await store.inbox.discard(event.id, BY)).toBe(false);
    expect(await order(event, [{ sku: "A", quantity: 1 }])).toBe("duplicate");
    await store.inbox.bury(event, FAILURE);
    expect(await store.inbox.deadLetters({ limit: 10 })).toEqual([]);
    expect(await store.read(USER)).toEqual([line("A", 5)]);
  });
};

describe("the embedded cart store", () => {
  const open = async () => {
    const folder = await mkdtemp(join(tmpdir(), "molecart-carts-"));
    const clock = new ManualClock();
    const options = { file: join(folder, "carts.db"), clock, onPurgeError: (error: unknown) => console.error(error) };
    let store = await openSqliteStore(options);
    return {
      store,
      clock,
      options,
      async reopen() {
        await store.close();
        store = await openSqliteStore(options);
        return store;
      },
      async tearDown() {
        await store.close();
        await rm(folder, { recursive: true });
      },
    };
  };
  describe("as every cart store", () => conforms(open));

  test("forgets a guest's cart after 30 days and a customer's after 90, counted from the last write", async () => {
    const { store, clock, tearDown } = await open();
    await store.setLine(GUEST, line("A"));
    await store.setLine(USER, line("A"));
    clock.advance(20 * DAY_MS);
    await store.removeLine(GUEST, "B");
    clock.advance(30 * DAY_MS - 1);
    expect(await store.read(GUEST)).toHaveLength(1);
    clock.advance(1);
    expect(await store.read(GUEST)).toEqual([]);
    expect(await store.merge(GUEST, USER)).toEqual([line("A")]);
    clock.advance(40 * DAY_MS);
    expect(await store.read(USER)).toEqual([]);
    expect(await store.setLine(USER, line("B"))).toEqual([line("B")]);
    await tearDown();
  });

  test("reads carts from before lines had revisions, and takes what was ordered out of them", async () => {
    const { store, options, reopen, tearDown } = await open();
    await store.close();
    const db = new DatabaseSync(options.file);
    db.prepare("insert into cart (id, lines, expires_at) values (?, ?, ?)").run(
      USER,
      JSON.stringify([line("A", 5), line("B", 1)]),
      options.clock.now() + DAY_MS,
    );
    db.close();
    const reopened = await reopen();
    const { lines, revision } = await reopened.snapshot(USER);
    expect([lines, revision]).toEqual([[line("A", 5), line("B", 1)], 0]);
    await reopened.setLine(USER, line("B", 1));
    const ordered = [...lines];
    await reopened.inbox.process(orderCreated(), (work) => work.subtract(USER, ordered, revision));
    expect(await reopened.read(USER)).toEqual([line("B", 1)]);
    await tearDown();
  });

  test("forgets the key of an addition after a day", async () => {
    const { store, clock, tearDown } = await open();
    await store.addLine(USER, line("A", 1), "key");
    clock.advance(DAY_MS - 1);
    expect(quantities(await store.addLine(USER, line("A", 1), "key"))).toEqual({ A: 1 });
    clock.advance(1);
    expect(await store.hasAdded(USER, "key")).toBe(false);
    expect(quantities(await store.addLine(USER, line("A", 2), "key"))).toEqual({ A: 3 });
    await tearDown();
  });

  test("refuses a second owner by name", async () => {
    const { options, tearDown } = await open();
    await expect(openSqliteStore(options)).rejects.toMatchObject({ type: "STORE_IN_USE" });
    await tearDown();
  });
});

describeWith(["redis"], "the served cart store", () => {
  let server: RunningServer;
  let admin: Redis;
  let namespaces = 0;
  const warnings: { message: string; detail: unknown }[] = [];
  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.url, { maxRetriesPerRequest: 0 });
    admin.on("error", () => {});
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });
  beforeEach(async () => {
    warnings.length = 0;
    // A test that failed may have left it dead.
    if ((await admin.ping().catch(() => "")) !== "PONG") await server.restart();
  });

  const open = async (namespace = `shop-${++namespaces}`) => {
    const options = {
      url: server.url,
      namespace,
      clientName: "carts-test",
      clock: new ManualClock(),
      log: { info: () => {}, warn: (message: string, detail: unknown) => void warnings.push({ message, detail }) },
    };
    let store = await openRedisStore(options);
    return {
      store,
      namespace,
      options,
      async reopen() {
        await store.close();
        await server.restart();
        store = await openRedisStore(options);
        return store;
      },
      tearDown: () => store.close(),
    };
  };
  describe("as every cart store", () => conforms(open));

  const elapsedMs = async (work: () => Promise<unknown>): Promise<number> => {
    const startedAt = performance.now();
    await work();
    return performance.now() - startedAt;
  };

  test("lets carts expire 30 and 90 days after the last write, and keeps the notes of events for longer than the bus", async () => {
    const { store, namespace, tearDown } = await open();
    const remainingDays = async (key: string) => Math.round((await admin.pttl(`${namespace}:carts:${key}`)) / DAY_MS);
    await store.setLine(GUEST, line("A", 2));
    await store.setLine(USER, line("A", 2));
    expect(await remainingDays(`cart:${GUEST}`)).toBe(30);
    expect(await remainingDays(`cart:${USER}`)).toBe(90);
    await store.addLine(USER, line("A", 1), "key");
    expect(await remainingDays(`addition:${USER}:key`)).toBe(1);
    await store.setLine(GUEST, line("A", 2));
    await store.saveLine(GUEST, "A");
    expect(await remainingDays(`cart:saved:${GUEST}`)).toBe(30);
    await store.restoreLine(GUEST, "A");

    const event = orderCreated();
    for (const write of [
      () => store.setLine(USER, line("B", 2)),
      () => store.removeLine(USER, "C"),
      () => store.merge(GUEST, USER),
      () => store.inbox.process(event, (work) => work.subtract(USER, [{ sku: "A", quantity: 1 }], undefined)),
    ]) {
      await admin.pexpire(`${namespace}:carts:cart:${USER}`, 5_000);
      await write();
      expect(await remainingDays(`cart:${USER}`)).toBe(90);
    }
    expect(await remainingDays(`inbox:${event.id}`)).toBe(31);

    const letter = orderCreated();
    await store.inbox.bury(letter, FAILURE);
    expect(await admin.pttl(`${namespace}:carts:inbox:${letter.id}`)).toBe(-1);
    await tearDown();
  });

  test("reads carts from before lines had revisions, and takes what was ordered out of them", async () => {
    const { store, namespace, tearDown } = await open();
    const old = Object.fromEntries(
      [line("A", 5), line("B", 1)].map(({ sku, quantity, item }, index) => [
        sku,
        `${index + 1}:${quantity}:${JSON.stringify(item)}`,
      ]),
    );
    await admin.hset(`${namespace}:carts:cart:${USER}`, old);
    const { lines, revision } = await store.snapshot(USER);
    expect([lines, revision]).toEqual([[line("A", 5), line("B", 1)], 0]);
    await store.setLine(USER, line("B", 1));
    await store.inbox.process(orderCreated(), (work) => work.subtract(USER, [...lines], revision));
    expect(await store.read(USER)).toEqual([line("B", 1)]);
    await tearDown();
  });

  test("writes lines that a broker of before can read, and takes what that one writes for units of unknown age", async () => {
    const { store, namespace, tearDown } = await open();
    const key = `${namespace}:carts:cart:${USER}`;
    await store.setLine(USER, line("A", 5));
    const value = (await admin.hget(key, "A")) as string;
    const [, place, quantity, item] = /^(\d+):(\d+):(.*)$/s.exec(value) as unknown as string[];
    expect([place, quantity, JSON.parse(item as string)]).toEqual(["1", "5", expect.objectContaining(line("A").item)]);
    // As it did when an order had taken two.
    await admin.hset(key, "A", `1:3:${item}`);
    expect(await store.snapshot(USER)).toEqual({ lines: [line("A", 3)], revision: 0 });
    await store.setLine(GUEST, line("A", 4));
    expect(await store.merge(GUEST, USER)).toEqual([line("A", 7)]);
    await store.inbox.process(orderCreated(), (work) => work.subtract(USER, [{ sku: "A", quantity: 3 }], 0));
    expect(await store.read(USER)).toEqual([line("A", 4)]);
    await tearDown();
  });

  test("keeps the carts of shops that share a Redis apart", async () => {
    const [one, other] = [await open(), await open()];
    await one.store.setLine(USER, line("A"));
    expect(await other.store.read(USER)).toEqual([]);
    await Promise.all([one.tearDown(), other.tearDown()]);
  });

  test("answers at once that it is not available while Redis is away, and goes on when it is back", async () => {
    const { store, tearDown } = await open();
    await store.setLine(USER, line("A", 1));
    await server.kill();
    await eventually(async () => expect(await store.ping().catch((error) => error.type)).toBe("UNAVAILABLE"));
    const event = orderCreated();
    const refusedWithinMs = await elapsedMs(async () => {
      await expect(store.read(USER)).rejects.toMatchObject({ type: "UNAVAILABLE" });
      await expect(store.setLine(USER, line("A", 2))).rejects.toMatchObject({ type: "UNAVAILABLE" });
      await expect(store.inbox.process(event, async () => {})).rejects.toMatchObject({ type: "UNAVAILABLE" });
    });
    expect(refusedWithinMs).toBeLessThan(500);
    await eventually(() => expect(warnings.map(({ message }) => message)).toEqual(["The connection to Redis is lost"]));

    await server.restart();
    await eventually(() => store.ping());
    expect(await store.read(USER)).toEqual([line("A", 1)]);
    // The script is not known to the new Redis.
    expect(await store.setLine(USER, line("A", 3))).toEqual([line("A", 3)]);
    await tearDown();
  });

  test("does not wait for a frozen Redis, and goes on when it thaws", async () => {
    const { store, tearDown } = await open();
    await store.setLine(USER, line("A", 1));
    server.pause();
    try {
      const refusedWithinMs = await elapsedMs(() => expect(store.read(USER)).rejects.toMatchObject({ type: "UNAVAILABLE" }));
      expect(refusedWithinMs).toBeLessThan(2_000);
    } finally {
      server.resume();
    }
    await eventually(() => store.ping());
    expect(await store.read(USER)).toEqual([line("A", 1)]);
    await tearDown();
  });

  test("waits for a Redis that starts later, and says so", async () => {
    await server.kill();
    const opening = open();
    await eventually(() => expect(warnings[0]?.message).toBe("Waiting for Redis"));
    expect(warnings[0]?.detail).toMatchObject({ error: expect.stringContaining("ECONNREFUSED") });
    await server.restart();
    const { store, tearDown } = await opening;
    await store.ping();
    await tearDown();
  });
});
