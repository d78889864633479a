import type { CategoryNode } from "@molecart/mixins/contracts/products.ts";
import { wordsOf } from "./search/words.ts";

interface Place {
  node: CategoryNode;
  /** From the top, itself included. */
  path: readonly CategoryNode[];
}

/** The shop's categories, with the questions that the catalogue asks them. */
export class CategoryTree {
  readonly roots: readonly CategoryNode[];
  readonly #places = new Map<string, Place>();

  constructor(roots: readonly CategoryNode[]) {
    this.roots = roots;
    const visit = (node: CategoryNode, above: readonly CategoryNode[]): void => {
      const path = [...above, node];
      this.#places.set(node.slug, { node, path });
      for (const child of node.children) visit(child, path);
    };
    for (const root of roots) visit(root, []);
  }

  has(slug: string): boolean {
    return this.#places.has(slug);
  }

  /** The category and all below it; of an unknown one only itself. */
  withDescendants(slug: string): string[] {
    const place = this.#places.get(slug);
    return place === undefined ? [slug] : slugsOf(place.node);
  }

  /** The category and all above it, from the top; of an unknown one only itself. */
  withAncestors(slug: string): string[] {
    return this.#places.get(slug)?.path.map((node) => node.slug) ?? [slug];
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
    return this.#places.get(slug)?.path.map(({ name }) => name) ?? [];
  }
}

const hasWords = (own: readonly string[], typed: readonly string[]): boolean =>
  typed.every((word, index) => own.some((one) => (index === typed.length - 1 ? one.startsWith(word) : one === word)));

const slugsOf = (node: CategoryNode): string[] => [node.slug, ...node.children.flatMap(slugsOf)];
