import type { EnvironmentReader } from "./config.ts";
import { ConfigurationError } from "./errors.ts";
import type { PricingRules } from "./pricing.ts";

/** The shop's pricing, the same for every service that computes totals. */
export const readPricingRules = (read: EnvironmentReader): PricingRules => {
  const currency = read.text("SHOP_CURRENCY", "EUR");
  if (!/^[A-Z]{3}$/.test(currency)) throw new ConfigurationError("SHOP_CURRENCY", `"${currency}" is not an ISO 4217 code`);
  return Object.freeze({
    currency,
    shippingFee: read.integer("SHOP_SHIPPING_FEE", 490),
    freeShippingFrom: read.integer("SHOP_FREE_SHIPPING_FROM", 5_000),
    taxBasisPoints: read.integer("SHOP_TAX_BASIS_POINTS", 1_900, { max: 10_000 }),
  });
};
