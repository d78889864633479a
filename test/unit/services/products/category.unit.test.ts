import { describe, expect, test } from "@jest/globals";
import { CategoryTree } from "../../../../services/products/category.ts";

const node = (slug: string, ...children: { slug: string; name: string; children: never[] }[]) => ({
  slug,
  name: slug.toUpperCase(),
  children,
});
const tree = new CategoryTree([node("a", node("a1") as never, node("a2") as never), node("b")]);

describe("The category tree", () => {
  test("knows what is in it", () => {
    expect([tree.has("a"), tree.has("a2"), tree.has("c")]).toEqual([true, true, false]);
  });

  test("finds what is below and above a category", () => {
    expect(tree.withDescendants("a")).toEqual(["a", "a1", "a2"]);
    expect(tree.withDescendants("a1")).toEqual(["a1"]);
    expect(tree.withAncestors("a1")).toEqual(["a", "a1"]);
    expect(tree.family("a1")).toEqual(["a", "a1", "a2"]);
    expect(tree.names("a1")).toEqual(["A", "A1"]);
  });

  test("leaves an unknown category by itself", () => {
    expect(tree.withDescendants("c")).toEqual(["c"]);
    expect(tree.withAncestors("c")).toEqual(["c"]);
    expect(tree.names("c")).toEqual([]);
  });

  test("finds categories by words of their names, the uppermost first", () => {
    const named = new CategoryTree([
      { slug: "light", name: "Light", children: [{ slug: "desk-lamps", name: "Désk Lamps", children: [] }] },
      { slug: "lamps", name: "Lamps", children: [] },
    ]);
    const slugs = (...words: string[]) => named.named(words).map(({ slug }) => slug);
    expect([slugs("lam"), slugs("desk", "l"), slugs("lam", "desk"), slugs()]).toEqual([
      ["lamps", "desk-lamps"],
      ["desk-lamps"],
      [],
      [],
    ]);
  });
});
