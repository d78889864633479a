import { existsSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import type { IndexEntry } from "./index-entry.ts";
import type { Counted, Hits, Rebuild, RelatedQuery, SearchEngine, SearchQuery, Suggested } from "./search-engine.ts";
import { SqliteIndex } from "./sqlite-index.ts";

export interface SqliteEngineOptions {
  /** The files' common beginning: `<path>.<n>.db`. Undefined: in memory, made anew at every start. */
  path: string | undefined;
  log: { warn(message: string, detail: object): void };
}

/** Entries of one transaction: some milliseconds, between which others are served. */
const SLICE = 50;

const COMPLETE = "complete";

/** The embedded engine: an index in the memory or in a file of this process. A rebuild fills a second file, and the numbers in
 *  the names say which one is younger; one that was not finished is thrown away by the next start. */
export class SqliteEngine implements SearchEngine {
  readonly kind = "sqlite";
  readonly #options: SqliteEngineOptions;
  #index: SqliteIndex;
  /** Of the file that answers. */
  #number: number;
  #fresh: boolean;

  constructor(options: SqliteEngineOptions) {
    this.#options = options;
    const opened = this.#openYoungest();
    this.#fresh = opened === undefined;
    this.#number = opened?.number ?? this.#nextNumber();
    this.#index = opened?.index ?? new SqliteIndex(this.#fileOf(this.#number));
  }

  #openYoungest(): { index: SqliteIndex; number: number } | undefined {
    for (const number of this.#numbers()) {
      let index: SqliteIndex | undefined;
      try {
        index = new SqliteIndex(this.#fileOf(number));
        if (index.meta(COMPLETE) !== undefined) {
          this.#removeFiles(this.#numbers().filter((other) => other !== number));
          return { index, number };
        }
      } catch (error) {
        this.#options.log.warn("The search index is made anew", { file: this.#fileOf(number), error: messageOf(error) });
      }
      index?.close();
      this.#removeFiles([number]);
    }
    return undefined;
  }

  #fileOf(number: number): string {
    const { path } = this.#options;
    return path === undefined ? ":memory:" : `${path}.${number}.db`;
  }

  /** Of the files that there are, the youngest first. */
  #numbers(): number[] {
    const { path } = this.#options;
    if (path === undefined || !existsSync(dirname(path))) return [];
    const name = `${basename(path)}.`;
    return readdirSync(dirname(path))
      .flatMap((file) => (file.startsWith(name) ? [/^(\d+)\.db$/.exec(file.slice(name.length))?.[1]] : []))
      .flatMap((digits) => (digits === undefined ? [] : [Number(digits)]))
      .sort((a, b) => b - a);
  }

  #nextNumber(): number {
    return (this.#numbers()[0] ?? 0) + 1;
  }

  #removeFiles(numbers: readonly number[]): void {
    const { path } = this.#options;
    if (path === undefined) return;
    for (const number of numbers)
      for (const ending of ["", "-wal", "-shm"])
        rmSync(join(dirname(path), `${basename(path)}.${number}.db${ending}`), { force: true });
  }

  async search(query: SearchQuery): Promise<Hits> {
    return this.#index.search(query);
  }
  async suggest(text: string, limit: number): Promise<Suggested> {
    return this.#index.suggest(text, limit);
  }
  async brands(): Promise<Counted[]> {
    return this.#index.brands();
  }
  async related(query: RelatedQuery): Promise<string[]> {
    return this.#index.related(query);
  }
  async versionsAfter(productId: string, limit: number): Promise<{ id: string; version: number }[]> {
    return this.#index.versionsAfter(productId, limit);
  }
  versionOf(productId: string): number | undefined {
    return this.#index.versionOf(productId);
  }

  async put(entries: readonly IndexEntry[]): Promise<void> {
    await inSlices(entries, (slice) => {
      const index = this.#index;
      index.batch(() => {
        for (const entry of slice) index.put(entry);
      });
    });
  }

  async remove(productIds: readonly string[]): Promise<void> {
    this.#index.batch(() => {
      for (const id of productIds) this.#index.remove(id);
    });
  }

  async needsRebuild(): Promise<boolean> {
    return this.#fresh;
  }

  async beginRebuild(): Promise<Rebuild> {
    // An empty index is filled where it is: there is nothing to be replaced.
    const inPlace = this.#fresh;
    const number = inPlace ? this.#number : this.#nextNumber();
    const index = inPlace ? this.#index : new SqliteIndex(this.#fileOf(number));
    return {
      put: (entries) =>
        inSlices(entries, (slice) =>
          index.batch(() => {
            for (const entry of slice) index.put(entry);
          }),
        ),
      finish: async () => {
        index.batch(() => index.setMeta(COMPLETE, "yes"));
        this.#fresh = false;
        if (inPlace) return;
        this.#index.close();
        this.#removeFiles([this.#number]);
        this.#index = index;
        this.#number = number;
      },
      abandon: async () => {
        if (inPlace) return;
        index.close();
        this.#removeFiles([number]);
      },
    };
  }

  /** The time up to which the catalogue's changes are in this index, ISO 8601. */
  get followedUntil(): string | undefined {
    return this.#index.meta("followed until");
  }
  set followedUntil(time: string) {
    this.#index.batch(() => this.#index.setMeta("followed until", time));
  }

  async ping(): Promise<void> {}

  async close(): Promise<void> {
    this.#index.close();
  }
}

const inSlices = async (entries: readonly IndexEntry[], put: (slice: readonly IndexEntry[]) => void): Promise<void> => {
  for (let from = 0; from < entries.length; from += SLICE) {
    if (from > 0) await setImmediate();
    put(entries.slice(from, from + SLICE));
  }
};
