import type { OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import { Refusal } from "@molecart/mixins/lib/errors.ts";
import { format, type Money } from "@molecart/mixins/lib/money.ts";

export class OrderNotFound extends Refusal {
  constructor(orderId: string) {
    super("ORDER_NOT_FOUND", 404, `There is no order ${orderId}`);
  }
}

export class CartEmpty extends Refusal {
  constructor() {
    super("CART_EMPTY", 409, "There is nothing in the cart");
  }
}

export class NotSellable extends Refusal {
  constructor(skus: readonly string[]) {
    super("NOT_SELLABLE", 409, `Not for sale: ${skus.join(", ")}`, { skus });
  }
}

export class TotalChanged extends Refusal {
  constructor(expected: Money, actual: Money) {
    super("TOTAL_CHANGED", 409, `The total is ${format(actual)}, not ${format(expected)}`, { expected, actual });
  }
}

export class IdempotencyKeyReused extends Refusal {
  constructor(key: string) {
    super("IDEMPOTENCY_KEY_REUSED", 422, `The Idempotency-Key ${key} was used with another request`);
  }
}

export class NotCancellable extends Refusal {
  constructor(number: string, status: OrderStatus) {
    super("NOT_CANCELLABLE", 409, `Order ${number} is ${status} and cannot be cancelled any more`, { status });
  }
}
