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

export class CartFull extends Refusal {
  constructor(maxLines: number) {
    super("CART_FULL", 409, `The cart would have more than ${maxLines} lines`, { maxLines });
  }
}
