import { type Environment, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";

export const productsConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    /** Of all prices. */
    currency: readPricingRules(read).currency,
    /** One process, so nobody else writes to the catalogue. */
    embedded: read.embedded,
  });
};

export type ProductsConfig = ReturnType<typeof productsConfig>;
