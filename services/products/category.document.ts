import type { CategoryNode } from "@molecart/mixins/contracts/products.ts";
import type { Alias } from "./category.ts";

/** The one document of the tree: a change of it is one step, so it never has a cycle or a loose end. */
export interface CategoriesDocument {
  _id: "tree";
  categories: CategoryNode[];
  /** Counts the writes. */
  version: number;
  aliases: Alias[];
}
