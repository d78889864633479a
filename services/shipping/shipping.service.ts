import { shipping } from "@molecart/mixins/contracts/shipping.ts";
import { database } from "@molecart/mixins/database.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { maySee } from "@molecart/mixins/lib/ownership.ts";
import { ShipmentNotFound } from "./shipment.errors.ts";
import { createShipment, deliverShipment, dispatchShipment, stopShipment } from "./shipment.operations.ts";
import { findShipmentOf } from "./shipment.repository.ts";
import type { ShippingTables } from "./shipment.table.ts";
import { hasParcel, toShipment } from "./shipment.ts";

export default implement(shipping, {
  mixins: [database<ShippingTables>({ name: "shipping", migrations: new URL("./migrations/", import.meta.url) })],

  actions: {
    async getByOrder({ params: { orderId, viewer } }) {
      const stored = await findShipmentOf(this.database.db, orderId);
      if (!hasParcel(stored) || !maySee(viewer, stored.parcel.customer.id)) throw new ShipmentNotFound(orderId);
      return toShipment(stored);
    },

    dispatch({ params }) {
      return this.transaction((work) => dispatchShipment(work, params));
    },

    deliver({ params: { shipmentId } }) {
      return this.transaction((work) => deliverShipment(work, shipmentId));
    },

    async cancel({ params: { orderId } }) {
      return { cancelled: await this.transaction((work) => stopShipment(work, orderId)) };
    },
  },

  durable: {
    "order.confirmed": { handler: ({ params, locals }) => createShipment(locals.work, params) },
    "order.cancelled": {
      async handler({ params, locals }) {
        await stopShipment(locals.work, params.orderId);
      },
    },
  },
});
