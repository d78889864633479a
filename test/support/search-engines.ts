import { join } from "node:path";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { ElasticsearchEngine } from "../../services/products/search/elasticsearch-engine.ts";
import type { IndexEntry, PublishedEntry } from "../../services/products/search/index-entry.ts";
import type { SearchEngine } from "../../services/products/search/search-engine.ts";
import { SqliteEngine } from "../../services/products/search/sqlite-engine.ts";
import { ElasticsearchReceiver } from "./elasticsearch/receiver.ts";
import { findServer, type Server } from "./servers/find.ts";
import { temporaryDataDir } from "./worlds.ts";

export interface EngineStage {
  engine: SearchEngine;
  /** Makes what was put visible: Elasticsearch shows it a second later. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

const log = { warn: () => {} };
const settings = (url: string) => ({
  urls: [url],
  auth: undefined,
  caFile: undefined,
  indexPrefix: `test-${newId().toLowerCase().slice(-12)}`,
});

const openSqlite = async (path: string | undefined): Promise<EngineStage> => {
  const engine = new SqliteEngine({ path, log });
  return { engine, settle: async () => {}, close: () => engine.close() };
};

const openElasticsearch = async (url: string, close: () => Promise<void>): Promise<EngineStage> => {
  const engine = new ElasticsearchEngine(settings(url));
  return {
    engine,
    settle: async () => {
      await engine.versionsAfter("", 1);
    },
    close: async () => {
      await engine.close();
      await close();
    },
  };
};

const elasticsearchUrl = (): string => {
  const found = findServer("elasticsearch");
  if (found.by !== "url") throw new Error("This suite needs an Elasticsearch");
  return found.url;
};

/** One suite, run on each. */
export const searchEngines: { name: string; servers: readonly Server[]; open(): Promise<EngineStage> }[] = [
  { name: "SQLite in memory", servers: [], open: () => openSqlite(undefined) },
  { name: "SQLite in a file", servers: [], open: () => openSqlite(join(temporaryDataDir(), "search")) },
  {
    name: "Elasticsearch, played by a receiver that reads its requests strictly",
    servers: [],
    open: async () => {
      const receiver = new ElasticsearchReceiver();
      await receiver.start();
      return openElasticsearch(receiver.url, () => receiver.stop());
    },
  },
  {
    name: "Elasticsearch",
    servers: ["elasticsearch"],
    open: () => openElasticsearch(elasticsearchUrl(), async () => {}),
  },
];

/** Makes the index anew with these. */
export const fill = async ({ engine }: EngineStage, entries: readonly IndexEntry[]): Promise<void> => {
  const rebuild = await engine.beginRebuild();
  await rebuild.put(entries);
  await rebuild.finish();
};

export type Sketch = Partial<Omit<PublishedEntry, "id" | "variants">> & {
  skus?: string[];
  attributes?: string[];
  available?: boolean;
  variants?: Partial<PublishedEntry["variants"][number]>[];
};

export const entry = (id: string, sketch: Sketch = {}): PublishedEntry => {
  const { skus = [`SKU-${id}`], attributes = [], available = true, variants, ...rest } = sketch;
  return {
    id,
    version: 1,
    published: true,
    name: "Thing",
    brand: "Maker",
    category: "things",
    categoryNames: [],
    description: "",
    price: 100,
    createdAt: Date.parse("2026-01-01T00:00:00.000Z"),
    ...rest,
    variants: (variants ?? skus.map((sku) => ({ sku }))).map((variant, index) => ({
      sku: `SKU-${id}-${index}`,
      available,
      attributes,
      ...variant,
    })),
  };
};
