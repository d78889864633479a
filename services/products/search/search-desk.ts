import { Degraded } from "@molecart/mixins/health.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { Poller } from "@molecart/mixins/messaging/poller.ts";
import type { ProductsConfig } from "../products.config.ts";
import { isOfWrite } from "./index-entry.ts";
import { IndexKeeper, type IndexKeeperOptions } from "./index-keeper.ts";
import type { SearchEngine } from "./search-engine.ts";
import { Showcase } from "./showcase.ts";
import { SqliteEngine } from "./sqlite-engine.ts";

export interface SearchDeskOptions extends Omit<IndexKeeperOptions, "engine" | "checkEveryMs"> {
  config: ProductsConfig;
}

const openEngine = async (
  { elasticsearch, indexPath }: ProductsConfig,
  log: IndexKeeperOptions["log"],
): Promise<SearchEngine> => {
  if (elasticsearch === undefined) return new SqliteEngine({ path: indexPath, log });
  const { ElasticsearchEngine } = await import("./elasticsearch-engine.ts");
  return new ElasticsearchEngine(elasticsearch);
};

/** One broker's search: its engine, what keeps that up to date, and what it shows. An embedded index is this broker's own and
 *  follows the store; Elasticsearch belongs to all brokers and is fed by durable events, by whichever broker gets them. */
export class SearchDesk {
  readonly keeper: IndexKeeper;
  readonly showcase: Showcase;
  readonly #engine: SearchEngine;
  readonly #options: SearchDeskOptions;
  readonly #catchUp: Poller | undefined;
  #caughtUpAt: number;
  /** A change is not in the index yet: the next start looks for it. */
  #isBehind = false;

  static async open(options: SearchDeskOptions): Promise<SearchDesk> {
    const desk = new SearchDesk(options, await openEngine(options.config, options.log));
    await desk.#start();
    return desk;
  }

  private constructor(options: SearchDeskOptions, engine: SearchEngine) {
    const { config, clock } = options;
    this.#options = options;
    this.#engine = engine;
    this.keeper = new IndexKeeper({ ...options, engine, checkEveryMs: config.indexCheckEveryMs });
    this.showcase = new Showcase({ ...options, engine });
    this.#caughtUpAt = clock.now();
    const everyMs = config.catchUpEveryMs;
    if (everyMs !== undefined)
      this.#catchUp = new Poller({
        round: async () => {
          await this.#catchUpOnce();
          return everyMs;
        },
        maxSleepMs: everyMs,
        onError: (error) => this.#warn(error),
      });
  }

  /** An embedded index is complete when the broker is there; on another server nobody waits for it to be. */
  async #start(): Promise<void> {
    const engine = this.#engine;
    if (engine instanceof SqliteEngine) {
      const startedAt = isoTime(this.#options.clock.now());
      if (await engine.needsRebuild()) await this.keeper.rebuild();
      else await this.keeper.catchUp(engine.followedUntil ?? isoTime(0));
      engine.followedUntil = startedAt;
    }
    this.keeper.start();
    this.#catchUp?.start();
  }

  /** These have changed: they are shown as they are now. Where that fails, the durable event of the change does it. */
  async show(productIds: readonly string[]): Promise<void> {
    this.showcase.drop(productIds);
    if (this.#engine.kind === "elasticsearch") return;
    await this.keeper.follow(productIds).catch((error) => this.#warn(error));
  }

  /** Of a durable event: rejects until it is done. */
  async follow(productIds: readonly string[]): Promise<void> {
    this.showcase.drop(productIds);
    await this.keeper.follow(productIds);
  }

  /** Of the durable event of a write. The broker that wrote it shows it already, as a rule. */
  async followWrite({ id, version }: { id: string; version: number }): Promise<void> {
    if (this.#engine instanceof SqliteEngine && isOfWrite(this.#engine.versionOf(id) ?? 0, version)) return;
    await this.follow([id]);
  }

  /** What other brokers have written, should their messages be lost. */
  async #catchUpOnce(): Promise<void> {
    const startedAt = this.#options.clock.now();
    const since = isoTime(this.#caughtUpAt);
    this.showcase.drop(await this.keeper.changedSince(since));
    if (this.#engine.kind === "sqlite") await this.keeper.catchUp(since);
    this.#caughtUpAt = startedAt;
  }

  /** Without the search, the shop still sells. */
  async checkHealth(): Promise<void> {
    await this.#engine.ping().catch(() => {
      throw new Degraded("the search index");
    });
  }

  #warn(error: unknown): void {
    this.#isBehind = true;
    this.#options.log.warn("The search shows a change later", { error: messageOf(error) });
  }

  async close(): Promise<void> {
    await this.#catchUp?.stop();
    await this.keeper.close();
    if (this.#engine instanceof SqliteEngine && !this.#isBehind) this.#engine.followedUntil = isoTime(this.#options.clock.now());
    await this.#engine.close();
  }
}
