import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  causeOf,
  nextStep,
  type Reservation,
  type Step,
  settlements,
  type Trigger,
  tombstone,
} from "../../../../services/inventory/reservation.ts";
import { demandOf, type Line, shortagesOf } from "../../../../services/inventory/stock.ts";

const reservation = (status: Reservation["status"], releasedBy: Reservation["releasedBy"] = null): Reservation => ({
  orderId: "order-1",
  status,
  releasedBy,
  expiresAt: null,
  lines: [{ sku: "A", quantity: 1 }],
});

const held = reservation("held");
const expiring = reservation("expiring");
const committed = reservation("committed");
const failed = reservation("released", "payment.failed");
const rejected = reservation("released", "stock.rejected");
const cancelled = reservation("released", "order.cancelled");

describe("the next step of a reservation", () => {
  const cases: [string, Reservation | undefined, Trigger, Step][] = [
    ["a held one is sold when its order is confirmed", held, "order.confirmed", "commit"],
    ["a held one is released when its order is cancelled", held, "order.cancelled", "release"],
    ["a held one is released when its payment fails", held, "payment.failed", "release"],
    ["a held one expires when its time is over", held, "reservation.overdue", "expire"],
    ["an expiring one is still sold when its order is confirmed", expiring, "order.confirmed", "commit"],
    ["an expiring one is released when its order is cancelled", expiring, "order.cancelled", "release"],
    ["an expiring one expires once", expiring, "reservation.overdue", "nothing"],
    ["a committed one is sold once", committed, "order.confirmed", "nothing"],
    ["a committed one does not expire", committed, "reservation.overdue", "nothing"],
    ["a committed one is given back when its order is cancelled after all", committed, "order.cancelled", "give back"],
    ["an unknown order that is confirmed is waited for", undefined, "order.confirmed", "wait"],
    ["an unknown order that is cancelled is remembered", undefined, "order.cancelled", "remember"],
    ["an unknown order whose payment fails is remembered", undefined, "payment.failed", "remember"],
    ["a rejected order is never sold", rejected, "order.confirmed", "refuse"],
    ["an order whose payment has failed is never sold", failed, "order.confirmed", "refuse"],
    ["a failed order's cancellation is final", failed, "order.cancelled", "close"],
    ["a cancelled order's overtaken confirmation is history", cancelled, "order.confirmed", "nothing"],
    ["a released one is released once", cancelled, "order.cancelled", "nothing"],
  ];
  test.each(cases)("%s", (_, before, trigger, step) => {
    expect(nextStep(before, trigger)).toBe(step);
  });
});

describe("a settlement", () => {
  test.each(Object.keys(settlements) as (keyof typeof settlements)[])("%s makes no unit appear or vanish", (name) => {
    const { onHand, sold } = settlements[name].perUnit;
    expect(onHand + sold).toBe(0);
  });
});

/** The whole inventory in memory, driven by the same decisions. */
class Model {
  readonly stock = new Map<string, { onHand: number; reserved: number; sold: number }>();
  readonly reservations = new Map<string, Reservation>();
  readonly putIn: number;

  constructor(skus: readonly string[], putIn: number) {
    this.putIn = putIn;
    for (const sku of skus) this.stock.set(sku, { onHand: putIn, reserved: 0, sold: 0 });
  }

  create(orderId: string, lines: readonly Line[]): void {
    if (this.reservations.has(orderId)) return;
    const demand = demandOf(lines);
    const rows = [...this.stock].map(([sku, s]) => ({ sku, ...s, available: s.onHand - s.reserved }));
    if (shortagesOf(demand, rows).length > 0) {
      this.reservations.set(orderId, { ...tombstone(orderId, "stock.rejected"), lines: demand });
      return;
    }
    for (const { sku, quantity } of demand) this.#row(sku).reserved += quantity;
    this.reservations.set(orderId, { orderId, status: "held", releasedBy: null, expiresAt: null, lines: demand });
  }

  react(orderId: string, trigger: Trigger): void {
    const found = this.reservations.get(orderId);
    const step = nextStep(found, trigger);
    if (step === "remember" || step === "close")
      this.reservations.set(orderId, { ...(found ?? tombstone(orderId, null)), releasedBy: causeOf(trigger) });
    if (step === "expire") this.reservations.set(orderId, { ...(found as Reservation), status: "expiring" });
    if (step !== "commit" && step !== "release" && step !== "give back") return;
    const { status, perUnit } = settlements[step];
    for (const { sku, quantity } of (found as Reservation).lines) {
      const row = this.#row(sku);
      row.onHand += perUnit.onHand * quantity;
      row.reserved += perUnit.reserved * quantity;
      row.sold += perUnit.sold * quantity;
    }
    const releasedBy = status === "released" ? causeOf(trigger) : null;
    this.reservations.set(orderId, { ...(found as Reservation), status, releasedBy });
  }

  unitsIn(sku: string, statuses: readonly string[]): number {
    return [...this.reservations.values()]
      .filter(({ status }) => statuses.includes(status))
      .flatMap(({ lines }) => lines)
      .reduce((sum, line) => sum + (line.sku === sku ? line.quantity : 0), 0);
  }

  #row(sku: string) {
    return this.stock.get(sku) as { onHand: number; reserved: number; sold: number };
  }
}

test("in any order of events, with any repeats, no unit is sold twice and none is lost", () => {
  const skus = ["A", "B", "C"];
  const orderIds = ["1", "2", "3", "4", "5"];
  const lines = fc.array(fc.record({ sku: fc.constantFrom(...skus), quantity: fc.integer({ min: 1, max: 3 }) }), {
    minLength: 1,
    maxLength: 3,
  });
  const triggers: Trigger[] = ["order.confirmed", "order.cancelled", "payment.failed", "reservation.overdue"];
  const happening = fc.record({
    orderId: fc.constantFrom(...orderIds),
    what: fc.oneof(lines, fc.constantFrom(...triggers)),
  });
  fc.assert(
    fc.property(fc.nat(6), fc.array(happening, { maxLength: 60 }), (putIn, happenings) => {
      const model = new Model(skus, putIn);
      for (const { orderId, what } of happenings) {
        if (typeof what === "string") model.react(orderId, what);
        else model.create(orderId, what);
        for (const [sku, { onHand, reserved, sold }] of model.stock) {
          expect(onHand + sold).toBe(putIn);
          expect(reserved).toBeGreaterThanOrEqual(0);
          expect(reserved).toBeLessThanOrEqual(onHand);
          expect(reserved).toBe(model.unitsIn(sku, ["held", "expiring"]));
          expect(sold).toBe(model.unitsIn(sku, ["committed"]));
        }
      }
    }),
    { numRuns: 300 },
  );
});
