import type { OrderStatus, ReturnStatus } from "@molecart/mixins/contracts/orders.ts";
import { NotYet, Refusal } from "@molecart/mixins/lib/errors.ts";
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

/** Names the order that has everything which is in the cart. */
export class CartAlreadyOrdered extends Refusal {
  constructor(orderId: string) {
    super("CART_ALREADY_ORDERED", 409, `What is in the cart was ordered just now, with order ${orderId}`, { orderId });
  }
}

/** The customer has placed another order between the look into the cart and the acceptance: the cart is looked into again. */
export class CartOrderedMeanwhile extends NotYet {
  constructor() {
    super("CART_ORDERED_MEANWHILE", 409, "Another order of this customer was accepted meanwhile");
  }
}

export class QuoteNotFound extends Refusal {
  constructor(quoteId: string) {
    super("QUOTE_NOT_FOUND", 404, `There is no quote ${quoteId}`);
  }
}

export class QuoteExpired extends Refusal {
  constructor(quoteId: string, expiresAt: string) {
    super("QUOTE_EXPIRED", 409, `The quote ${quoteId} was good until ${expiresAt}`, { expiresAt });
  }
}

export class QuoteChanged extends Refusal {
  constructor(quoteId: string) {
    super("QUOTE_CHANGED", 409, `The cart is not what the quote ${quoteId} is of`);
  }
}

export class QuoteUsed extends Refusal {
  constructor(quoteId: string, orderId: string) {
    super("QUOTE_USED", 409, `The quote ${quoteId} is in order ${orderId}`, { orderId });
  }
}

export class QuoteCountryDiffers extends Refusal {
  constructor(quoted: string, country: string) {
    super("QUOTE_COUNTRY_DIFFERS", 409, `The quote is for ${quoted}, the parcel goes to ${country}`, { quoted, country });
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

export class NotReturnable extends Refusal {
  constructor(number: string, status: OrderStatus) {
    super("NOT_RETURNABLE", 409, `Order ${number} is ${status}: nothing of it can be returned`, { status });
  }
}

export interface Excess {
  sku: string;
  requested: number;
  returnable: number;
}

export class ReturnTooLarge extends Refusal {
  constructor(excesses: readonly Excess[]) {
    const each = excesses.map(({ sku, requested, returnable }) => `${requested} of ${sku}, at most ${returnable}`);
    super("RETURN_TOO_LARGE", 409, `Cannot be returned: ${each.join("; ")}`, { lines: excesses });
  }
}

export class ReturnNotFound extends Refusal {
  constructor(returnId: string) {
    super("RETURN_NOT_FOUND", 404, `There is no return ${returnId}`);
  }
}

export class ReturnClosed extends Refusal {
  constructor(returnId: string, status: ReturnStatus) {
    super("RETURN_CLOSED", 409, `Return ${returnId} is ${status} already`, { status });
  }
}
