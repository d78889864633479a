import { expect, test } from "@jest/globals";
import { priceLines } from "../../../../services/orders/order.ts";
import { checkQuote } from "../../../../services/orders/quote.ts";

const unitPrice = { amount: 1_000, currency: "EUR" };
const rules = { currency: "EUR", shippingFee: 490, freeShippingFrom: 5_000, taxBasisPoints: 1_900 };
const item = { sku: "A", productId: "p", name: "Thing A", unitPrice, sellable: true };

test("A quote is taken for its cart and country, once and in time", () => {
  const priced = priceLines([{ sku: "A", quantity: 2 }], [item], rules, "DE");
  const quote = { id: "q1", country: "DE", ...priced, expiresAt: "2026-01-01T00:15:00.000Z" };
  const cart = [{ sku: "A", quantity: 2 }];
  const at = "2026-01-01T00:14:59.999Z";
  const check = (orderId: string | null, lines: typeof cart, country: string, now: string) => () =>
    checkQuote({ quote, orderId }, lines, country, now);
  expect(check(null, cart, "DE", at)).not.toThrow();
  const refused = (type: string) => expect.objectContaining({ type, code: 409 }) as never;
  expect(check("o1", cart, "DE", at)).toThrow(refused("QUOTE_USED"));
  expect(check(null, cart, "DE", quote.expiresAt)).toThrow(refused("QUOTE_EXPIRED"));
  expect(check(null, cart, "AT", at)).toThrow(refused("QUOTE_COUNTRY_DIFFERS"));
  expect(check(null, [{ sku: "A", quantity: 3 }], "DE", at)).toThrow(refused("QUOTE_CHANGED"));
  expect(check(null, [...cart, { sku: "B", quantity: 1 }], "DE", at)).toThrow(refused("QUOTE_CHANGED"));
  expect(check(null, [], "DE", at)).toThrow(refused("QUOTE_CHANGED"));
});
