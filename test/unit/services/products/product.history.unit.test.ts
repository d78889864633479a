import { describe, expect, test } from "@jest/globals";
import type { Product } from "@molecart/mixins/contracts/products.ts";
import { changesBetween, creationEntry, creatorOf, entryOf } from "../../../../services/products/product.history.ts";

const variant = (sku: string, amount: number) => ({ sku, attributes: {}, price: { amount, currency: "EUR" } });
const product: Product = {
  id: "p-1",
  slug: "lamp",
  name: "Lamp",
  brand: "Norr",
  category: "table-lamps",
  description: "Gives light.",
  price: { amount: 100, currency: "EUR" },
  variants: [variant("L-1", 100), variant("L-2", 200)],
  images: [],
  status: "published",
  version: 1,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
};

describe("The history of a product", () => {
  test("tells each field that has changed, and variants by their SKU", () => {
    const after = {
      ...product,
      name: "Torch",
      images: ["https://x.example/1"],
      variants: [variant("L-2", 250), variant("L-3", 1)],
    };
    expect(changesBetween(product, after)).toEqual([
      { field: "name", from: "Lamp", to: "Torch" },
      { field: "images", from: "[]", to: '["https://x.example/1"]' },
      { field: "variants.L-1", from: expect.stringContaining("100"), to: null },
      { field: "variants.L-2", from: expect.stringContaining("200"), to: expect.stringContaining("250") },
      { field: "variants.L-3", from: null, to: expect.stringContaining('"amount":1') },
    ]);
    expect(changesBetween(product, product)).toEqual([]);
  });

  test("keeps the beginning of a long text", () => {
    const [change] = changesBetween(product, { ...product, description: "x".repeat(5_000) });
    expect(change?.to).toHaveLength(500);
    expect(change?.to?.endsWith("x…")).toBe(true);
  });

  test("says who, and what it was", () => {
    const archived = { ...product, status: "archived" as const, version: 2 };
    const entry = (before: Product, after: Product) => entryOf(before, after, { by: "u-1" });
    expect(entry(product, archived)).toMatchObject({ action: "archived", by: "u-1", importId: null, version: 2 });
    expect(entry(archived, { ...product, version: 3 })).toMatchObject({ action: "restored" });
    expect(entry(product, { ...product, status: "draft" })).toMatchObject({ action: "updated" });
  });

  test("begins with the creation, by a person, an import or nobody", () => {
    const created = (author: Parameters<typeof creatorOf>[0]) => creationEntry(product.createdAt, creatorOf(author));
    expect(created({ by: "u-1" })).toMatchObject({ action: "created", by: "u-1", importId: null, version: 1 });
    expect(created({ importId: "i-1" })).toMatchObject({ by: null, importId: "i-1" });
    expect(created({})).toMatchObject({ by: null, importId: null });
  });
});
