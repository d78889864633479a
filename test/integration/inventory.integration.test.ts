import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { EventData } from "@molecart/mixins/contracts/index.ts";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { type Envelope, newEnvelope } from "@molecart/mixins/messaging/envelope.ts";
import fc from "fast-check";
import { sql } from "kysely";
import type { InventoryTables } from "../../services/inventory/stock.table.ts";
import type { Line } from "../../services/inventory/stock.ts";
import { eventually } from "../support/eventually.ts";
import { orderData } from "../support/order-events.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { openStage, type Stage } from "../support/stage.ts";
import { type World, worlds } from "../support/worlds.ts";

const RESERVATION_SECONDS = 600;

for (const { world: name, servers, open } of worlds) {
  describeWith(servers, `The inventory, ${name}`, () => {
    let world: World;
    let stage: Stage<InventoryTables>;
    const clock = new ManualClock();

    beforeAll(async () => {
      world = await open();
      const env = { ...(await world.environment("inventory")), INVENTORY_RESERVATION_SECONDS: String(RESERVATION_SECONDS) };
      // Served, two brokers compete for every event, job and row.
      stage = await openStage({ service: "inventory", brokers: world.postgres ? 2 : 1, env, clock });
    });
    afterAll(async () => {
      await stage?.close();
      await world?.close();
    });

    /** A SKU of the test's own with so many units. */
    const stocked = async (onHand: number): Promise<string> => {
      const sku = `SKU-${newId()}`;
      await stage.call("v1.inventory.set", { sku, onHand });
      return sku;
    };
    const envelopeOf = (type: "order.created" | "order.confirmed" | "order.cancelled", orderId: string, lines: Line[]) =>
      newEnvelope(
        type,
        orderId,
        { ...orderData(orderId, lines), paymentToken: "tok_1", reason: "changed_mind" } as never,
        new Date().toISOString(),
      ) as Envelope;
    const failureOf = (orderId: string) => {
      const { customer, number } = orderData(orderId, []);
      const data: EventData<"payment.failed"> = { orderId, number, paymentId: newId(), code: "card_declined", customer };
      return newEnvelope("payment.failed", orderId, data, new Date().toISOString()) as Envelope;
    };
    const happens = async (envelope: Envelope) => {
      await stage.publishAll([envelope]);
      return stage.outcomeOf(envelope);
    };
    const created = (orderId: string, ...lines: Line[]) => happens(envelopeOf("order.created", orderId, lines));
    const confirmed = (orderId: string) => happens(envelopeOf("order.confirmed", orderId, []));
    const cancelled = (orderId: string) => happens(envelopeOf("order.cancelled", orderId, []));
    const paymentFailed = (orderId: string) => happens(failureOf(orderId));

    const rowOf = (sku: string) =>
      stage.database.db.selectFrom("stock").selectAll().where("sku", "=", sku).executeTakeFirstOrThrow();
    const reservationOf = (orderId: string) =>
      stage.database.db.selectFrom("reservation").selectAll().where("order_id", "=", orderId).executeTakeFirst();
    const movementsOf = (orderId: string) =>
      stage.database.db
        .selectFrom("stock_movement")
        .select(["sku", "kind", "quantity"])
        .where("order_id", "=", orderId)
        .execute();
    const sentTypes = async (orderId: string) => (await stage.sent(orderId)).map(({ type }) => type);

    test("tells when the last unit goes and when there are some again, and of nothing in between", async () => {
      const sku = await stocked(3);
      const told = async () =>
        (await stage.sent(sku)).map(({ type, data }) => [type, (data as EventData<"availability.changed">).items]);
      const turn = (available: boolean, version: number) => ["availability.changed", [{ sku, available, version }]];
      const [first, second] = [newId(), newId()];
      await created(first, { sku, quantity: 1 });
      expect(await told()).toEqual([turn(true, 1)]);
      await created(second, { sku, quantity: 2 });
      expect(await told()).toEqual([turn(true, 1), turn(false, 2)]);
      await confirmed(first);
      expect(await told()).toHaveLength(2);
      await cancelled(second);
      expect((await told()).at(-1)).toEqual(turn(true, 3));
      await stage.call("v1.inventory.set", { sku, onHand: 0 });
      await stage.call("v1.inventory.set", { sku, onHand: 0 });
      expect((await told()).slice(3)).toEqual([turn(false, 4)]);
      expect(await stage.call("v1.inventory.availability", { skus: [sku, "UNKNOWN"] })).toEqual({
        items: [{ sku, available: false, version: 4 }],
      });
    });

    /** What must hold for each SKU at any time, from the data alone. */
    const expectBalancedBooks = async (skus: readonly string[]): Promise<void> => {
      const reservations = await stage.database.db.selectFrom("reservation").selectAll().execute();
      const unitsIn = (sku: string, statuses: string[]) =>
        reservations
          .filter(({ status }) => statuses.includes(status))
          .flatMap(({ lines }) => lines)
          .reduce((sum, line) => sum + (line.sku === sku ? line.quantity : 0), 0);
      for (const sku of skus) {
        const { on_hand, reserved, sold } = await rowOf(sku);
        const { moved, left } = await stage.database.db
          .selectFrom("stock_movement")
          .select([
            sql<number>`cast(coalesce(sum(quantity), 0) as bigint)`.as("moved"),
            sql<number>`cast(coalesce(sum(case kind when 'sold' then quantity else 0 end), 0) as bigint)`.as("left"),
          ])
          .where("sku", "=", sku)
          .executeTakeFirstOrThrow();
        expect({ on_hand, sold, reserved }).toEqual({
          on_hand: moved,
          sold: 0 - left,
          reserved: unitsIn(sku, ["held", "expiring"]),
        });
        expect(sold).toBe(unitsIn(sku, ["committed"]));
        expect(reserved).toBeLessThanOrEqual(on_hand);
      }
    };

    describe("an order", () => {
      test("gets all of its lines reserved, and is told until when", async () => {
        const [a, b] = [await stocked(5), await stocked(2)];
        const orderId = newId();
        const lines = [
          { sku: b, quantity: 2 },
          { sku: a, quantity: 1 },
        ];
        await created(orderId, ...lines);
        const expiresAt = new Date(clock.now() + RESERVATION_SECONDS * 1000).toISOString();
        expect(await stage.sent(orderId)).toEqual([{ type: "stock.reserved", data: { orderId, lines, expiresAt } }]);
        expect(await stage.call("v1.inventory.get", { sku: b })).toEqual({ sku: b, onHand: 2, reserved: 2, available: 0 });
        expect(await reservationOf(orderId)).toMatchObject({ status: "held", expires_at: expiresAt });
      });

      test("gets nothing when one line is short, and is told what is missing", async () => {
        const [a, b] = [await stocked(5), await stocked(2)];
        const orderId = newId();
        await created(orderId, { sku: a, quantity: 5 }, { sku: b, quantity: 3 }, { sku: "UNHEARD-OF", quantity: 1 });
        const [sent] = (await stage.sent(orderId)) as [{ type: string; data: EventData<"stock.rejected"> }];
        expect(sent.type).toBe("stock.rejected");
        expect(new Set(sent.data.shortages)).toEqual(
          new Set([
            { sku: b, requested: 3, available: 2 },
            { sku: "UNHEARD-OF", requested: 1, available: 0 },
          ]),
        );
        expect(await rowOf(a)).toMatchObject({ reserved: 0 });
        expect(await rowOf(b)).toMatchObject({ reserved: 0 });
      });

      test("with two lines of one SKU is one demand on its stock", async () => {
        const sku = await stocked(3);
        const orderId = newId();
        await created(orderId, { sku, quantity: 2 }, { sku, quantity: 2 });
        expect(await stage.sent(orderId)).toEqual([
          { type: "stock.rejected", data: { orderId, shortages: [{ sku, requested: 4, available: 3 }] } },
        ]);
      });

      test("is reserved once, however often it is heard of", async () => {
        const sku = await stocked(10);
        const orderId = newId();
        const first = envelopeOf("order.created", orderId, [{ sku, quantity: 1 }]);
        const again = { ...envelopeOf("order.created", orderId, [{ sku, quantity: 1 }]) };
        await stage.publishAll([first, first, again]);
        await Promise.all([stage.outcomeOf(first), stage.outcomeOf(again)]);
        expect(await rowOf(sku)).toMatchObject({ reserved: 1 });
        expect(await sentTypes(orderId)).toEqual(["stock.reserved"]);
      });

      test("takes its units out of the stock when it is confirmed, once", async () => {
        const sku = await stocked(5);
        const orderId = newId();
        await created(orderId, { sku, quantity: 2 });
        await confirmed(orderId);
        await confirmed(orderId);
        expect(await rowOf(sku)).toMatchObject({ on_hand: 3, reserved: 0, sold: 2 });
        expect(await movementsOf(orderId)).toEqual([{ sku, kind: "sold", quantity: -2 }]);
        await expectBalancedBooks([sku]);
      });

      test.each([
        ["is cancelled", cancelled],
        ["cannot be paid", paymentFailed],
      ])("frees its units when it %s, once", async (_, end) => {
        const sku = await stocked(5);
        const orderId = newId();
        await created(orderId, { sku, quantity: 2 });
        await end(orderId);
        await cancelled(orderId);
        await paymentFailed(orderId);
        expect(await rowOf(sku)).toMatchObject({ on_hand: 5, reserved: 0, sold: 0 });
        expect(await reservationOf(orderId)).toMatchObject({ status: "released" });
        await expectBalancedBooks([sku]);
      });

      test("gives sold units back when it is cancelled after all, once", async () => {
        const sku = await stocked(5);
        const orderId = newId();
        await created(orderId, { sku, quantity: 2 });
        await confirmed(orderId);
        await cancelled(orderId);
        await cancelled(orderId);
        expect(await rowOf(sku)).toMatchObject({ on_hand: 5, reserved: 0, sold: 0 });
        expect((await movementsOf(orderId)).map(({ quantity }) => quantity).sort()).toEqual([-2, 2]);
        expect(await reservationOf(orderId)).toMatchObject({ status: "released", released_by: "order.cancelled" });
        await expectBalancedBooks([sku]);
      });
    });

    describe("a return", () => {
      const returned = (orderId: string, ...lines: (Line & { restock: boolean })[]) => {
        const { customer, number } = orderData(orderId, []);
        const refundAmount = { amount: 0, currency: "EUR" };
        const data: EventData<"return.received"> = { orderId, number, returnId: newId(), customer, lines, refundAmount };
        return newEnvelope("return.received", orderId, data, new Date().toISOString()) as Envelope;
      };

      test("puts back what is as good as new, once, and writes off the rest", async () => {
        const sku = await stocked(5);
        const orderId = newId();
        await created(orderId, { sku, quantity: 3 });
        await confirmed(orderId);
        const event = returned(orderId, { sku, quantity: 1, restock: true }, { sku, quantity: 2, restock: false });
        await Promise.all([happens(event), happens(event)]);
        expect(await rowOf(sku)).toMatchObject({ on_hand: 3, reserved: 0, sold: 3 });
        expect(await movementsOf(orderId)).toEqual([
          { sku, kind: "sold", quantity: -3 },
          { sku, kind: "returned", quantity: 1 },
        ]);
        await expectBalancedBooks([sku]);
      });

      test("may overtake the confirmation of its order", async () => {
        const sku = await stocked(1);
        const orderId = newId();
        await created(orderId, { sku, quantity: 1 });
        await happens(returned(orderId, { sku, quantity: 1, restock: true }));
        await confirmed(orderId);
        expect(await rowOf(sku)).toMatchObject({ on_hand: 1, reserved: 0, sold: 1 });
        await expectBalancedBooks([sku]);
      });
    });

    describe("events that overtake each other", () => {
      test.each([
        ["cancellation", cancelled],
        ["failed payment", paymentFailed],
      ])("an order whose %s is heard of first reserves nothing and is told nothing", async (_, end) => {
        const sku = await stocked(5);
        const orderId = newId();
        await end(orderId);
        expect(await created(orderId, { sku, quantity: 2 })).toMatchObject({ status: "processed" });
        expect(await rowOf(sku)).toMatchObject({ reserved: 0 });
        expect(await stage.sent(orderId)).toEqual([]);
      });

      test("a confirmation waits for the order that it is about", async () => {
        const sku = await stocked(5);
        const orderId = newId();
        const confirmation = envelopeOf("order.confirmed", orderId, []);
        await stage.publishAll([confirmation]);
        await eventually(async () => {
          const row = await stage.database.db
            .selectFrom("inbox")
            .select(["status", "error_code"])
            .where("event_id", "=", confirmation.id)
            .executeTakeFirstOrThrow();
          expect(row).toMatchObject({ status: "failed", error_code: "NOT_RESERVED_YET" });
        });
        await created(orderId, { sku, quantity: 2 });
        expect(await stage.outcomeOf(confirmation)).toMatchObject({ status: "processed" });
        expect(await rowOf(sku)).toMatchObject({ on_hand: 3, reserved: 0, sold: 2 });
      });

      test("a confirmation that was overtaken by the cancellation sells nothing", async () => {
        const sku = await stocked(5);
        const orderId = newId();
        await created(orderId, { sku, quantity: 2 });
        await cancelled(orderId);
        expect(await confirmed(orderId)).toMatchObject({ status: "processed" });
        expect(await rowOf(sku)).toMatchObject({ on_hand: 5, reserved: 0, sold: 0 });
      });

      test("a confirmed order that nothing is held for becomes a dead letter and sells nothing", async () => {
        const sku = await stocked(1);
        const orderId = newId();
        await created(orderId, { sku, quantity: 2 });
        await stage.call("v1.inventory.set", { sku, onHand: 9 });
        expect(await confirmed(orderId)).toEqual({ status: "dead", code: "STOCK_NOT_HELD" });
        expect(await rowOf(sku)).toMatchObject({ on_hand: 9, reserved: 0, sold: 0 });
      });

      test("an order's creation, confirmation and cancellation at the same moment leave the stock as it was", async () => {
        const sku = await stocked(50);
        const orders = Array.from({ length: 12 }, newId);
        const envelopes = orders.flatMap((orderId) =>
          (["order.created", "order.confirmed", "order.cancelled"] as const).map((type) =>
            envelopeOf(type, orderId, [{ sku, quantity: 1 }]),
          ),
        );
        await stage.publishAll(envelopes);
        const outcomes = await Promise.all(envelopes.map((envelope) => stage.outcomeOf(envelope)));
        expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(["processed"]));
        expect(await rowOf(sku)).toMatchObject({ on_hand: 50, reserved: 0, sold: 0 });
        await expectBalancedBooks([sku]);
      });
    });

    describe("a reservation whose time is over", () => {
      const expired = async (sku: string): Promise<string> => {
        const orderId = newId();
        await created(orderId, { sku, quantity: 2 });
        clock.advance(RESERVATION_SECONDS * 1000 - 1);
        expect(await reservationOf(orderId)).toMatchObject({ status: "held" });
        clock.advance(1);
        await eventually(async () => expect(await sentTypes(orderId)).toEqual(["stock.reserved", "reservation.expired"]));
        return orderId;
      };

      test("is reported and keeps its units", async () => {
        const sku = await stocked(2);
        const orderId = await expired(sku);
        expect(await reservationOf(orderId)).toMatchObject({ status: "expiring" });
        const other = newId();
        await created(other, { sku, quantity: 1 });
        expect(await sentTypes(other)).toEqual(["stock.rejected"]);
      });

      test("is sold when the payment has come at the last moment", async () => {
        const sku = await stocked(2);
        await confirmed(await expired(sku));
        expect(await rowOf(sku)).toMatchObject({ on_hand: 0, reserved: 0, sold: 2 });
      });

      test("is freed when the order is cancelled for it", async () => {
        const sku = await stocked(2);
        await cancelled(await expired(sku));
        expect(await rowOf(sku)).toMatchObject({ on_hand: 2, reserved: 0, sold: 0 });
      });

      test("is not reported when its order was decided before", async () => {
        const sku = await stocked(4);
        const [sold, freed] = [newId(), newId()];
        await created(sold, { sku, quantity: 1 });
        await created(freed, { sku, quantity: 1 });
        await confirmed(sold);
        await cancelled(freed);
        const jobs = await stage.database.db.selectFrom("job").select("id").where("aggregate_id", "in", [sold, freed]).execute();
        expect(jobs).toEqual([]);
      });
    });

    describe("the stock", () => {
      test("knows a product's SKUs before anything of them is on hand, and leaves known ones as they are", async () => {
        const known = await stocked(7);
        const fresh = `SKU-${newId()}`;
        const price = { amount: 100, currency: "EUR" };
        const at = new Date().toISOString();
        const product = {
          id: newId(),
          slug: "lamp",
          name: "Lamp",
          brand: "Lumen",
          category: "lighting",
          description: "",
          price,
          variants: [known, fresh].map((sku) => ({ sku, attributes: {}, price })),
          images: [],
          status: "published" as const,
          version: 1,
          createdAt: at,
          updatedAt: at,
        };
        await stage.outcomeOf(await stage.publish("product.created", product.id, { product }));
        await stage.outcomeOf(await stage.publish("product.updated", product.id, { product }));
        const { items } = await stage.call("v1.inventory.getMany", { skus: [fresh, known, "UNHEARD-OF"] });
        expect(new Set(items)).toEqual(
          new Set([
            { sku: known, onHand: 7, reserved: 0, available: 7 },
            { sku: fresh, onHand: 0, reserved: 0, available: 0 },
          ]),
        );
      });

      test("of an unknown SKU is refused", async () => {
        await expect(stage.call("v1.inventory.get", { sku: "UNHEARD-OF" })).rejects.toMatchObject({
          type: "SKU_NOT_FOUND",
          code: 404,
        });
      });

      test("takes over what a stock-take counts, but not less than is reserved", async () => {
        const sku = await stocked(5);
        await created(newId(), { sku, quantity: 3 });
        await expect(stage.call("v1.inventory.set", { sku, onHand: 2 })).rejects.toMatchObject({
          type: "STOCK_BELOW_RESERVED",
          data: { sku, onHand: 2, reserved: 3 },
        });
        expect(await stage.call("v1.inventory.set", { sku, onHand: 3 })).toEqual({ sku, onHand: 3, reserved: 3, available: 0 });
        await expectBalancedBooks([sku]);
      });

      test("takes over many counts of one SKU at the same moment", async () => {
        const sku = `SKU-${newId()}`;
        await Promise.all([3, 9, 4, 7, 5].map((onHand) => stage.call("v1.inventory.set", { sku, onHand })));
        await expectBalancedBooks([sku]);
      });

      test("of the demo goes to SKUs that never had any, two thousand at once", async () => {
        const run = newId();
        const items = Array.from({ length: 2_000 }, (_, n) => ({ sku: `DEMO-${run}-${n}`, onHand: 3 }));
        const unstocked = await stage.call("v1.inventory.seedDemo", { items: items.map(({ sku }) => ({ sku, onHand: 0 })) });
        expect(unstocked).toEqual({ created: 0 });
        const [known, emptied] = [items[0], items[1]] as [{ sku: string }, { sku: string }];
        await stage.call("v1.inventory.set", { sku: known.sku, onHand: 8 });
        await stage.call("v1.inventory.set", { sku: emptied.sku, onHand: 8 });
        await stage.call("v1.inventory.set", { sku: emptied.sku, onHand: 0 });
        const answers = await Promise.all([
          stage.call("v1.inventory.seedDemo", { items }),
          stage.call("v1.inventory.seedDemo", { items: items.toReversed() }),
        ]);
        expect(answers.reduce((sum, { created: count }) => sum + count, 0)).toBe(1_998);
        expect(await rowOf(known.sku)).toMatchObject({ on_hand: 8 });
        expect(await rowOf(emptied.sku)).toMatchObject({ on_hand: 0 });
        await expectBalancedBooks([known.sku, emptied.sku, (items[1_999] as { sku: string }).sku]);
      });
    });

    describe("competition", () => {
      test("many orders for the last unit: exactly one gets it", async () => {
        const sku = await stocked(1);
        const orders = Array.from({ length: 40 }, newId);
        const envelopes = orders.map((orderId) => envelopeOf("order.created", orderId, [{ sku, quantity: 1 }]));
        await stage.publishAll(envelopes);
        await Promise.all(envelopes.map((envelope) => stage.outcomeOf(envelope)));
        const sent = (await Promise.all(orders.map(sentTypes))).flat();
        expect(sent.filter((type) => type === "stock.reserved")).toHaveLength(1);
        expect(sent.filter((type) => type === "stock.rejected")).toHaveLength(39);
        expect(await rowOf(sku)).toMatchObject({ on_hand: 1, reserved: 1 });
      });

      test("orders that name the same SKUs in opposite order do not stop each other", async () => {
        const [a, b] = [await stocked(40), await stocked(40)];
        const envelopes = Array.from({ length: 40 }, (_, n) => {
          const lines = [
            { sku: a, quantity: 1 },
            { sku: b, quantity: 1 },
          ];
          return envelopeOf("order.created", newId(), n % 2 === 0 ? lines : lines.toReversed());
        });
        await stage.publishAll(envelopes);
        await Promise.all(envelopes.map((envelope) => stage.outcomeOf(envelope)));
        expect(await rowOf(a)).toMatchObject({ reserved: 40 });
        expect(await rowOf(b)).toMatchObject({ reserved: 40 });
      });

      test("whatever happens to random orders, nothing is oversold and the books balance", async () => {
        const order = fc.record({
          lines: fc.array(fc.record({ sku: fc.nat(2), quantity: fc.integer({ min: 1, max: 3 }) }), {
            minLength: 1,
            maxLength: 3,
          }),
          events: fc.subarray(["order.confirmed", "order.cancelled", "payment.failed"] as const),
        });
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.nat(6), { minLength: 3, maxLength: 3 }),
            fc.array(order, { minLength: 1, maxLength: 10 }),
            fc.infiniteStream(fc.nat(1_000)),
            async (onHand, orders, ranks) => {
              const skus = await Promise.all(onHand.map(stocked));
              const envelopes = orders.flatMap(({ lines, events }) => {
                const orderId = newId();
                const wanted = lines.map(({ sku, quantity }) => ({ sku: skus[sku] as string, quantity }));
                const rest = events.map((type) =>
                  type === "payment.failed" ? failureOf(orderId) : envelopeOf(type, orderId, wanted),
                );
                return [envelopeOf("order.created", orderId, wanted), ...rest];
              });
              const shuffled = envelopes
                .map((envelope) => ({ envelope, rank: ranks.next().value as number }))
                .sort((one, other) => one.rank - other.rank)
                .map(({ envelope }) => envelope);
              await stage.publishAll(shuffled);
              const outcomes = await Promise.all(envelopes.map((envelope) => stage.outcomeOf(envelope)));
              // An order that is confirmed and failed or rejected is a contradiction, and is shown as one.
              for (const { status, code } of outcomes) if (status === "dead") expect(code).toBe("STOCK_NOT_HELD");
              await expectBalancedBooks(skus);
            },
          ),
          { numRuns: 12, interruptAfterTimeLimit: 15_000 },
        );
      });
    });
  });
}
