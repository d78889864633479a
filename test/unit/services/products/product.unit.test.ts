import { describe, expect, test } from "@jest/globals";
import type { NewProduct, Product } from "@molecart/mixins/contracts/products.ts";
import fc from "fast-check";
import { MixedCurrencies, SkuTaken } from "../../../../services/products/product.errors.ts";
import { announcementOf, changedProduct, distinctSlug, itemsOf, newProduct } from "../../../../services/products/product.ts";

const created = { at: "2026-01-01T00:00:00.000Z", currency: "EUR" };
const later = { at: "2026-01-02T00:00:00.000Z", currency: "EUR" };
const variant = (sku: string, amount: number, currency = "EUR") => ({ sku, attributes: {}, price: { amount, currency } });
const request = (more: Partial<NewProduct> = {}): NewProduct => ({
  name: "Tollgate Café Lock",
  brand: "Tollgate",
  category: "locks",
  description: "Holds.",
  variants: [variant("LOCK-1", 4_900), variant("LOCK-2", 3_900)],
  ...more,
});
const product = (more: Partial<NewProduct> = {}): Product => newProduct(request(more), "p-1", created);

describe("A new product", () => {
  test("costs what its cheapest variant costs, is published, and begins at version 1", () => {
    expect(product()).toMatchObject({
      id: "p-1",
      price: { amount: 3_900, currency: "EUR" },
      status: "published",
      images: [],
      version: 1,
      createdAt: created.at,
      updatedAt: created.at,
    });
  });

  test("keeps the status and the slug that it is given", () => {
    expect(product({ status: "draft", slug: "my-lock" })).toMatchObject({ status: "draft", slug: "my-lock" });
  });

  test("gets a slug from its name", () => {
    expect(product().slug).toBe("tollgate-cafe-lock");
    expect(product({ name: "  --Kids' Room: 2 × 3 m!  " }).slug).toBe("kids-room-2-3-m");
  });

  test("always gets a slug that the contract allows", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", minLength: 1, maxLength: 200 }), (name) => {
        const { slug } = newProduct(request({ name }), "01890a5d-ac96-774b-bcce-b302099a8057", created);
        for (const one of [slug, distinctSlug(slug, "01890a5d-ac96-774b-bcce-b302099a8057")]) {
          expect(one).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
          expect(one.length).toBeLessThanOrEqual(120);
        }
      }),
    );
  });

  test("is refused in another currency than the shop's", () => {
    expect(() => product({ variants: [variant("A", 1), variant("B", 1, "USD")] })).toThrow(MixedCurrencies);
  });

  test("is refused with one SKU on two variants", () => {
    expect(() => product({ variants: [variant("A", 1), variant("A", 2)] })).toThrow(SkuTaken);
  });
});

describe("A change of a product", () => {
  test("takes what it names, leaves the rest, and counts", () => {
    const before = product();
    expect(changedProduct(before, { name: "Lock" }, later)).toEqual({ ...before, name: "Lock", version: 2, updatedAt: later.at });
  });

  test("moves the price with the variants", () => {
    expect(changedProduct(product(), { variants: [variant("LOCK-3", 100)] }, later).price.amount).toBe(100);
  });

  test("is held to the same rules", () => {
    expect(() => changedProduct(product(), { variants: [variant("A", 1, "USD")] }, later)).toThrow(MixedCurrencies);
  });
});

describe("What the world is told", () => {
  const before = product();

  test.each([
    ["of a new product", undefined, before, "product.created"],
    ["of a change", before, changedProduct(before, { name: "Lock" }, later), "product.updated"],
    ["of a product that goes back to draft", before, changedProduct(before, { status: "draft" }, later), "product.updated"],
    ["of an archived product", before, changedProduct(before, { status: "archived" }, later), "product.deleted"],
  ])("%s", (_, was, is, type) => {
    expect(announcementOf(was, is).type).toBe(type);
  });

  test("of an archived product that changes, or comes back, is an update", () => {
    const archived = changedProduct(before, { status: "archived" }, later);
    expect(announcementOf(archived, changedProduct(archived, { name: "Lock" }, later)).type).toBe("product.updated");
    expect(announcementOf(archived, changedProduct(archived, { status: "published" }, later)).type).toBe("product.updated");
  });

  test("of an archived product says which SKUs go", () => {
    const { data } = announcementOf(before, changedProduct(before, { status: "archived" }, later));
    expect(data).toEqual({ productId: "p-1", skus: ["LOCK-1", "LOCK-2"] });
  });
});

describe("Items", () => {
  const draft = newProduct(request({ variants: [variant("D", 5)], status: "draft" }), "p-2", created);

  test("come in the order of the SKUs, each once, without the unknown ones", () => {
    const items = itemsOf([product(), draft], ["D", "LOCK-2", "NONE", "D"]);
    expect(items).toEqual([
      { sku: "D", productId: "p-2", name: draft.name, unitPrice: { amount: 5, currency: "EUR" }, sellable: false },
      { sku: "LOCK-2", productId: "p-1", name: draft.name, unitPrice: { amount: 3_900, currency: "EUR" }, sellable: true },
    ]);
  });

  test("are taxed as their product", () => {
    const reduced = changedProduct(product(), { taxClass: "reduced" }, later);
    expect(itemsOf([reduced], ["LOCK-1"])).toEqual([expect.objectContaining({ sku: "LOCK-1", taxClass: "reduced" })]);
  });
});
