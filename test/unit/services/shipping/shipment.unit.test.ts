import { describe, expect, test } from "@jest/globals";
import type { ShipmentStatus } from "@molecart/mixins/contracts/shipping.ts";
import fc from "fast-check";
import {
  deliver,
  dispatch,
  hasParcel,
  pendingShipment,
  type StoredShipment,
  stop,
  tombstone,
  toShipment,
  transitions,
} from "../../../../services/shipping/shipment.ts";

const at = "2026-03-01T12:00:00.000Z";
const later = "2026-03-02T12:00:00.000Z";
const label = { carrier: "DHL", trackingNumber: "00340" };
const parcel = {
  number: "M-1",
  customer: { id: "customer-1", email: "ada@example.com", name: "Ada" },
  lines: [{ sku: "A", name: "The A", quantity: 2 }],
  address: { name: "Ada", line1: "1 Analytical Way", city: "London", postalCode: "N1", country: "GB" },
};

const pending = pendingShipment("shipment-1", "order-1", parcel, at);
const dispatched = dispatch(pending, label, later) as StoredShipment;
const delivered = deliver(dispatched, later) as StoredShipment;
const cancelled = { ...pending, status: "cancelled" as const };

describe("a dispatch", () => {
  test("puts the label on a pending shipment", () => {
    expect(dispatched).toMatchObject({ status: "dispatched", label });
    expect(dispatched.history).toEqual([
      { status: "pending", at },
      { status: "dispatched", at: later },
    ]);
  });

  test.each([
    ["dispatched", dispatched],
    ["delivered", delivered],
  ])("with the same label changes nothing on a %s shipment", (_, shipment) => {
    expect(dispatch(shipment, { ...label }, later)).toBeUndefined();
  });

  test.each([
    ["a dispatched shipment with another carrier", dispatched, { ...label, carrier: "UPS" }],
    ["a dispatched shipment with another tracking number", dispatched, { ...label, trackingNumber: "1Z" }],
    ["a cancelled shipment", cancelled, label],
    ["a delivered shipment with another label", delivered, { ...label, carrier: "UPS" }],
  ])("of %s is refused", (_, shipment, wish) => {
    expect(() => dispatch(shipment, wish, later)).toThrow(
      expect.objectContaining({ type: "ILLEGAL_TRANSITION", code: 409, data: { status: shipment.status, wish: "dispatch" } }),
    );
  });
});

describe("a delivery", () => {
  test("ends a dispatched shipment", () => {
    expect(delivered.status).toBe("delivered");
  });

  test("changes nothing the second time", () => {
    expect(deliver(delivered, later)).toBeUndefined();
  });

  test.each([
    ["pending", pending],
    ["cancelled", cancelled],
  ])("of a %s shipment is refused", (_, shipment) => {
    expect(() => deliver(shipment, later)).toThrow(expect.objectContaining({ type: "ILLEGAL_TRANSITION" }));
  });
});

describe("a stop", () => {
  test.each([
    ["pending", pending, "cancel"],
    ["cancelled", cancelled, "already cancelled"],
    ["dispatched", dispatched, "too late"],
    ["delivered", delivered, "too late"],
  ])("of a %s shipment: %s", (_, shipment, outcome) => {
    expect(stop(shipment as StoredShipment, later).outcome).toBe(outcome);
  });
});

describe("a shipment", () => {
  test("shows no customer data beyond lines and address", () => {
    expect(hasParcel(pending)).toBe(true);
    expect(hasParcel(pending) && toShipment(pending)).toEqual({
      id: "shipment-1",
      orderId: "order-1",
      status: "pending",
      lines: parcel.lines,
      address: parcel.address,
      carrier: null,
      trackingNumber: null,
      history: [{ status: "pending", at }],
      createdAt: at,
    });
  });

  test("without a parcel is a tombstone", () => {
    expect(hasParcel(tombstone("shipment-1", "order-1", at))).toBe(false);
    expect(hasParcel(undefined)).toBe(false);
  });
});

test("a parcel that was stopped never leaves, and one that has left is never stopped", () => {
  const wishes = fc.array(fc.constantFrom("dispatch", "deliver", "stop"), { maxLength: 12 });
  fc.assert(
    fc.property(wishes, (sequence) => {
      let shipment: StoredShipment = pending;
      for (const wish of sequence) {
        try {
          if (wish === "dispatch") shipment = dispatch(shipment, label, later) ?? shipment;
          if (wish === "deliver") shipment = deliver(shipment, later) ?? shipment;
          const stopped = wish === "stop" ? stop(shipment, later) : undefined;
          if (stopped?.outcome === "cancel") shipment = stopped.shipment;
        } catch (error) {
          expect(error).toMatchObject({ type: "ILLEGAL_TRANSITION" });
        }
      }
      const passed = shipment.history.map(({ status }) => status as ShipmentStatus);
      expect(passed.includes("cancelled") && passed.includes("dispatched")).toBe(false);
      for (const [index, status] of passed.slice(1).entries())
        expect(Object.values(transitions[passed[index] as ShipmentStatus])).toContain(status);
    }),
  );
});
