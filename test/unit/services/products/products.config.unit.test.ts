import { describe, expect, test } from "@jest/globals";
import type { Environment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { productsConfig } from "../../../../services/products/products.config.ts";

const variableRefused = (env: Environment): unknown => {
  try {
    productsConfig(env);
  } catch (error) {
    if (error instanceof ConfigurationError) return (error.data as { variable: string }).variable;
    throw error;
  }
  return "none";
};

describe("The settings of the search", () => {
  test("without a server the index is a file beside the catalogue, or in memory where brokers share the catalogue", () => {
    expect(productsConfig({ DATA_DIR: "/srv/shop" })).toMatchObject({
      elasticsearch: undefined,
      indexPath: "/srv/shop/products-search",
      indexCheckEveryMs: 3_600_000,
    });
    expect(productsConfig({ PRODUCTS_MONGO_URL: "mongodb://m" }).indexPath).toBeUndefined();
  });

  test("a server is reached by one or several addresses, with a key or a name", () => {
    expect(
      productsConfig({ ELASTICSEARCH_URL: "https://a:9200, https://b:9200", ELASTICSEARCH_API_KEY: "k" }).elasticsearch,
    ).toEqual({
      urls: ["https://a:9200", "https://b:9200"],
      auth: { apiKey: "k" },
      caFile: undefined,
      indexPrefix: "molecart",
    });
    const named = {
      ELASTICSEARCH_URL: "http://a",
      ELASTICSEARCH_USERNAME: "u",
      ELASTICSEARCH_PASSWORD: "p",
      ELASTICSEARCH_CA_FILE: "/ca",
    };
    expect(productsConfig(named).elasticsearch).toMatchObject({ auth: { username: "u", password: "p" }, caFile: "/ca" });
  });

  test("what is wrong is refused by its name", () => {
    const server = { ELASTICSEARCH_URL: "http://a:9200" };
    expect(
      [
        { ELASTICSEARCH_URL: "a:9200" },
        { ELASTICSEARCH_URL: "http://a:9200,b" },
        { ...server, ELASTICSEARCH_USERNAME: "u" },
        { ...server, ELASTICSEARCH_USERNAME: "u", ELASTICSEARCH_PASSWORD: "p", ELASTICSEARCH_API_KEY: "k" },
        { ...server, ELASTICSEARCH_INDEX_PREFIX: "Shop*" },
        { PRODUCTS_INDEX_CHECK_MINUTES: "0" },
      ].map(variableRefused),
    ).toEqual([
      "ELASTICSEARCH_URL",
      "ELASTICSEARCH_URL",
      "ELASTICSEARCH_PASSWORD",
      "ELASTICSEARCH_API_KEY",
      "ELASTICSEARCH_INDEX_PREFIX",
      "PRODUCTS_INDEX_CHECK_MINUTES",
    ]);
  });
});
