import { type Environment, type EnvironmentReader, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";

const MINUTE_MS = 60_000;

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
    /** How often the index is compared with the catalogue. */
    indexCheckEveryMs: read.integer("PRODUCTS_INDEX_CHECK_MINUTES", 60, { min: 1, max: 10_080 }) * MINUTE_MS,
    elasticsearch: elasticsearchSettings(read),
    /** Where the embedded index is kept. A file belongs to one broker: it is kept where the catalogue is. */
    indexPath: read.raw("PRODUCTS_MONGO_URL") === undefined ? `${read.dataDir}/products-search` : undefined,
  });
};

export type ProductsConfig = ReturnType<typeof productsConfig>;

const elasticsearchSettings = (read: EnvironmentReader) => {
  const url = read.url("ELASTICSEARCH_URL", ["http", "https"]);
  if (url === undefined) return undefined;
  const apiKey = read.raw("ELASTICSEARCH_API_KEY");
  const username = read.raw("ELASTICSEARCH_USERNAME");
  if (apiKey !== undefined && username !== undefined)
    throw new ConfigurationError("ELASTICSEARCH_API_KEY", "and ELASTICSEARCH_USERNAME are given: one of them says who we are");
  const indexPrefix = read.text("ELASTICSEARCH_INDEX_PREFIX", "molecart");
  if (!/^[a-z][a-z0-9-]{0,49}$/.test(indexPrefix))
    throw new ConfigurationError(
      "ELASTICSEARCH_INDEX_PREFIX",
      `"${indexPrefix}" is not a-z, 0-9 and dashes, from a letter on, at most 50`,
    );
  return Object.freeze({
    urls: url.split(",").map((one) => asUrl(one.trim())),
    auth:
      apiKey !== undefined
        ? { apiKey }
        : username !== undefined
          ? { username, password: read.required("ELASTICSEARCH_PASSWORD", "ELASTICSEARCH_USERNAME is given") }
          : undefined,
    caFile: read.raw("ELASTICSEARCH_CA_FILE"),
    indexPrefix,
  });
};

const asUrl = (url: string): string => {
  const parsed = URL.parse(url);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol))
    throw new ConfigurationError("ELASTICSEARCH_URL", "is not a list of http:// or https:// addresses");
  return url;
};
