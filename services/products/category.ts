import type { CategoryNode } from "@molecart/mixins/contracts/products.ts";
import { CategoryCycle, CategoryLimit, CategoryNotFound, CategoryTaken, NoSuchCategory } from "./product.errors.ts";
import { wordsOf } from "./search/words.ts";

interface Place {
  node: CategoryNode;
  /** From the top, itself included. */
  path: readonly CategoryNode[];
}

/** A slug that a category had: the products that still have it belong to `to`. */
export interface Alias {
  slug: string;
  to: string;
  /** No product has it any more. */
  settled?: boolean | undefined;
}

/** The shop's categories, with the questions that the catalogue asks them. One object for the life of a service: it is
 *  replaced in place, so that whoever holds it sees every change. */
export class CategoryTree {
  #roots: readonly CategoryNode[] = [];
  #version = 0;
  #renames = 0;
  #places = new Map<string, Place>();
  /** The category that an old slug stands for now, and the old slugs of each. */
  #targets = new Map<string, string>();
  #former = new Map<string, string[]>();

  constructor(roots: readonly CategoryNode[], aliases: readonly Alias[] = []) {
    this.replace(roots, aliases);
  }

  replace(roots: readonly CategoryNode[], aliases: readonly Alias[] = [], version = 0): void {
    const places = new Map<string, Place>();
    const visit = (node: CategoryNode, above: readonly CategoryNode[]): void => {
      const path = [...above, node];
      places.set(node.slug, { node, path });
      for (const child of node.children) visit(child, path);
    };
    for (const root of roots) visit(root, []);
    if ([...places].some(([slug, { path }]) => isNamedOtherwise(this.#places.get(slug)?.path ?? path, path))) this.#renames++;
    this.#roots = roots;
    this.#version = version;
    this.#places = places;
    this.#targets = new Map(aliases.filter(({ slug }) => !places.has(slug)).map(({ slug, to }) => [slug, to]));
    this.#former = new Map();
    for (const slug of this.#targets.keys()) {
      const now = this.current(slug);
      this.#former.set(now, [...(this.#former.get(now) ?? []), slug]);
    }
  }

  get roots(): readonly CategoryNode[] {
    return this.#roots;
  }

  /** Grows with every write of the tree. */
  get version(): number {
    return this.#version;
  }

  /** Grows when a category that stays gets another name, or another one above it: its products are found by these names. */
  get renames(): number {
    return this.#renames;
  }

  has(slug: string): boolean {
    return this.#places.has(slug);
  }

  node(slug: string): CategoryNode | undefined {
    return this.#places.get(slug)?.node;
  }

  /** What this slug stands for now: itself, unless it was given up. */
  current(slug: string): string {
    let now = slug;
    // A chain of renames is as long as the list at most.
    for (let steps = 0; steps <= this.#targets.size && !this.#places.has(now); steps++) now = this.#targets.get(now) ?? now;
    return now;
  }

  /** The category and all below it, with the slugs that they had; of an unknown one only itself. */
  withDescendants(slug: string): string[] {
    const place = this.#places.get(this.current(slug));
    return place === undefined ? [slug] : slugsOf(place.node).flatMap((one) => [one, ...(this.#former.get(one) ?? [])]);
  }

  /** The category and all above it, from the top; of an unknown one only itself. */
  withAncestors(slug: string): string[] {
    return this.#places.get(this.current(slug))?.path.map((node) => node.slug) ?? [slug];
  }

  /** The top-level category that it belongs to, with all below that. */
  family(slug: string): string[] {
    return this.withDescendants(this.withAncestors(slug)[0] as string);
  }

  /** Categories whose own name has all these folded words, the last one perhaps not typed to its end; the uppermost first. */
  named(words: readonly string[]): { slug: string; name: string }[] {
    if (words.length === 0) return [];
    return [...this.#places.values()]
      .filter(({ node }) => hasWords(wordsOf(node.name), words))
      .sort((a, b) => a.path.length - b.path.length)
      .map(({ node: { slug, name } }) => ({ slug, name }));
  }

  /** The names from the top down to it. */
  names(slug: string): string[] {
    return this.#places.get(this.current(slug))?.path.map(({ name }) => name) ?? [];
  }
}

const isNamedOtherwise = (before: readonly CategoryNode[], after: readonly CategoryNode[]): boolean =>
  before.length !== after.length || before.some(({ name }, index) => name !== after[index]?.name);

const hasWords = (own: readonly string[], typed: readonly string[]): boolean =>
  typed.every((word, index) => own.some((one) => (index === typed.length - 1 ? one.startsWith(word) : one === word)));

const slugsOf = (node: CategoryNode): string[] => [node.slug, ...node.children.flatMap(slugsOf)];

/** The tree is one document and goes to every client whole. */
const MAX_CATEGORIES = 2_000;
const MAX_DEPTH = 10;

type Nodes = readonly CategoryNode[];
/** `parent` null: at the top. */
export interface Spot {
  parent: string | null;
  /** Among the siblings; undefined: the last. */
  position: number | undefined;
}

const count = (nodes: Nodes): number => nodes.reduce((sum, { children }) => sum + 1 + count(children), 0);
const depth = (nodes: Nodes): number => nodes.reduce((most, { children }) => Math.max(most, 1 + depth(children)), 0);

const within = (nodes: Nodes): Nodes => {
  if (count(nodes) > MAX_CATEGORIES) throw new CategoryLimit(`There are ${MAX_CATEGORIES} categories at most`);
  if (depth(nodes) > MAX_DEPTH) throw new CategoryLimit(`Categories are at most ${MAX_DEPTH} deep`);
  return nodes;
};

/** The same tree with the siblings of one parent changed. */
const inside = (nodes: Nodes, parent: string | null, change: (children: Nodes) => Nodes): CategoryNode[] =>
  parent === null
    ? [...change(nodes)]
    : nodes.map((node) => ({
        ...node,
        children: node.slug === parent ? [...change(node.children)] : inside(node.children, parent, change),
      }));

const without = (nodes: Nodes, slug: string): CategoryNode[] =>
  nodes.filter((node) => node.slug !== slug).map((node) => ({ ...node, children: without(node.children, slug) }));

const put = (nodes: Nodes, node: CategoryNode, { parent, position }: Spot): Nodes => {
  if (parent !== null && !new CategoryTree(nodes).has(parent)) throw new CategoryNotFound(parent);
  return within(inside(nodes, parent, (siblings) => siblings.toSpliced(position ?? siblings.length, 0, node)));
};

const find = (nodes: Nodes, slug: string): Place => {
  const tree = new CategoryTree(nodes);
  const node = tree.node(slug);
  if (node === undefined) throw new NoSuchCategory(slug);
  const path = tree.withAncestors(slug).map((one) => tree.node(one) as CategoryNode);
  return { node, path };
};

const parentOf = ({ path }: Place): string | null => path.at(-2)?.slug ?? null;

export const withCategory = (nodes: Nodes, { slug, name }: { slug: string; name: string }, spot: Spot): Nodes => {
  if (new CategoryTree(nodes).has(slug)) throw new CategoryTaken(slug);
  return put(nodes, { slug, name, children: [] }, spot);
};

export interface CategoryEdit {
  name?: string | undefined;
  slug?: string | undefined;
  parent?: string | null | undefined;
  position?: number | undefined;
}

/** Renames, moves, or both. Without a parent and a position it stays where it is. */
export const withChangedCategory = (nodes: Nodes, slug: string, edit: CategoryEdit): Nodes => {
  const place = find(nodes, slug);
  const { node } = place;
  const newSlug = edit.slug ?? slug;
  if (newSlug !== slug && new CategoryTree(nodes).has(newSlug)) throw new CategoryTaken(newSlug);
  const changed = { ...node, slug: newSlug, name: edit.name ?? node.name };
  const from = parentOf(place);
  const parent = edit.parent === undefined ? from : edit.parent;
  if (parent !== null && slugsOf(node).includes(parent)) throw new CategoryCycle(slug, parent);
  if (parent === from && edit.position === undefined)
    return inside(nodes, from, (siblings) => siblings.map((one) => (one.slug === slug ? changed : one)));
  return put(without(nodes, slug), changed, { parent, position: edit.position });
};

/** Its subcategories, if there are any, go to the end of the target's. */
export const withoutCategory = (nodes: Nodes, slug: string, target: string | undefined): Nodes => {
  const { node } = find(nodes, slug);
  if (target === undefined) return without(nodes, slug);
  if (slugsOf(node).includes(target)) throw new CategoryCycle(slug, target);
  const rest: Nodes = without(nodes, slug);
  if (!new CategoryTree(rest).has(target)) throw new CategoryNotFound(target);
  return node.children.reduce((kept, child) => put(kept, child, { parent: target, position: undefined }), rest);
};
