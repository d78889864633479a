import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { LRUCache } from "lru-cache";
import { Content } from "./content.ts";

/** What an answer shows of the catalogue, and so which changes make it old: one product, a list of them that any product may
 *  come into or leave, or the categories. */
export const cachedKinds = ["product", "products", "categories"] as const;
export type CachedKind = (typeof cachedKinds)[number];

/** A route whose answers are kept. */
export interface CachedRoute {
  readonly cache: CachedKind;
}

export interface ProductVersion {
  id: string;
  version: number;
}

const isProduct = (value: unknown): value is ProductVersion =>
  typeof value === "object" && value !== null && "id" in value && "version" in value;

/** The products that an answer shows, each as of which version. */
export const productsIn = (kind: CachedKind, result: unknown): ProductVersion[] => {
  if (kind === "product") return [result].filter(isProduct);
  if (kind === "products") return ((result as { items?: unknown[] }).items ?? []).filter(isProduct);
  return [];
};

/** An answer with status 200 as it is sent. */
export class CachedAnswer<R extends CachedRoute = CachedRoute> extends Content {
  readonly route: R;
  readonly products: readonly ProductVersion[];
  readonly storedAtMs: number;

  constructor(route: R, result: unknown, nowMs: number) {
    super(JSON.stringify(result));
    this.route = route;
    this.products = productsIn(route.cache, result);
    this.storedAtMs = nowMs;
  }

  /** Itself, and at most as much again compressed. */
  get size(): number {
    return 3 * this.body.length + 500;
  }
}

/** An answer out of the cache, and how it may be used. */
export interface Served<R extends CachedRoute = CachedRoute> {
  answer: CachedAnswer<R>;
  ageSeconds: number;
  /** It is older than it should be, and the shop cannot be asked. */
  stale: boolean;
}

export interface AnswerCacheOptions {
  clock: Clock;
  /** An answer is used for so long, whether or not a change is told: messages of changes may be lost. 0: nothing is kept. */
  maxAgeMs: number;
  /** And for so long after that while the shop cannot be asked. */
  staleMs: number;
  maxBytes: number;
  /** Whether the shop could not be asked, as against: it was asked and has refused. */
  isOutage(error: unknown): boolean;
  onStale(error: string): void;
}

interface Loading<R extends CachedRoute> {
  answer: Promise<CachedAnswer<R>>;
}

/** Addresses that lead to an answer, as clients have written them: parameters in any order. */
const MAX_ADDRESSES = 10_000;
const MAX_ADDRESS_LENGTH = 512;
/** Changes that are remembered: more than happen while a broker of products is behind. */
const MAX_CHANGES = 10_000;
/** One answer takes no more than this share of the room. */
const MAX_SHARE = 0.1;

/** Answers about the catalogue, the same for everybody who is not staff. What is in it was asked for in nobody's name, so it
 *  cannot hold anything personal.
 *
 *  Why it never keeps an old answer after it has heard of a change: an answer is kept only if no change was told while it was
 *  made, and only if none of its products is older than the newest version that was told. The second is for a broker of
 *  products that hears of the change after the gateway. */
export class AnswerCache<R extends CachedRoute = CachedRoute> {
  readonly #options: AnswerCacheOptions;
  readonly #answers: LRUCache<string, CachedAnswer<R>>;
  readonly #addresses = new LRUCache<string, string>({ max: MAX_ADDRESSES });
  readonly #versions = new LRUCache<string, number>({ max: MAX_CHANGES });
  readonly #loading = new Map<string, Loading<R>>();

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
    this.#answers = new LRUCache<string, CachedAnswer<R>>({
      maxSize: options.maxBytes,
      maxEntrySize: Math.ceil(options.maxBytes * MAX_SHARE),
      sizeCalculation: ({ size }) => size,
    });
  }

  get enabled(): boolean {
    return this.#options.maxAgeMs > 0;
  }

  get size(): number {
    return this.#answers.size;
  }

  /** The answer to a GET of this address, as it came; undefined where it is not at hand, or too old. */
  at(address: string): Served<R> | undefined {
    const key = this.#addresses.get(address);
    return key === undefined ? undefined : this.#fresh(key);
  }

  /** The answer under a key, from `load` where it is not at hand; one load at a time for all who want it. Rejects as `load` does,
   *  unless the shop cannot be asked and an older answer is there. */
  async read(route: R, key: string, address: string, load: () => Promise<unknown>): Promise<Served<R>> {
    const served = this.#fresh(key) ?? (await this.#load(route, key, load));
    if (address.length <= MAX_ADDRESS_LENGTH) this.#addresses.set(address, key);
    return served;
  }

  /** A product was written. What shows it, or might have to, is forgotten; so are the answers that are under way. */
  changed({ id, version }: ProductVersion): void {
    if (version > (this.#versions.get(id) ?? 0)) this.#versions.set(id, version);
    // Whoever comes from now on must not be given what was read before.
    this.#loading.clear();
    for (const [key, answer] of this.#answers.entries())
      if (answer.route.cache === "products" || answer.products.some((product) => product.id === id)) this.#answers.delete(key);
  }

  /** Changes may have been missed. */
  clear(): void {
    this.#loading.clear();
    this.#answers.clear();
  }

  #fresh(key: string): Served<R> | undefined {
    const answer = this.#answers.get(key);
    if (answer === undefined) return undefined;
    const ageMs = Math.max(0, this.#options.clock.now() - answer.storedAtMs);
    return ageMs < this.#options.maxAgeMs ? { answer, ageSeconds: Math.floor(ageMs / 1000), stale: false } : undefined;
  }

  async #load(route: R, key: string, load: () => Promise<unknown>): Promise<Served<R>> {
    try {
      return { answer: await this.#loaded(route, key, load), ageSeconds: 0, stale: false };
    } catch (error) {
      const { clock, maxAgeMs, staleMs, isOutage, onStale } = this.#options;
      if (!isOutage(error)) {
        this.#answers.delete(key);
        throw error;
      }
      const old = this.#answers.get(key);
      const ageMs = old === undefined ? 0 : clock.now() - old.storedAtMs;
      if (old === undefined || ageMs >= maxAgeMs + staleMs) throw error;
      onStale(messageOf(error));
      return { answer: old, ageSeconds: Math.floor(ageMs / 1000), stale: true };
    }
  }

  #loaded(route: R, key: string, load: () => Promise<unknown>): Promise<CachedAnswer<R>> {
    const running = this.#loading.get(key);
    if (running !== undefined) return running.answer;
    const loading: Loading<R> = { answer: this.#make(route, load) };
    this.#loading.set(key, loading);
    const settle = (answer?: CachedAnswer<R>): void => {
      // Another one: a change was told meanwhile.
      if (this.#loading.get(key) !== loading) return;
      this.#loading.delete(key);
      if (answer !== undefined && !this.#isOutdated(answer)) this.#answers.set(key, answer);
    };
    loading.answer.then(settle, () => settle());
    return loading.answer;
  }

  async #make(route: R, load: () => Promise<unknown>): Promise<CachedAnswer<R>> {
    return new CachedAnswer(route, await load(), this.#options.clock.now());
  }

  #isOutdated({ products }: CachedAnswer<R>): boolean {
    return products.some(({ id, version }) => version < (this.#versions.get(id) ?? 0));
  }
}
