import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Viewer } from "@molecart/mixins/contracts/common.ts";
import type { EventName } from "@molecart/mixins/contracts/index.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { ShippingTables } from "../../services/shipping/shipment.table.ts";
import { customer, orderData, shippingAddress } from "../support/order-events.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { openStage, type Stage } from "../support/stage.ts";
import { type World, worlds } from "../support/worlds.ts";

const owner: Viewer = { userId: customer.id, roles: ["customer"] };
const stranger: Viewer = { userId: "customer-2", roles: ["customer"] };
const staff: Viewer = { userId: "staff-1", roles: ["staff"] };
const label = { carrier: "DHL", trackingNumber: "00340 4344" };
const lines = [
  { sku: "LAMP-1", quantity: 2 },
  { sku: "DESK-1", quantity: 1 },
];

for (const { world: name, servers, open } of worlds) {
  describeWith(servers, `Shipping, ${name}`, () => {
    let world: World;
    let stage: Stage<ShippingTables>;

    beforeAll(async () => {
      world = await open();
      // Served, two brokers compete for every event and row.
      stage = await openStage({
        service: "shipping",
        brokers: world.postgres ? 2 : 1,
        env: await world.environment("shipping"),
      });
    });
    afterAll(async () => {
      await stage?.close();
      await world?.close();
    });

    const confirmed = async (orderId: string) =>
      stage.outcomeOf(await stage.publish("order.confirmed", orderId, orderData(orderId, lines)));
    const cancelled = async (orderId: string) =>
      stage.outcomeOf(await stage.publish("order.cancelled", orderId, { ...orderData(orderId, lines), reason: "changed_mind" }));
    const shipmentOf = (orderId: string, viewer = staff) => stage.call("v1.shipping.getByOrder", { orderId, viewer });
    const dispatch = (shipmentId: string, wish = label) => stage.call("v1.shipping.dispatch", { shipmentId, ...wish });
    const deliver = (shipmentId: string) => stage.call("v1.shipping.deliver", { shipmentId });
    const cancel = (orderId: string) => stage.call("v1.shipping.cancel", { orderId });
    const sentTypes = async (orderId: string): Promise<EventName[]> => (await stage.sent(orderId)).map(({ type }) => type);

    /** An order of the test's own, and its shipment. */
    const pending = async () => {
      const orderId = newId();
      await confirmed(orderId);
      return { orderId, shipmentId: (await shipmentOf(orderId)).id };
    };
    const notFound = { type: "SHIPMENT_NOT_FOUND", code: 404 };
    const illegal = { type: "ILLEGAL_TRANSITION", code: 409 };

    describe("a confirmed order", () => {
      test("gets one pending shipment, however often it is heard of", async () => {
        const orderId = newId();
        await Promise.all([confirmed(orderId), confirmed(orderId), confirmed(orderId)]);
        expect(await shipmentOf(orderId, owner)).toEqual({
          id: expect.any(String),
          orderId,
          status: "pending",
          lines: [
            { sku: "LAMP-1", name: "The LAMP-1", quantity: 2 },
            { sku: "DESK-1", name: "The DESK-1", quantity: 1 },
          ],
          address: shippingAddress,
          carrier: null,
          trackingNumber: null,
          history: [{ status: "pending", at: expect.any(String) }],
          createdAt: expect.any(String),
        });
        const rows = await stage.database.db.selectFrom("shipment").select("id").where("order_id", "=", orderId).execute();
        expect(rows).toHaveLength(1);
      });

      test("shows its shipment to its owner and to staff only", async () => {
        const { orderId, shipmentId } = await pending();
        expect((await shipmentOf(orderId, owner)).id).toBe(shipmentId);
        expect((await shipmentOf(orderId, staff)).id).toBe(shipmentId);
        await expect(shipmentOf(orderId, stranger)).rejects.toMatchObject(notFound);
        await expect(shipmentOf(newId(), owner)).rejects.toMatchObject(notFound);
      });
    });

    describe("a parcel", () => {
      test("is dispatched and delivered, each announced once with what the customer needs", async () => {
        const { orderId, shipmentId } = await pending();
        const dispatched = await dispatch(shipmentId);
        expect(dispatched).toMatchObject({ status: "dispatched", ...label });
        expect(await dispatch(shipmentId)).toEqual(dispatched);
        const delivered = await deliver(shipmentId);
        expect(delivered.history.map(({ status }) => status)).toEqual(["pending", "dispatched", "delivered"]);
        expect(await deliver(shipmentId)).toEqual(delivered);
        expect(await dispatch(shipmentId)).toEqual(delivered);

        const { number } = orderData(orderId, []);
        const parcel = { orderId, number, shipmentId, ...label, customer };
        expect(await stage.sent(orderId)).toEqual([
          { type: "shipment.dispatched", data: { ...parcel, at: delivered.history[1]?.at } },
          { type: "shipment.delivered", data: { ...parcel, at: delivered.history[2]?.at } },
        ]);
      });

      test("that has left cannot get another label", async () => {
        const { orderId, shipmentId } = await pending();
        await dispatch(shipmentId);
        await expect(dispatch(shipmentId, { ...label, carrier: "UPS" })).rejects.toMatchObject({
          ...illegal,
          data: { status: "dispatched", wish: "dispatch" },
        });
        expect(await shipmentOf(orderId)).toMatchObject(label);
      });

      test("is not delivered before it was dispatched", async () => {
        const { orderId, shipmentId } = await pending();
        await expect(deliver(shipmentId)).rejects.toMatchObject(illegal);
        expect(await stage.sent(orderId)).toEqual([]);
      });

      test("of two labels at the same moment gets one", async () => {
        const { orderId, shipmentId } = await pending();
        const outcomes = await Promise.allSettled(
          ["DHL", "UPS", "DPD", "GLS"].map((carrier) => dispatch(shipmentId, { ...label, carrier })),
        );
        expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
        expect(await sentTypes(orderId)).toEqual(["shipment.dispatched"]);
      });

      test("that nobody knows is refused", async () => {
        await expect(dispatch(newId())).rejects.toMatchObject(notFound);
        await expect(deliver(newId())).rejects.toMatchObject(notFound);
      });
    });

    describe("a wish to stop the parcel", () => {
      test("is met while it is pending, also when it is repeated", async () => {
        const { orderId, shipmentId } = await pending();
        expect(await cancel(orderId)).toEqual({ cancelled: true });
        expect(await cancel(orderId)).toEqual({ cancelled: true });
        expect((await shipmentOf(orderId, owner)).history.map(({ status }) => status)).toEqual(["pending", "cancelled"]);
        await expect(dispatch(shipmentId)).rejects.toMatchObject(illegal);
        expect(await stage.sent(orderId)).toEqual([]);
      });

      test("is met before shipping has heard of the order, and then no parcel is made for it", async () => {
        const orderId = newId();
        expect(await cancel(orderId)).toEqual({ cancelled: true });
        expect(await confirmed(orderId)).toMatchObject({ status: "processed" });
        await expect(shipmentOf(orderId)).rejects.toMatchObject(notFound);
        const tombstone = await stage.database.db
          .selectFrom("shipment")
          .select(["id", "status", "address"])
          .where("order_id", "=", orderId)
          .executeTakeFirstOrThrow();
        expect(tombstone).toMatchObject({ status: "cancelled", address: null });
        await expect(dispatch(tombstone.id)).rejects.toMatchObject(notFound);
      });

      test("comes too late once it is dispatched or delivered", async () => {
        const { orderId, shipmentId } = await pending();
        await dispatch(shipmentId);
        expect(await cancel(orderId)).toEqual({ cancelled: false });
        await deliver(shipmentId);
        expect(await cancel(orderId)).toEqual({ cancelled: false });
        expect(await shipmentOf(orderId)).toMatchObject({ status: "delivered" });
      });

      test("and a dispatch at the same moment: either the parcel leaves or it is stopped, never both", async () => {
        for (let round = 0; round < 8; round++) {
          const { orderId, shipmentId } = await pending();
          const early = round % 2 === 0 ? cancel(orderId) : undefined;
          const leaving = dispatch(shipmentId);
          const [stopped, dispatched] = await Promise.allSettled([early ?? cancel(orderId), leaving]);
          const left = dispatched.status === "fulfilled";
          expect(stopped).toEqual({ status: "fulfilled", value: { cancelled: !left } });
          expect(await sentTypes(orderId)).toEqual(left ? ["shipment.dispatched"] : []);
        }
      });

      test("and the confirmation at the same moment leave no parcel that could be sent", async () => {
        const orderIds = Array.from({ length: 10 }, newId);
        await Promise.all(orderIds.flatMap((orderId) => [confirmed(orderId), cancel(orderId)]));
        const rows = await stage.database.db.selectFrom("shipment").select("status").where("order_id", "in", orderIds).execute();
        expect(rows.map(({ status }) => status)).toEqual(orderIds.map(() => "cancelled"));
      });
    });

    describe("an order that is cancelled", () => {
      test("has its pending shipment cancelled", async () => {
        const { orderId } = await pending();
        await cancelled(orderId);
        await cancelled(orderId);
        expect((await shipmentOf(orderId)).history.map(({ status }) => status)).toEqual(["pending", "cancelled"]);
      });

      test("before its confirmation is heard of gets no parcel", async () => {
        const orderId = newId();
        await cancelled(orderId);
        await confirmed(orderId);
        await expect(shipmentOf(orderId)).rejects.toMatchObject(notFound);
      });

      test("does not call back a parcel that has left", async () => {
        const { orderId, shipmentId } = await pending();
        await dispatch(shipmentId);
        expect(await cancelled(orderId)).toMatchObject({ status: "processed" });
        expect(await shipmentOf(orderId)).toMatchObject({ status: "dispatched" });
      });
    });
  });
}
