import type { CategoryChange, CategoryNode, NewCategory } from "@molecart/mixins/contracts/products.ts";
import type { Collection } from "@molecart/mixins/document-store/collection.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { CategoriesDocument } from "./category.document.ts";
import { findOrInsertCategories, setCategories } from "./category.repository.ts";
import { type Alias, CategoryTree, withCategory, withChangedCategory, withoutCategory } from "./category.ts";
import { CategoriesBusy, CategoryNotEmpty, CategoryTaken, NoSuchCategory, ProductNotFound } from "./product.errors.ts";
import { type ProductDesk, updateProduct } from "./product.operations.ts";
import { findProductIdsIn } from "./product.repository.ts";
import { slugOf } from "./product.ts";

export interface CategoryDesk extends ProductDesk {
  collections: { categories: Collection<CategoriesDocument> };
}

/** Two of the staff at the tree do not meet more often than this. */
const MAX_TRIES = 5;
/** Old slugs that are still understood. */
const MAX_SETTLED_ALIASES = 500;
/** Products of one round of a move: one write each. */
const MOVE_BATCH = 100;

interface Edit {
  nodes: readonly CategoryNode[];
  aliases?: readonly Alias[];
}

/** Reads the tree as it is stored, and shows it to everything in this service. */
export const loadCategories = async (desk: CategoryDesk, initial: CategoryNode[] = []): Promise<CategoriesDocument> => {
  const stored = await findOrInsertCategories(desk.collections.categories, initial);
  desk.categories.replace(stored.categories, stored.aliases, stored.version);
  return stored;
};

/** Changes the stored tree as one step; somebody else's change in between makes it begin again. */
const edit = async (desk: CategoryDesk, change: (tree: CategoriesDocument) => Edit | Promise<Edit>): Promise<void> => {
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const stored = await loadCategories(desk);
    const { nodes, aliases = stored.aliases } = await change(stored);
    const written = await setCategories(desk.collections.categories, { nodes, aliases: pruned(aliases) }, stored.version);
    if (written === undefined) continue;
    desk.categories.replace(written.categories, written.aliases, written.version);
    return;
  }
  throw new CategoriesBusy();
};

/** The oldest settled ones are forgotten; one that products still have never is. */
const pruned = (aliases: readonly Alias[]): Alias[] => {
  const settled = aliases.filter((alias) => alias.settled);
  const forgotten = new Set(settled.slice(0, Math.max(0, settled.length - MAX_SETTLED_ALIASES)));
  return aliases.filter((alias) => !forgotten.has(alias));
};

const nodeOf = ({ categories }: CategoryDesk, slug: string): CategoryNode => {
  const node = categories.node(slug);
  if (node === undefined) throw new CategoriesBusy();
  return node;
};

/** A slug that products of another category still have must not be taken: they would change sides. */
const freed = async ({ documents }: CategoryDesk, aliases: readonly Alias[], slug: string): Promise<Alias[]> => {
  if (!aliases.some((alias) => alias.slug === slug)) return [...aliases];
  if ((await findProductIdsIn(documents, [slug], 1)).length > 0) throw new CategoryTaken(slug);
  return aliases.filter((alias) => alias.slug !== slug);
};

export const createCategory = async (
  desk: CategoryDesk,
  { slug: wanted, name, parent = null, position }: NewCategory,
): Promise<CategoryNode> => {
  const slug = wanted ?? slugOf(name, newId(), "category");
  await edit(desk, async ({ categories, aliases }) => ({
    nodes: withCategory(categories, { slug, name }, { parent, position }),
    aliases: await freed(desk, aliases, slug),
  }));
  return nodeOf(desk, slug);
};

export const changeCategory = async (desk: CategoryDesk, category: string, change: CategoryChange): Promise<CategoryNode> => {
  const slug = change.slug ?? category;
  await edit(desk, async ({ categories, aliases }) => ({
    nodes: withChangedCategory(categories, category, change),
    aliases: slug === category ? aliases : [...(await freed(desk, aliases, slug)), { slug: category, to: slug }],
  }));
  return nodeOf(desk, slug);
};

/** The products follow the tree (see `settleAliases`): whoever asks for the target finds them at once. */
export const removeCategory = async (desk: CategoryDesk, category: string, target: string | undefined): Promise<void> => {
  await edit(desk, async ({ categories, aliases }) => {
    const node = new CategoryTree(categories).node(category);
    if (node === undefined) throw new NoSuchCategory(category);
    if (target === undefined && (node.children.length > 0 || (await hasProducts(desk, category))))
      throw new CategoryNotEmpty(category);
    const nodes = withoutCategory(categories, category, target);
    return target === undefined ? { nodes } : { nodes, aliases: [...aliases, { slug: category, to: target }] };
  });
};

const hasProducts = async ({ documents, categories }: CategoryDesk, category: string): Promise<boolean> =>
  (await findProductIdsIn(documents, categories.withDescendants(category), 1)).length > 0;

/** Gives products whose category was renamed or removed its present slug, some at a time. Answers the products that it has
 *  written; none are left when there are none. An alias is settled when a round has found nobody under it. */
export const settleAliases = async (desk: CategoryDesk): Promise<{ id: string; version: number }[]> => {
  const { aliases } = await loadCategories(desk);
  const open = aliases.filter(({ settled }) => !settled).map(({ slug }) => slug);
  if (open.length === 0) return [];
  const productIds = await findProductIdsIn(desk.documents, open, MOVE_BATCH);
  if (productIds.length === 0) {
    await edit(desk, (tree) => ({
      nodes: tree.categories,
      aliases: tree.aliases.map((alias) => (open.includes(alias.slug) ? { ...alias, settled: true } : alias)),
    }));
    return [];
  }
  const written = [];
  for (const id of productIds) {
    const document = await desk.documents.get(id);
    if (document === undefined || !open.includes(document.category)) continue;
    const category = desk.categories.current(document.category);
    // Staff may be faster: then the next round sees it.
    const moved = await updateProduct(desk, { productId: id, change: { category } }).catch((error: unknown) => {
      if (error instanceof ProductNotFound) return undefined;
      throw error;
    });
    if (moved !== undefined) written.push(moved);
  }
  return written;
};
