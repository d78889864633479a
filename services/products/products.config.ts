import { type Environment, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";

export const productsConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    /** Of all prices. */
    currency: readPricingRules(read).currency,
    embedded: read.embedded,
    /** Refused products after which an import is given up: a file of the wrong kind must not fill the store with errors. */
    importMaxErrors: read.integer("PRODUCTS_IMPORT_MAX_ERRORS", 10_000, { max: 1_000_000 }),
    /** How often a broker looks for other brokers' writes that it was not told of; embedded there are no others. */
    catchUpEveryMs: read.embedded ? undefined : read.integer("PRODUCTS_CATCH_UP_SECONDS", 30, { min: 1, max: 3_600 }) * 1000,
  });
};

export type ProductsConfig = ReturnType<typeof productsConfig>;
