import { setTimeout } from "node:timers/promises";
import type { Client, estypes } from "@elastic/elasticsearch";
import { delayMs } from "@molecart/mixins/lib/backoff.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import { asSearchError, connectElasticsearch, type ElasticsearchSettings, WRITE_TIMEOUT_MS } from "./elasticsearch-client.ts";
import {
  type Aggregations,
  brandsBody,
  bySpelling,
  facetsOf,
  relatedBody,
  searchBody,
  suggestBody,
  WORDED,
} from "./elasticsearch-query.ts";
import { documentOf, MAPPINGS, SCHEMA_VERSION, SETTINGS } from "./elasticsearch-schema.ts";
import type { IndexEntry } from "./index-entry.ts";
import { EntriesRefused } from "./search.errors.ts";
import type { Counted, Hits, Rebuild, RelatedQuery, SearchEngine, SearchQuery, Suggested } from "./search-engine.ts";
import { wordsTyped } from "./words.ts";

/** Of one request: about 1 MB. */
const BULK = 500;
const BULK_BACKOFF = { firstMs: 200, maxMs: 5_000, factor: 2 };
const MAX_BULK_TRIES = 6;
/** After an outage, how long the next searches are told so at once. */
const AWAY_MS = 1_000;
/** A template of ours wins over general ones. */
const TEMPLATE_PRIORITY = 500;

const NOTHING: Hits = {
  productIds: [],
  next: undefined,
  total: 0,
  alike: false,
  facets: { categories: [], brands: [], attributes: [], prices: [], available: 0, unavailable: 0 },
};

/** The names by which an index is reached. */
interface Aliases {
  /** What searches ask. */
  read: string;
  /** What changes are written to. */
  write: string;
  /** The index that is being filled: changes are written to it as well. */
  next: string;
}

/** The product's content decides which version of it is the latest: `external_gte`, so that a message that comes late or twice
 *  never overwrites a later one. One index answers at a time, behind aliases; a new one takes its place in one step. */
export class ElasticsearchEngine implements SearchEngine {
  readonly kind = "elasticsearch";
  readonly #client: Client;
  readonly #name: string;
  readonly #aliases: Aliases;
  #awayUntil = 0;

  constructor(settings: ElasticsearchSettings) {
    this.#client = connectElasticsearch(settings);
    this.#name = `${settings.indexPrefix}-products`;
    this.#aliases = { read: this.#name, write: `${this.#name}-write`, next: `${this.#name}-next` };
  }

  async search(query: SearchQuery): Promise<Hits> {
    const { text = "", limit } = query;
    const searched = text.trim() !== "";
    const words = searched ? wordsTyped(text) : undefined;
    if (words?.length === 0) return NOTHING;
    // On further pages the first one has decided it.
    let alike = query.after?.alike ?? false;
    let found = await this.#ask(searchBody(query, words, alike));
    if (words !== undefined && query.after === undefined && aggregationsOf(found)[WORDED]?.doc_count === 0) {
      alike = true;
      found = await this.#ask(searchBody(query, words, true));
    }
    const { hits } = found.hits;
    const page = hits.slice(0, limit);
    const last = page.at(-1);
    const total = (found.hits.total as estypes.SearchTotalHits).value;
    return {
      productIds: page.map(({ _id }) => _id as string),
      next: hits.length > limit && last?.sort ? { alike, values: last.sort as (string | number)[] } : undefined,
      total,
      alike: alike && total > 0,
      facets: facetsOf(query, aggregationsOf(found)),
    };
  }

  async suggest(text: string, limit: number): Promise<Suggested> {
    const words = wordsTyped(text);
    if (words.length === 0) return { productIds: [], brands: [] };
    let found = await this.#ask(suggestBody(words, false, limit));
    if ((found.hits.total as estypes.SearchTotalHits).value === 0) found = await this.#ask(suggestBody(words, true, limit));
    const { brand } = aggregationsOf(found);
    return {
      productIds: found.hits.hits.map(({ _id }) => _id as string),
      brands: brand === undefined ? [] : bySpelling(brand).map(({ value }) => value),
    };
  }

  async brands(): Promise<Counted[]> {
    const { brand } = aggregationsOf(await this.#ask(brandsBody()));
    return brand === undefined ? [] : bySpelling(brand);
  }

  async related(query: RelatedQuery): Promise<string[]> {
    const found = await this.#ask(relatedBody(query));
    return found.hits.hits.map(({ _id }) => _id as string);
  }

  async #ask(body: estypes.SearchRequest): Promise<estypes.SearchResponse> {
    // Customers do not wait, one after the other, for a server that has just not answered.
    if (performance.now() < this.#awayUntil) throw new Unavailable("the search index");
    try {
      return await this.#client.search({ index: this.#aliases.read, ...body });
    } catch (error) {
      const named = asSearchError(error);
      if (named instanceof Unavailable) this.#awayUntil = performance.now() + AWAY_MS;
      throw named;
    }
  }

  async put(entries: readonly IndexEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const { write, next } = this.#aliases;
    // Asked each time: another broker may have begun to fill a new index. What is written in the moment before it is seen here
    // is put into the new index by that broker's second look at the catalogue.
    const indices = await this.#indices();
    if (!indices.some(({ aliases }) => aliases.includes(write))) throw new Unavailable("the search index");
    await this.#bulk(write, entries);
    if (indices.some(({ aliases }) => aliases.includes(next))) await this.#bulkIfThere(next, entries);
  }

  async #bulkIfThere(alias: string, entries: readonly IndexEntry[]): Promise<void> {
    try {
      await this.#bulk(alias, entries);
    } catch (error) {
      // It has taken the other's place, or was given up, since we looked.
      const there = (await this.#indices()).some(({ aliases }) => aliases.includes(alias));
      if (there) throw error;
    }
  }

  async #bulk(target: string, entries: readonly IndexEntry[]): Promise<void> {
    const refused: { id: string; reason: string }[] = [];
    for (let from = 0; from < entries.length; from += BULK)
      refused.push(...(await this.#bulkWithRetries(target, entries.slice(from, from + BULK))));
    if (refused.length > 0) throw new EntriesRefused(refused);
  }

  /** Each item of a bulk request has a fate of its own: what the server had no room for is sent again. */
  async #bulkWithRetries(target: string, entries: readonly IndexEntry[]): Promise<{ id: string; reason: string }[]> {
    const refused: { id: string; reason: string }[] = [];
    let waiting = entries;
    for (let attempt = 1; ; attempt++) {
      const items = await this.#bulkOnce(target, waiting);
      const again: IndexEntry[] = [];
      items.forEach(({ status = 500, error }, index) => {
        const entry = waiting[index] as IndexEntry;
        // 409: a later version is there.
        if (error === undefined || status === 409) return;
        if (status === 429 || status >= 500) again.push(entry);
        else if (status === 404) throw new Unavailable("the search index");
        else refused.push({ id: entry.id, reason: `${error.type}: ${error.reason ?? ""}` });
      });
      if (again.length === 0) return refused;
      if (attempt === MAX_BULK_TRIES) throw new Unavailable("the search index");
      await setTimeout(delayMs(BULK_BACKOFF, attempt));
      waiting = again;
    }
  }

  async #bulkOnce(target: string, entries: readonly IndexEntry[]): Promise<estypes.BulkResponseItem[]> {
    const operations = entries.flatMap((entry) => [
      { index: { _id: entry.id, version: entry.version, version_type: "external_gte" as const } },
      documentOf(entry),
    ]);
    try {
      const { items } = await this.#client.bulk(
        // Elasticsearch would otherwise make an index of this name by itself, with mappings that it guesses.
        { index: target, operations, require_alias: true },
        { requestTimeout: WRITE_TIMEOUT_MS, maxRetries: 0 },
      );
      return items.map(({ index }) => index as estypes.BulkResponseItem);
    } catch (error) {
      const { statusCode } = error as { statusCode?: unknown };
      // The whole request was too much: as if each of its items had been.
      if (statusCode === 429)
        return entries.map(() => ({ status: 429, error: { type: "too_many_requests" } }) as estypes.BulkResponseItem);
      throw asSearchError(error);
    }
  }

  async versionsAfter(productId: string, limit: number): Promise<{ id: string; version: number }[]> {
    const index = this.#aliases.write;
    // Who compares wants to see what was written in the last second, too.
    if (productId === "") await this.#run(() => this.#client.indices.refresh({ index }, { requestTimeout: WRITE_TIMEOUT_MS }));
    const found = await this.#run(() =>
      this.#client.search(
        {
          index,
          size: limit,
          _source: false,
          version: true,
          track_total_hits: false,
          query: { match_all: {} },
          sort: [{ id: { order: "asc" } }],
          ...(productId !== "" && { search_after: [productId] }),
        },
        { requestTimeout: WRITE_TIMEOUT_MS },
      ),
    );
    return found.hits.hits.map(({ _id, _version }) => ({ id: _id as string, version: _version as number }));
  }

  async remove(productIds: readonly string[]): Promise<void> {
    if (productIds.length === 0) return;
    const operations = productIds.map((_id) => ({ delete: { _id } }));
    await this.#run(() =>
      this.#client.bulk(
        { index: this.#aliases.write, operations, require_alias: true },
        { requestTimeout: WRITE_TIMEOUT_MS, maxRetries: 0 },
      ),
    );
  }

  async needsRebuild(): Promise<boolean> {
    const answering = (await this.#indices()).find(({ aliases }) => aliases.includes(this.#aliases.read));
    return answering === undefined || versionIn(answering.index) < SCHEMA_VERSION;
  }

  async beginRebuild(): Promise<Rebuild> {
    const { next } = this.#aliases;
    await this.#run(() =>
      this.#client.indices.putIndexTemplate({
        name: this.#name,
        index_patterns: [`${this.#name}-v*`],
        priority: TEMPLATE_PRIORITY,
        version: SCHEMA_VERSION,
        template: { settings: SETTINGS, mappings: MAPPINGS },
      }),
    );
    // Whoever has left one half filled does not go on with it: only one rebuilds at a time.
    for (const { index, aliases } of await this.#indices()) if (aliases.includes(next)) await this.#drop(index);
    const index = `${this.#name}-v${SCHEMA_VERSION}-${Date.now().toString(36)}`;
    await this.#run(() => this.#client.indices.create({ index, aliases: { [next]: {} } }, { requestTimeout: WRITE_TIMEOUT_MS }));
    return {
      // By the alias: an index that another broker has dropped, because this one was taken for dead, is not made up again.
      put: (entries) => this.#bulk(next, entries),
      finish: () => this.#takeOver(index),
      abandon: () => this.#drop(index),
    };
  }

  async #takeOver(index: string): Promise<void> {
    const { read, write, next } = this.#aliases;
    await this.#run(() => this.#client.indices.refresh({ index }, { requestTimeout: WRITE_TIMEOUT_MS }));
    const old = (await this.#indices()).filter((one) => one.index !== index);
    const answering = old.filter(({ aliases }) => aliases.includes(read) || aliases.includes(write));
    await this.#run(() =>
      this.#client.indices.updateAliases(
        {
          actions: [
            ...answering.flatMap((one) => one.aliases.map((alias) => ({ remove: { index: one.index, alias } }))),
            { remove: { index, alias: next } },
            { add: { index, alias: read } },
            { add: { index, alias: write, is_write_index: true } },
          ],
        },
        { requestTimeout: WRITE_TIMEOUT_MS },
      ),
    );
    for (const { index: replaced } of old) await this.#drop(replaced);
  }

  /** A number after a dash: `molecart-products-v1-…`. */
  async #indices(): Promise<{ index: string; aliases: string[] }[]> {
    const found = await this.#run(() => this.#client.indices.getAlias({ index: `${this.#name}-v*` }));
    return Object.entries(found).map(([index, { aliases }]) => ({ index, aliases: Object.keys(aliases) }));
  }

  async #drop(index: string): Promise<void> {
    await this.#run(() => this.#client.indices.delete({ index, ignore_unavailable: true }, { requestTimeout: WRITE_TIMEOUT_MS }));
  }

  async #run<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      throw asSearchError(error);
    }
  }

  async ping(): Promise<void> {
    await this.#run(() => this.#client.indices.getAlias({ name: this.#aliases.read }));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}

const aggregationsOf = ({ aggregations }: estypes.SearchResponse): Aggregations =>
  (aggregations ?? {}) as unknown as Aggregations;

const versionIn = (index: string): number => Number(/-v(\d+)-[^-]*$/.exec(index)?.[1] ?? 0);
