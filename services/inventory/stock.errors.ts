import { NotYet, Refusal } from "@molecart/mixins/lib/errors.ts";

export class SkuNotFound extends Refusal {
  constructor(sku: string) {
    super("SKU_NOT_FOUND", 404, `The inventory does not know the SKU ${sku}`, { sku });
  }
}

export class StockBelowReserved extends Refusal {
  constructor(sku: string, onHand: number, reserved: number) {
    super("STOCK_BELOW_RESERVED", 409, `${reserved} of ${sku} are reserved for orders, ${onHand} are too few`, {
      sku,
      onHand,
      reserved,
    });
  }
}

/** An order was confirmed whose units are held for nobody: somebody has to look, because to sell them now could oversell. */
export class StockNotHeld extends Refusal {
  constructor(orderId: string, releasedBy: string) {
    super("STOCK_NOT_HELD", 409, `Order ${orderId} is confirmed, but its stock was released by ${releasedBy}`, {
      orderId,
      releasedBy,
    });
  }
}

export class NotReservedYet extends NotYet {
  constructor(orderId: string) {
    super("NOT_RESERVED_YET", 409, `Order ${orderId} is confirmed, but not reserved here yet`, { orderId });
  }
}
