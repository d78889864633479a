import type { ShipmentStatus } from "@molecart/mixins/contracts/shipping.ts";
import { Refusal } from "@molecart/mixins/lib/errors.ts";

export class ShipmentNotFound extends Refusal {
  /** `id`: of the shipment or of its order. */
  constructor(id: string) {
    super("SHIPMENT_NOT_FOUND", 404, `There is no shipment of ${id}`);
  }
}

export class IllegalTransition extends Refusal {
  constructor(shipmentId: string, status: ShipmentStatus, wish: string) {
    super("ILLEGAL_TRANSITION", 409, `Shipment ${shipmentId} is ${status}: it cannot ${wish}`, { status, wish });
  }
}
