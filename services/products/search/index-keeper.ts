import { setImmediate } from "node:timers/promises";
import type { IndexStatus, Product } from "@molecart/mixins/contracts/products.ts";
import type { Collection } from "@molecart/mixins/document-store/collection.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { Poller } from "@molecart/mixins/messaging/poller.ts";
import type { CategoryTree } from "../category.ts";
import type { ProductDocument } from "../product.document.ts";
import { findChangedSince, findProducts, findProductsAfter, findProductsBySku } from "../product.repository.ts";
import { type Availabilities, findAvailability, findToldSince, setAvailability } from "./availability.ts";
import { entryOf, type IndexEntry, type SkuAvailability } from "./index-entry.ts";
import { Joined } from "./joined.ts";
import { claimLease, type Lease, type LeaseDocument } from "./lease.ts";
import { EntriesRefused, type Refused } from "./search.errors.ts";
import type { SearchEngine } from "./search-engine.ts";

export interface IndexKeeperOptions {
  engine: SearchEngine;
  documents: Collection<ProductDocument>;
  availability: Availabilities;
  /** Where brokers share the index, who works at it. */
  leases: Collection<LeaseDocument>;
  categories(): CategoryTree;
  /** Inventory's answer of at most 500 SKUs. */
  askAvailability(skus: readonly string[]): Promise<SkuAvailability[]>;
  clock: Clock;
  checkEveryMs: number;
  log: { info(message: string, detail?: object): void; warn(message: string, detail: object): void };
}

/** Products of one read: 500 of 3 kB. */
const PAGE = 500;
const SKUS_OF_ONE_CALL = 500;
/** Writers stamp `updatedAt` by their own clocks, some time before the write arrives. */
const OVERLAP_MS = 120_000;
/** How soon an index that lacks, or one that nobody could reach, is looked for again. */
const LOOK_AGAIN_MS = 5_000;
/** The first comparison: when a start has settled down. */
const FIRST_CHECK_MS = 60_000;

interface ComparedPage {
  /** The id up to which was compared; undefined: to the end. */
  last: string | undefined;
  products: number;
  /** The index has a later version than the catalogue. */
  isAhead: boolean;
}

/** An outage says in its cause what has happened. */
const causeOf = (error: unknown): string => messageOf((error as Error).cause ?? error);

type Job = NonNullable<IndexStatus["job"]>;
type Check = NonNullable<IndexStatus["lastCheck"]>;

/** Keeps the index at what the catalogue says. A product is always read anew, first the product and then the availability of
 *  its SKUs, so that the order in which messages arrive does not matter; and the index never takes an older state for a newer
 *  one. What no message told of is found by the comparison of all products. */
export class IndexKeeper {
  readonly #options: IndexKeeperOptions;
  readonly #poller: Poller;
  /** An import brings events faster than single writes to another server could follow. */
  readonly #following = new Joined((productIds) => this.#putAsTheyAre(productIds));
  #job: (Job & { done: Promise<void> }) | undefined;
  #lastCheck: Check | null = null;
  #wanted: Job["kind"] | undefined;
  #nextCheckAt: number;
  #closed = false;

  constructor(options: IndexKeeperOptions) {
    this.#options = options;
    this.#nextCheckAt = options.clock.now() + Math.min(FIRST_CHECK_MS, options.checkEveryMs);
    this.#poller = new Poller({
      round: () => this.#round(),
      maxSleepMs: LOOK_AGAIN_MS,
      onError: (error) => options.log.warn("The search index waits", { error: causeOf(error) }),
    });
  }

  start(): void {
    this.#poller.start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#poller.stop();
    await this.#job?.done.catch(() => {});
  }

  /** Shows these products as they are in the store now. Rejects with `EntriesRefused` where one of them is refused. */
  async follow(productIds: readonly string[]): Promise<void> {
    if (productIds.length === 0) return;
    try {
      await this.#following.run(productIds);
    } catch (error) {
      // Of another one in the batch it is not our failure.
      if (!(error instanceof EntriesRefused)) throw error;
      const own = error.refused.filter(({ id }) => productIds.includes(id));
      if (own.length > 0) throw new EntriesRefused(own);
    }
  }

  async #putAsTheyAre(productIds: readonly string[]): Promise<void> {
    const { documents, engine } = this.#options;
    const refused: Refused[] = [];
    for (let at = 0; at < productIds.length; at += PAGE) {
      const products = await findProducts(documents, productIds.slice(at, at + PAGE));
      try {
        await engine.put(await this.#entriesOf(products));
      } catch (error) {
        if (!(error instanceof EntriesRefused)) throw error;
        refused.push(...error.refused);
      }
    }
    if (refused.length > 0) throw new EntriesRefused(refused);
  }

  /** The products that have these SKUs. */
  async productsOf(skus: readonly string[]): Promise<string[]> {
    return (await findProductsBySku(this.#options.documents, skus)).map(({ id }) => id);
  }

  /** Takes over what inventory has told, and answers the products that it concerns. */
  async hear(items: readonly SkuAvailability[]): Promise<string[]> {
    const { availability, clock } = this.#options;
    await setAvailability(availability, items, isoTime(clock.now()));
    // Also where nothing has changed: an earlier attempt may have come to here.
    return this.productsOf(items.map(({ sku }) => sku));
  }

  async #entriesOf(products: readonly Product[]): Promise<IndexEntry[]> {
    const skus = products.flatMap(({ variants }) => variants.map(({ sku }) => sku));
    const known = new Map((await findAvailability(this.#options.availability, skus)).map((one) => [one.sku, one]));
    const tree = this.#options.categories();
    return products.map((product) =>
      entryOf(
        product,
        tree.names(product.category),
        product.variants.flatMap(({ sku }) => known.get(sku) ?? []),
      ),
    );
  }

  /** Shows what was written or told of since this time. */
  catchUp(since: string): Promise<void> {
    return this.#putChanged(since, (entries) => this.#tolerating(this.#options.engine.put(entries)));
  }

  async changedSince(since: string): Promise<string[]> {
    const { documents, availability } = this.#options;
    const from = isoTime(Math.max(0, Date.parse(since) - OVERLAP_MS));
    const written = (await findChangedSince(documents, from)).map(({ id }) => id);
    const told = await this.productsOf(await findToldSince(availability, from));
    return [...new Set([...written, ...told])];
  }

  async #putChanged(since: string, put: (entries: readonly IndexEntry[]) => Promise<void>): Promise<void> {
    const ids = await this.changedSince(since);
    for (let at = 0; at < ids.length; at += PAGE)
      await put(await this.#entriesOf(await findProducts(this.#options.documents, ids.slice(at, at + PAGE))));
  }

  /** Starts it, unless something is done with the index already, and answers at once. */
  want(kind: Job["kind"]): void {
    if (this.#wanted !== "rebuild") this.#wanted = kind;
    this.#poller.wake();
  }

  async status(): Promise<IndexStatus> {
    const { engine } = this.#options;
    const state = await engine.needsRebuild().then(
      (needed) => (needed ? "building" : "ready"),
      () => "unavailable" as const,
    );
    const job = this.#job && { kind: this.#job.kind, startedAt: this.#job.startedAt, products: this.#job.products };
    return { engine: engine.kind, state, job: job ?? null, lastCheck: this.#lastCheck };
  }

  async #round(): Promise<number> {
    const wanted = this.#wanted;
    this.#wanted = undefined;
    try {
      await this.#work(wanted);
    } catch (error) {
      this.#wanted ??= wanted;
      throw error;
    }
    return LOOK_AGAIN_MS;
  }

  async #work(wanted: Job["kind"] | undefined): Promise<void> {
    const { engine, clock, checkEveryMs } = this.#options;
    if (wanted === "rebuild" || (await engine.needsRebuild())) {
      await this.#alone("rebuild", () => this.rebuild());
    } else if (wanted === "check" || clock.now() >= this.#nextCheckAt) {
      await this.#alone("check", () => this.check(), wanted === "check" ? 0 : checkEveryMs / 2);
      this.#nextCheckAt = clock.now() + checkEveryMs;
    }
  }

  /** On one broker at a time where they share the index. After it, nobody does it again by himself for a while. */
  async #alone(name: Job["kind"], work: () => Promise<void>, restMs = 0): Promise<void> {
    const { engine, leases, clock } = this.#options;
    if (engine.kind === "sqlite") return work();
    const lease = await claimLease(leases, name, clock);
    if (lease === undefined) return;
    this.#lease = lease;
    try {
      await work();
      await lease.end(restMs);
    } catch (error) {
      await lease.end().catch(() => {});
      throw error;
    } finally {
      this.#lease = undefined;
    }
  }
  #lease: Lease | undefined;

  async #track(kind: Job["kind"], work: (job: Job) => Promise<void>): Promise<void> {
    const job: Job = { kind, startedAt: isoTime(this.#options.clock.now()), products: 0 };
    const done = work(job);
    const tracked = Object.assign(job, { done });
    this.#job = tracked;
    try {
      await done;
    } finally {
      if (this.#job === tracked) this.#job = undefined;
    }
  }

  async #between(job: Job, products: number): Promise<void> {
    job.products += products;
    if (this.#closed) throw new Error(`The broker stops during the ${job.kind} of the search index`);
    await this.#lease?.renew();
    await setImmediate();
  }

  /** Fills a new index while the present one answers, and lets it take its place. Changes that come meanwhile are written to
   *  both; those that another broker has written before it knew of the new one are put in by a second look at the catalogue,
   *  before the change of places and, for the moment of it, once more after. */
  rebuild(): Promise<void> {
    return this.#track("rebuild", async (job) => {
      const { engine, documents, log } = this.#options;
      const building = await engine.beginRebuild();
      const put = (entries: readonly IndexEntry[]) => this.#tolerating(building.put(entries));
      try {
        let products = await findProductsAfter(documents, "", PAGE);
        while (products.length > 0) {
          await put(await this.#entriesOf(products));
          await this.#between(job, products.length);
          products = products.length < PAGE ? [] : await findProductsAfter(documents, (products.at(-1) as Product).id, PAGE);
        }
        await this.#putChanged(job.startedAt, put);
        await this.#between(job, 0);
        await building.finish();
      } catch (error) {
        await building.abandon().catch((failure) => log.warn("A half-made search index is left", { error: causeOf(failure) }));
        throw error;
      }
      await this.#putChanged(job.startedAt, (entries) => this.#tolerating(engine.put(entries)));
      log.info("The search index is made anew", { products: job.products });
    });
  }

  /** One product that the engine refuses does not keep the others out of the index. */
  async #tolerating(put: Promise<void>): Promise<void> {
    try {
      await put;
    } catch (error) {
      if (!(error instanceof EntriesRefused)) throw error;
      this.#options.log.warn("The search index lacks products", { error: messageOf(error) });
    }
  }

  /** Compares the index with the catalogue, and the catalogue's knowledge of availability with inventory's, and repairs. */
  check(): Promise<void> {
    return this.#track("check", async (job) => {
      const { log, clock } = this.#options;
      const result: Check = { at: isoTime(clock.now()), products: 0, missing: 0, stale: 0, surplus: 0, stockCompared: true };
      let isAhead = false;
      for (let after: string | undefined = ""; after !== undefined; ) {
        const page: ComparedPage = await this.#comparePage(after, result);
        isAhead ||= page.isAhead;
        await this.#between(job, page.products);
        after = page.last;
      }
      this.#lastCheck = result;
      if (result.missing + result.stale + result.surplus > 0) log.warn("The search index was not what the catalogue is", result);
      // The catalogue was set back, by a backup perhaps: the index would take its own, later versions for better.
      if (isAhead) this.want("rebuild");
    });
  }

  async #comparePage(after: string, result: Check): Promise<ComparedPage> {
    const { engine, documents } = this.#options;
    const [indexed, read] = await Promise.all([engine.versionsAfter(after, PAGE), findProductsAfter(documents, after, PAGE)]);
    // As far as both are known; undefined: to the end.
    const last = [indexed, read].flatMap((page) => (page.length < PAGE ? [] : [(page.at(-1) as { id: string }).id])).sort()[0];
    const isInPage = ({ id }: { id: string }): boolean => last === undefined || id <= last;
    const products = read.filter(isInPage);
    result.stockCompared &&= await this.#compareStock(products);
    const entries = await this.#entriesOf(products);
    const known = new Map(indexed.filter(isInPage).map(({ id, version }) => [id, version]));

    const missing = entries.filter(({ id }) => !known.has(id));
    const stale = entries.filter(({ id, version }) => known.has(id) && known.get(id) !== version);
    const wrong = [...missing, ...stale].map(({ id }) => id);
    // Read again: what has changed since it was read is shown as it is now.
    if (wrong.length > 0) await this.#tolerating(this.follow(wrong));
    const there = new Set(entries.map(({ id }) => id));
    result.products += products.length;
    result.missing += missing.length;
    result.stale += stale.length;
    result.surplus += await this.#removeUnknown([...known.keys()].filter((id) => !there.has(id)));
    return { last, products: products.length, isAhead: stale.some(({ id, version }) => (known.get(id) as number) > version) };
  }

  /** A product that was added since the catalogue was read is not surplus. */
  async #removeUnknown(productIds: readonly string[]): Promise<number> {
    if (productIds.length === 0) return 0;
    const { documents, engine } = this.#options;
    const there = new Set((await findProducts(documents, productIds)).map(({ id }) => id));
    const unknown = productIds.filter((id) => !there.has(id));
    await engine.remove(unknown);
    return unknown.length;
  }

  /** Answers whether inventory has. */
  async #compareStock(products: readonly Product[]): Promise<boolean> {
    const { askAvailability, availability, clock, log } = this.#options;
    const skus = products.flatMap(({ variants }) => variants.map(({ sku }) => sku));
    try {
      for (let from = 0; from < skus.length; from += SKUS_OF_ONE_CALL) {
        const told = await askAvailability(skus.slice(from, from + SKUS_OF_ONE_CALL));
        await setAvailability(availability, told, isoTime(clock.now()));
      }
      return true;
    } catch (error) {
      log.warn("The stock could not be compared with inventory's", { error: causeOf(error) });
      return false;
    }
  }
}
