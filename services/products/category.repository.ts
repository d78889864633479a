import type { CategoryNode } from "@molecart/mixins/contracts/products.ts";
import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import type { CategoriesDocument } from "./category.document.ts";
import type { Alias } from "./category.ts";

type Categories = Collection<CategoriesDocument>;

/** The stored tree; `initial` is stored first when there is none. */
export const findOrInsertCategories = async (categories: Categories, initial: CategoryNode[]): Promise<CategoriesDocument> => {
  const stored = await categories.get("tree");
  if (stored !== undefined) return stored;
  const tree: CategoriesDocument = { _id: "tree", categories: initial, version: 1, aliases: [] };
  try {
    await categories.insert(tree);
    return tree;
  } catch (error) {
    // Another broker has stored it since.
    const winner = error instanceof DuplicateKey ? await categories.get("tree") : undefined;
    if (winner === undefined) throw error;
    return winner;
  }
};

/** Writes the tree if `version` is still the stored one; answers it as it is then, or undefined. */
export const setCategories = (
  categories: Categories,
  { nodes, aliases }: { nodes: readonly CategoryNode[]; aliases: readonly Alias[] },
  version: number,
): Promise<CategoriesDocument | undefined> =>
  categories.updateOne(
    { _id: "tree", version },
    { $set: { categories: [...nodes], aliases: [...aliases], version: version + 1 } },
  );
