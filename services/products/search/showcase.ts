import { createHash } from "node:crypto";
import type { Product, SearchParams, SearchResult } from "@molecart/mixins/contracts/products.ts";
import type { Collection } from "@molecart/mixins/document-store/collection.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { decodeCursor, encodeCursor, InvalidCursor, isText } from "@molecart/mixins/lib/cursor.ts";
import { Poller } from "@molecart/mixins/messaging/poller.ts";
import type { CategoryTree } from "../category.ts";
import type { ProductDocument } from "../product.document.ts";
import { findChangedSince, findProduct, findProducts, findProductsAfter } from "../product.repository.ts";
import { isPublished } from "../product.ts";
import { ProductCache } from "./product-cache.ts";
import type { Counted, Position, ProductIndex } from "./product-index.ts";

export interface ShowcaseOptions {
  documents: Collection<ProductDocument>;
  categories: CategoryTree;
  index: ProductIndex;
  clock: Clock;
  /** How often to look for what other brokers have written; undefined where there are no others. */
  catchUpEveryMs: number | undefined;
  onError(error: unknown): void;
}

/** Products of one read while the index is built: 500 of 3 kB. */
const LOAD_BATCH = 500;
/** Writers stamp `updatedAt` by their own clocks, some time before the write arrives. */
const CATCH_UP_OVERLAP_MS = 120_000;

/** What this broker shows of the catalogue: the index and the last products that were asked for, both in memory and both
 *  following the store. A change comes here at once from this broker's own writes, by `products.changed` from others', and
 *  at the latest by the catch-up, should that message be lost. */
export class Showcase {
  readonly #options: ShowcaseOptions;
  readonly #cache = new ProductCache();
  readonly #catchUp: Poller | undefined;
  #lastRefresh: Promise<unknown> = Promise.resolve();
  #caughtUpAt: number;

  constructor(options: ShowcaseOptions) {
    this.#options = options;
    this.#caughtUpAt = options.clock.now();
    const { catchUpEveryMs, onError } = options;
    if (catchUpEveryMs === undefined) return;
    const round = async () => {
      await this.#catchUpOnce();
      return catchUpEveryMs;
    };
    this.#catchUp = new Poller({ round, maxSleepMs: catchUpEveryMs, onError });
  }

  async open(): Promise<void> {
    const { documents } = this.#options;
    let products = await findProductsAfter(documents, "", LOAD_BATCH);
    while (products.length > 0) {
      this.#show(products);
      products = await findProductsAfter(documents, (products.at(-1) as Product).id, LOAD_BATCH);
    }
    this.#catchUp?.start();
  }

  async close(): Promise<void> {
    await this.#catchUp?.stop();
    await this.#lastRefresh;
    this.#options.index.close();
  }

  get(productId: string): Promise<Product | undefined> {
    return this.#cache.get(productId, () => findProduct(this.#options.documents, productId));
  }

  /** Shows these products as they are in the store now. One refresh after the other, so that a later read is never overtaken
   *  by an earlier one. */
  refresh(productIds: readonly string[]): Promise<void> {
    for (const id of productIds) this.#cache.drop(id);
    return this.#showNext(() => findProducts(this.#options.documents, productIds));
  }

  #showNext(read: () => Promise<Product[]>): Promise<void> {
    const turn = this.#lastRefresh.then(async () => this.#show(await read()));
    this.#lastRefresh = turn.catch(() => {});
    return turn;
  }

  #show(products: readonly Product[]): void {
    const { index, categories } = this.#options;
    index.batch(() => {
      for (const product of products) {
        if (isPublished(product)) index.put(product, categories.names(product.category));
        else index.remove(product.id);
      }
    });
  }

  async #catchUpOnce(): Promise<void> {
    const { documents, clock } = this.#options;
    const startedAt = clock.now();
    const changed = await findChangedSince(documents, isoTime(this.#caughtUpAt - CATCH_UP_OVERLAP_MS));
    for (let start = 0; start < changed.length; start += LOAD_BATCH)
      await this.refresh(changed.slice(start, start + LOAD_BATCH).map(({ id }) => id));
    this.#caughtUpAt = startedAt;
  }

  async search({
    q,
    category,
    brand,
    minPrice,
    maxPrice,
    sort = "relevance",
    limit,
    cursor,
  }: SearchParams): Promise<SearchResult> {
    const { categories, index } = this.#options;
    const asked = fingerprint([q, category, brand, minPrice, maxPrice, sort]);
    const found = index.search({
      text: q,
      categories: category === undefined ? undefined : categories.withDescendants(category),
      brand,
      minPrice,
      maxPrice,
      sort,
      limit,
      after: cursor === undefined ? undefined : positionIn(cursor, asked),
    });
    return {
      items: await this.#published(found.productIds),
      facets: { category: byFrequency(this.#withParents(found.categories)), brand: byFrequency(found.brands) },
      total: found.total,
      nextCursor: found.next === undefined ? null : encodeCursor([asked, ...found.next]),
    };
  }

  related(product: Product, limit: number): Promise<Product[]> {
    const { categories, index } = this.#options;
    return this.#published(index.related(product, categories.family(product.category), limit));
  }

  /** In this order. What is no longer published, and not yet out of the index, is left out. */
  async #published(productIds: readonly string[]): Promise<Product[]> {
    const products = await findProducts(this.#options.documents, productIds);
    const byId = new Map(products.filter(isPublished).map((product) => [product.id, product]));
    return productIds.flatMap((id) => byId.get(id) ?? []);
  }

  /** A category counts what is below it, as its filter does. */
  #withParents(counted: readonly Counted[]): Counted[] {
    const counts = new Map<string, number>();
    for (const { value, count } of counted)
      for (const slug of this.#options.categories.withAncestors(value)) counts.set(slug, (counts.get(slug) ?? 0) + count);
    return [...counts].map(([value, count]) => ({ value, count }));
  }
}

const byFrequency = (counted: readonly Counted[]): Counted[] =>
  [...counted].sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));

/** Of everything but the page: a cursor of another search must not be taken for one of this. */
const fingerprint = (search: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(search)).digest("base64url").slice(0, 12);

const isCursor = (value: unknown): value is [string, ...Position] => {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [asked, key, productId] = value;
  return isText(asked) && (isText(key) || Number.isFinite(key)) && isText(productId);
};

const positionIn = (cursor: string, asked: string): Position => {
  const [askedThen, ...position] = decodeCursor(cursor, isCursor);
  if (askedThen !== asked) throw new InvalidCursor();
  return position;
};
