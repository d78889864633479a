import type { Product } from "@molecart/mixins/contracts/products.ts";

/** 500 products of 3 kB. */
const MAX_PRODUCTS = 500;

/** The products that were asked for last. */
export class ProductCache {
  readonly #products = new Map<string, Product>();
  /** Counts the drops: what was read before one must not be kept after it. */
  #drops = 0;

  async get(productId: string, load: () => Promise<Product | undefined>): Promise<Product | undefined> {
    const kept = this.#products.get(productId);
    if (kept !== undefined) {
      this.#keep(kept);
      return kept;
    }
    const drops = this.#drops;
    const product = await load();
    if (product !== undefined && drops === this.#drops) this.#keep(product);
    return product;
  }

  drop(productId: string): void {
    this.#drops += 1;
    this.#products.delete(productId);
  }

  /** At the end of the map, whose first entry is the one that was not asked for the longest. */
  #keep(product: Product): void {
    this.#products.delete(product.id);
    this.#products.set(product.id, product);
    if (this.#products.size > MAX_PRODUCTS) this.#products.delete(this.#products.keys().next().value as string);
  }
}
