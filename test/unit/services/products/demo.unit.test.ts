import { describe, expect, test } from "@jest/globals";
import { NewProduct } from "@molecart/mixins/contracts/products.ts";
import { AjvValidator } from "@molecart/mixins/middlewares/ajv-validator.ts";
import { CategoryTree } from "../../../../services/products/category.ts";
import { demoCategories, demoProducts } from "../../../../services/products/demo/index.ts";

const repeated = (values: readonly string[]): string[] => values.filter((value, index) => values.indexOf(value) !== index);

describe("The demo shop", () => {
  test("has at least 200 products in 10 categories", () => {
    expect(demoProducts.length).toBeGreaterThanOrEqual(200);
    expect(demoCategories).toHaveLength(10);
  });

  test("has products as the contract wants them, each in a category that there is", () => {
    const check = new AjvValidator().compile(NewProduct as never) as (value: unknown) => unknown;
    const tree = new CategoryTree(demoCategories);
    for (const { product } of demoProducts) {
      expect(check(structuredClone(product))).toBe(true);
      expect(tree.has(product.category)).toBe(true);
    }
  });

  test("gives no id, slug or SKU to two, and stock to every SKU", () => {
    const skus = demoProducts.flatMap(({ product }) => product.variants.map(({ sku }) => sku));
    expect(repeated(demoProducts.map(({ id }) => id))).toEqual([]);
    expect(repeated(demoProducts.map(({ product }) => product.slug as string))).toEqual([]);
    expect(repeated(skus)).toEqual([]);
    expect(demoProducts.flatMap(({ stock }) => stock.map(({ sku }) => sku))).toEqual(skus);
  });
});
