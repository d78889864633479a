import { describe, expect, test } from "@jest/globals";
import type { CategoryNode } from "@molecart/mixins/contracts/products.ts";
import fc from "fast-check";
import { CategoryTree, withCategory, withChangedCategory, withoutCategory } from "../../../../services/products/category.ts";

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

describe("A tree with old slugs", () => {
  const renamed = new CategoryTree(
    [node("a", node("new") as never), node("b")],
    [
      { slug: "old", to: "older" },
      { slug: "older", to: "new" },
      { slug: "lost", to: "nowhere" },
      { slug: "b", to: "a" },
    ],
  );

  test("finds what still has one of them, and counts it where it belongs now", () => {
    expect(renamed.withDescendants("a")).toEqual(["a", "new", "old", "older"]);
    expect(renamed.withDescendants("old")).toEqual(["new", "old", "older"]);
    expect(renamed.withAncestors("old")).toEqual(["a", "new"]);
    expect(renamed.names("older")).toEqual(["A", "NEW"]);
    expect(renamed.current("old")).toBe("new");
  });

  test("gives none of them to new products, and a category's own slug is its own", () => {
    expect([renamed.has("old"), renamed.has("b"), renamed.withAncestors("b")]).toEqual([false, true, ["b"]]);
    expect(renamed.withAncestors("lost")).toEqual(["lost"]);
  });

  test("ends where old slugs stand for each other", () => {
    const circle = [
      { slug: "x", to: "y" },
      { slug: "y", to: "x" },
    ];
    expect(new CategoryTree([node("a")], circle).withAncestors("x")).toEqual(["x"]);
  });
});

describe("A change of the tree", () => {
  const roots = [node("a", node("a1") as never, node("a2") as never), node("b")];
  const slugs = (nodes: readonly CategoryNode[]): unknown[] =>
    nodes.map(({ slug, children }) => (children.length === 0 ? slug : [slug, ...slugs(children)]));
  const codeOf = (act: () => unknown): unknown => {
    try {
      return slugs(act() as CategoryNode[]);
    } catch (error) {
      return (error as { type: string }).type;
    }
  };
  const top = { parent: null, position: undefined };

  test("adds a category at its place", () => {
    expect(slugs(withCategory(roots, { slug: "c", name: "C" }, top))).toEqual([["a", "a1", "a2"], "b", "c"]);
    expect(slugs(withCategory(roots, { slug: "c", name: "C" }, { parent: "a", position: 1 }))).toEqual([
      ["a", "a1", "c", "a2"],
      "b",
    ]);
    expect(codeOf(() => withCategory(roots, { slug: "a2", name: "x" }, top))).toBe("CATEGORY_TAKEN");
    expect(codeOf(() => withCategory(roots, { slug: "c", name: "x" }, { parent: "z", position: 0 }))).toBe("CATEGORY_NOT_FOUND");
  });

  test("moves a category with all below it, and never below itself", () => {
    expect(slugs(withChangedCategory(roots, "a", { parent: "b" }))).toEqual([["b", ["a", "a1", "a2"]]]);
    expect(slugs(withChangedCategory(roots, "a2", { position: 0 }))).toEqual([["a", "a2", "a1"], "b"]);
    expect(slugs(withChangedCategory(roots, "a2", { parent: null, position: 0 }))).toEqual(["a2", ["a", "a1"], "b"]);
    expect(slugs(withChangedCategory(roots, "a", { slug: "z", name: "Z" }))).toEqual([["z", "a1", "a2"], "b"]);
    expect(codeOf(() => withChangedCategory(roots, "a", { parent: "a1" }))).toBe("CATEGORY_CYCLE");
    expect(codeOf(() => withChangedCategory(roots, "a", { parent: "a" }))).toBe("CATEGORY_CYCLE");
    expect(codeOf(() => withChangedCategory(roots, "a", { slug: "b" }))).toBe("CATEGORY_TAKEN");
    expect(codeOf(() => withChangedCategory(roots, "q", { name: "Q" }))).toBe("CATEGORY_NOT_FOUND");
  });

  test("removes a category, and gives its subcategories to another", () => {
    expect(slugs(withoutCategory(roots, "b", undefined))).toEqual([["a", "a1", "a2"]]);
    expect(slugs(withoutCategory(roots, "a", "b"))).toEqual([["b", "a1", "a2"]]);
    expect(codeOf(() => withoutCategory(roots, "a", "a1"))).toBe("CATEGORY_CYCLE");
    expect(codeOf(() => withoutCategory(roots, "a", "z"))).toBe("CATEGORY_NOT_FOUND");
  });

  test("keeps every category exactly once, whatever is done", () => {
    const steps = fc.array(
      fc.record({
        slug: fc.constantFrom("a", "a1", "a2", "b"),
        parent: fc.constantFrom(null, "a", "a1", "a2", "b"),
        position: fc.nat(3),
      }),
      { maxLength: 15 },
    );
    fc.assert(
      fc.property(steps, (moves) => {
        let nodes: readonly CategoryNode[] = roots;
        for (const { slug, ...spot } of moves) {
          try {
            nodes = withChangedCategory(nodes, slug, spot);
          } catch {
            // A cycle: refused.
          }
        }
        expect((slugs(nodes).flat(9) as string[]).toSorted()).toEqual(["a", "a1", "a2", "b"]);
      }),
    );
  });

  test("does not make the tree too deep", () => {
    const deep = Array.from({ length: 10 }, (_, i) => `d${i}`).reduce<readonly CategoryNode[]>(
      (nodes, slug, i) =>
        withCategory(nodes, { slug, name: slug }, { parent: i === 0 ? null : `d${i - 1}`, position: undefined }),
      [],
    );
    expect(codeOf(() => withCategory(deep, { slug: "e", name: "e" }, { parent: "d9", position: undefined }))).toBe(
      "CATEGORY_LIMIT",
    );
  });
});
