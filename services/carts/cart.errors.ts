import { Refusal } from "@molecart/mixins/lib/errors.ts";

export class SkuNotFound extends Refusal {
  constructor(sku: string) {
    super("SKU_NOT_FOUND", 404, `The catalogue does not know ${sku}`);
  }
}

export class NotSellable extends Refusal {
  constructor(sku: string) {
    super("NOT_SELLABLE", 409, `${sku} is not for sale`, { sku });
  }
}

export class SoldOut extends Refusal {
  constructor(sku: string) {
    super("SOLD_OUT", 409, `Nothing of ${sku} is in stock`, { sku });
  }
}

/** Nothing was added. */
export class QuantityLimit extends Refusal {
  constructor(sku: string, quantity: number, maxQuantity: number) {
    super("QUANTITY_LIMIT", 409, `The cart holds ${quantity} of ${sku}, and ${maxQuantity} at most`, {
      sku,
      quantity,
      maxQuantity,
    });
  }
}

export class IdempotencyKeyReused extends Refusal {
  constructor(key: string) {
    super("IDEMPOTENCY_KEY_REUSED", 422, `The Idempotency-Key ${key} was used with another request`);
  }
}

export class CartFull extends Refusal {
  constructor(maxLines: number) {
    super("CART_FULL", 409, `The cart would have more than ${maxLines} lines`, { maxLines });
  }
}
