import { type Environment, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";

export const ordersConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    pricing: readPricingRules(read),
    /** From the acceptance to the cancellation of an order that nobody has paid. */
    paymentDueMs: read.integer("ORDERS_PAYMENT_DUE_SECONDS", 900, { min: 1, max: 86_400 }) * 1000,
    /** How long a quote's prices are promised. */
    quoteMs: read.integer("ORDERS_QUOTE_MINUTES", 15, { min: 1, max: 1_440 }) * 60_000,
    /** How long the answer to an `Idempotency-Key` is remembered. */
    answersKeepMs: read.integer("ORDERS_IDEMPOTENCY_KEEP_DAYS", 30, { min: 1, max: 3_650 }) * 86_400_000,
  });
};
