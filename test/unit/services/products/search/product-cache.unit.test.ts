import { describe, expect, test } from "@jest/globals";
import type { Product } from "@molecart/mixins/contracts/products.ts";
import { ProductCache } from "../../../../../services/products/search/product-cache.ts";

const product = (id: string, version = 1) => ({ id, version }) as Product;

describe("The product cache", () => {
  test("asks the store once", async () => {
    const cache = new ProductCache();
    let loads = 0;
    const load = async () => {
      loads += 1;
      return product("a");
    };
    await cache.get("a", load);
    expect(await cache.get("a", load)).toEqual(product("a"));
    expect(loads).toBe(1);
  });

  test("does not keep that there is none", async () => {
    const cache = new ProductCache();
    expect(await cache.get("a", async () => undefined)).toBeUndefined();
    expect(await cache.get("a", async () => product("a"))).toEqual(product("a"));
  });

  test("does not keep what was read before a drop and arrives after it", async () => {
    const cache = new ProductCache();
    const { promise, resolve } = Promise.withResolvers<Product>();
    const early = cache.get("a", () => promise);
    cache.drop("a");
    resolve(product("a", 1));
    expect((await early)?.version).toBe(1);
    expect((await cache.get("a", async () => product("a", 2)))?.version).toBe(2);
  });

  test("forgets the product that was not asked for the longest", async () => {
    const cache = new ProductCache();
    for (let i = 0; i < 500; i++) await cache.get(`p${i}`, async () => product(`p${i}`));
    const never = () => Promise.reject(new Error("not to be loaded"));
    await cache.get("p0", never);
    await cache.get("new", async () => product("new"));
    await expect(cache.get("p0", never)).resolves.toEqual(product("p0"));
    await expect(cache.get("p1", never)).rejects.toThrow();
  });
});
