import type { Quote } from "@molecart/mixins/contracts/orders.ts";
import { QuoteChanged, QuoteCountryDiffers, QuoteExpired, QuoteUsed } from "./order.errors.ts";
import type { Quantity } from "./order.ts";

export interface StoredQuote {
  quote: Quote;
  /** The order that has used it. */
  orderId: string | null;
}

/** Throws where an order may not have the quote's prices. An order has exactly what was quoted, or is refused. */
export const checkQuote = ({ quote, orderId }: StoredQuote, cart: readonly Quantity[], country: string, now: string): void => {
  if (orderId !== null) throw new QuoteUsed(quote.id, orderId);
  if (quote.expiresAt <= now) throw new QuoteExpired(quote.id, quote.expiresAt);
  if (quote.country !== country) throw new QuoteCountryDiffers(quote.country, country);
  const quoted = new Map(quote.lines.map(({ sku, quantity }) => [sku, quantity]));
  const isSame = cart.length === quoted.size && cart.every(({ sku, quantity }) => quoted.get(sku) === quantity);
  if (!isSame) throw new QuoteChanged(quote.id);
};
