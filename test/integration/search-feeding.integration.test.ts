import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from "@jest/globals";
import type { ActionName, ActionParams, ActionResult } from "@molecart/mixins/contracts/index.ts";
import type { NewProduct, Product, SearchParams } from "@molecart/mixins/contracts/products.ts";
import type { DocumentStoreProps } from "@molecart/mixins/document-store.mixin.ts";
import { checkHealth } from "@molecart/mixins/health.ts";
import { createBroker } from "@molecart/mixins/launch.ts";
import type { Service, ServiceBroker } from "moleculer";
import { type ProductDocument, toDocument } from "../../services/products/product.document.ts";
import type { AvailabilityDocument } from "../../services/products/search/availability.ts";
import type { SearchDesk } from "../../services/products/search/search-desk.ts";
import { ElasticsearchReceiver } from "../support/elasticsearch/receiver.ts";
import { eventually } from "../support/eventually.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

jest.setTimeout(60_000);
afterAll(() => removeDataDirs());

type ProductsService = Service &
  DocumentStoreProps<ProductDocument, { availability: AvailabilityDocument }> & { search: SearchDesk };

const request = (sku: string, more: Partial<NewProduct> = {}): NewProduct => ({
  name: `Lantern ${sku}`,
  brand: "Norr",
  category: "table-lamps",
  description: "Gives light.",
  variants: [{ sku, attributes: { colour: "red" }, price: { amount: 1_000, currency: "EUR" } }],
  ...more,
});

let env: Record<string, string>;
let broker: ServiceBroker;

const start = async (...services: string[]): Promise<void> => {
  broker = await createBroker(services.length > 0 ? services : ["products"], { env });
  await broker.start();
};
const call = <N extends ActionName>(name: N, params: ActionParams<N>): Promise<ActionResult<N>> =>
  broker.call(name, params as object) as never;
const create = (sku: string, more?: Partial<NewProduct>) => call("v1.products.create", request(sku, more));
const search = (params: Partial<SearchParams> = {}) => call("v1.products.search", { limit: 20, ...params });
const found = async (params: Partial<SearchParams> = {}) => (await search(params)).items.map(({ id }) => id);
const service = () => broker.getLocalService("v1.products") as unknown as ProductsService;
const keeper = () => service().search.keeper;
const refusalOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => "no refusal",
    ({ type, code }) => ({ type, code }),
  );

/** A write of which no message tells anybody. */
const writeSilently = async (productId: string, name: string): Promise<void> => {
  const change = { $set: { name, updatedAt: new Date().toISOString() }, $inc: { version: 1 } };
  await service().documents.updateOne({ _id: productId }, change);
};

beforeEach(() => {
  env = { DATA_DIR: temporaryDataDir(), LOG_LEVEL: "fatal" };
});
afterEach(() => broker.stop());

describe("An Elasticsearch index", () => {
  const receiver = new ElasticsearchReceiver();
  beforeAll(() => receiver.start());
  afterAll(() => receiver.stop());
  beforeEach(() => {
    receiver.reset();
    env.ELASTICSEARCH_URL = receiver.url;
  });
  const indexed = () => receiver.documents("molecart-products");
  const built = () => eventually(() => expect(receiver.indexBehind("molecart-products")).toBeDefined());

  test("is made at the first start, fed by events, and answers as the embedded one does", async () => {
    await start();
    await built();
    const { id } = await create("L-1");
    await eventually(async () => expect(await found({ q: "lamp" })).toEqual([id]), { withinMs: 10_000 });
    await call("v1.products.update", { productId: id, change: { name: "Torch" } });
    await eventually(async () => expect([await found({ q: "torch" }), await found({ q: "lantern" })]).toEqual([[id], []]));
    await call("v1.products.remove", { productId: id });
    await eventually(async () => expect(await found()).toEqual([]));
    await eventually(() =>
      expect([...indexed().values()]).toMatchObject([{ id, version: 3_000_000, source: { id, published: false } }]),
    );
  });

  test("that is away takes the search away and nothing else, and has all of it when it is back", async () => {
    await start();
    await built();
    const first = await create("L-1");
    await eventually(() => expect(indexed().size).toBe(1));
    await receiver.stop();
    try {
      const second = await create("L-2");
      await call("v1.products.update", { productId: first.id, change: { name: "Torch" } });
      expect(await call("v1.products.get", { productId: second.id, includeUnpublished: false })).toEqual(second);
      expect(await refusalOf(search())).toEqual({ type: "UNAVAILABLE", code: 503 });
      expect(await refusalOf(call("v1.products.suggest", { q: "la", limit: 5 }))).toEqual({ type: "UNAVAILABLE", code: 503 });
      expect((await checkHealth(broker)).checks.search).toMatchObject({ status: "degraded" });
      expect(await call("v1.products.indexStatus", {})).toMatchObject({ engine: "elasticsearch", state: "unavailable" });
    } finally {
      await receiver.start();
    }
    await eventually(async () => expect((await search()).total).toBe(2), { withinMs: 30_000 });
    await eventually(async () => expect(await found({ q: "torch" })).toEqual([first.id]), { withinMs: 30_000 });
  });

  test("does not keep a broker from starting, and is made when it can be had", async () => {
    receiver.disturb = () => "hang up";
    await start();
    const { id } = await create("L-1");
    expect(await refusalOf(search())).toEqual({ type: "UNAVAILABLE", code: 503 });
    receiver.disturb = () => undefined;
    await eventually(async () => expect(await found()).toEqual([id]), { withinMs: 30_000 });
  });

  test("whose making is cut off by the end of its broker is made by the next one", async () => {
    await start();
    await built();
    for (let i = 1; i <= 3; i++) await create(`L-${i}`);
    await eventually(() => expect(indexed().size).toBe(3));
    const old = receiver.indexBehind("molecart-products");
    const reached = Promise.withResolvers<void>();
    receiver.disturb = ({ path }) => {
      if (path !== "/_aliases") return undefined;
      reached.resolve();
      return "hang up";
    };
    await call("v1.products.rebuildIndex", {});
    await reached.promise;
    await broker.stop();
    receiver.disturb = () => undefined;
    expect(receiver.indexBehind("molecart-products")).toBe(old);
    await start();
    expect((await search()).total).toBe(3);
    await call("v1.products.rebuildIndex", {});
    await eventually(() => expect(receiver.indexBehind("molecart-products")).not.toBe(old), { withinMs: 20_000 });
    await eventually(() => expect(receiver.indices.size).toBe(1));
    expect((await search()).total).toBe(3);
  });

  test("has what was written while it was made, before it answers and in the moment of the change", async () => {
    await start();
    await built();
    const { id } = await create("L-1");
    await eventually(() => expect(indexed().size).toBe(1));
    const { documents } = service();
    const find = documents.find.bind(documents);
    let reads = 0;
    documents.find = async (options) => {
      const page = await find(options);
      if (options?.sort?.[0] === "_id" && reads++ === 0) await writeSilently(id, "Torch");
      return page;
    };
    const namesAtTheChange: unknown[] = [];
    const written = Promise.withResolvers<void>();
    receiver.disturb = ({ path }) => {
      if (path !== "/_aliases") return undefined;
      namesAtTheChange.push(receiver.documents("molecart-products-next").get(id)?.source.name);
      void create("L-2").then(() => written.resolve());
      return undefined;
    };
    await keeper().rebuild();
    expect(namesAtTheChange).toEqual(["torch"]);
    await written.promise;
    await eventually(async () => expect((await search()).total).toBe(2));
    expect(await found({ q: "torch" })).toEqual([id]);
  });

  test("is compared with the catalogue, and repaired", async () => {
    await start();
    await built();
    const products = [await create("L-1"), await create("L-2"), await create("L-3")] as [Product, Product, Product];
    await eventually(() => expect(indexed().size).toBe(3));
    const [lost, stale] = products;
    indexed().delete(lost.id);
    (indexed().get(stale.id) as { version: number }).version = 1;
    (indexed().get(stale.id) as { source: object }).source = { id: stale.id, published: false };
    indexed().set("ghost", { id: "ghost", version: 1, source: { id: "ghost", published: false } });
    await keeper().check();
    expect((await call("v1.products.indexStatus", {})).lastCheck).toMatchObject({
      products: 3,
      missing: 1,
      stale: 1,
      surplus: 1,
    });
    expect((await found()).toSorted()).toEqual(products.map(({ id }) => id).toSorted());
    expect(indexed().has("ghost")).toBe(false);
    await keeper().check();
    expect((await call("v1.products.indexStatus", {})).lastCheck).toMatchObject({ missing: 0, stale: 0, surplus: 0 });
  });

  test("that is ahead of a catalogue from a backup is made anew", async () => {
    await start();
    await built();
    const { id } = await create("L-1");
    await eventually(() => expect(indexed().size).toBe(1));
    (indexed().get(id) as { version: number }).version = 9_000_000;
    (indexed().get(id) as { source: object }).source = { id, published: false };
    await keeper().check();
    await eventually(async () => expect(await found()).toEqual([id]));
  });

  test("takes one entry that it refuses for a dead letter, and the others all the same", async () => {
    await start();
    await built();
    receiver.fateOf = ({ id }) => (indexedIds.has(id) ? { status: 400, type: "document_parsing_exception" } : undefined);
    const indexedIds = new Set<string>();
    const { documents } = service();
    const insert = documents.insert.bind(documents);
    documents.insert = (document) => {
      if (document.name === "Bad") indexedIds.add(document._id);
      return insert(document);
    };
    const bad = await create("L-1", { name: "Bad" });
    const good = await create("L-2");
    await eventually(async () => expect(await found()).toEqual([good.id]));
    await eventually(async () => {
      const { items } = await call("v1.products.deadLetters", { limit: 10 });
      expect(items).toMatchObject([{ event: "product.created", aggregateId: bad.id, code: "ENTRIES_REFUSED" }]);
    });
  });
});

describe("The embedded index", () => {
  const files = () => readdirSync(env.DATA_DIR as string).filter((name) => /^products-search\.\d+\.db$/.test(name));

  test("is there again after a restart, with what was written behind its back", async () => {
    await start();
    const { id } = await create("L-1");
    expect(files()).toEqual(["products-search.1.db"]);
    await writeSilently(id, "Torch");
    await broker.stop();
    await start();
    expect([await found({ q: "torch" }), await found({ q: "lantern" })]).toEqual([[id], []]);
    expect(files()).toEqual(["products-search.1.db"]);
  });

  test("that is damaged or of another make is made anew", async () => {
    await start();
    const { id } = await create("L-1");
    await broker.stop();
    writeFileSync(
      join(env.DATA_DIR as string, "products-search.1.db"),
      "no database at all, and longer than a header of SQLite would be ".repeat(20),
    );
    await start();
    expect(await found()).toEqual([id]);
  });

  test("is made anew on demand, while it answers", async () => {
    await start();
    const { id } = await create("L-1");
    expect(await call("v1.products.rebuildIndex", {})).toMatchObject({ engine: "sqlite", state: "ready" });
    await eventually(() => expect(files()).toEqual(["products-search.2.db"]));
    await eventually(async () => expect(await call("v1.products.indexStatus", {})).toMatchObject({ job: null }));
    expect(await found()).toEqual([id]);
    await broker.stop();
    await start();
    expect(await found()).toEqual([id]);
  });

  test("is compared with a catalogue of many pages", async () => {
    await start();
    const sample = await create("L-1");
    const silent = Array.from({ length: 1_300 }, (_, i) => {
      const id = `p${String(i).padStart(5, "0")}`;
      return toDocument(
        { ...sample, id, slug: id, variants: [{ ...(sample.variants[0] as Product["variants"][0]), sku: id }] },
        [],
      );
    });
    await service().documents.insertMany(silent);
    await keeper().check();
    expect((await call("v1.products.indexStatus", {})).lastCheck).toMatchObject({
      products: 1_301,
      missing: 1_300,
      stale: 0,
      surplus: 0,
    });
    await service().documents.removeMany({ _id: { $gte: "p00600", $lt: "p01200" } });
    await keeper().check();
    expect((await call("v1.products.indexStatus", {})).lastCheck).toMatchObject({
      products: 701,
      missing: 0,
      stale: 0,
      surplus: 600,
    });
    expect((await search()).total).toBe(701);
  });

  test("is compared with the catalogue, and repaired", async () => {
    await start();
    const { id } = await create("L-1");
    await writeSilently(id, "Torch");
    await keeper().check();
    expect(await found({ q: "torch" })).toEqual([id]);
    expect((await call("v1.products.indexStatus", {})).lastCheck).toMatchObject({ products: 1, stockCompared: false });
  });
});

describe("What is in stock", () => {
  const inStock = async () => (await search({ available: true })).items.map(({ id }) => id);
  const set = (sku: string, onHand: number) => call("v1.inventory.set", { sku, onHand });

  test("is known to the search when inventory has turned it", async () => {
    await start("products", "inventory");
    const { id } = await create("L-1");
    expect([await inStock(), await found({ available: false })]).toEqual([[], [id]]);
    await eventually(() => set("L-1", 2));
    await eventually(async () => expect(await inStock()).toEqual([id]));
    expect((await search()).facets.availability).toEqual({ available: 1, unavailable: 0 });
    await set("L-1", 0);
    await eventually(async () => expect(await inStock()).toEqual([]));
  });

  test("stays known over a restart, and over messages that come late or again", async () => {
    await start("products", "inventory");
    const { id } = await create("L-1");
    await eventually(() => set("L-1", 2));
    await eventually(async () => expect(await inStock()).toEqual([id]));
    await keeper().hear([{ sku: "L-1", available: false, version: 0 }]);
    await keeper().follow([id]);
    expect(await inStock()).toEqual([id]);
    await broker.stop();
    await start("products", "inventory");
    expect(await inStock()).toEqual([id]);
  });

  test("is asked for where no message ever told of it", async () => {
    await start("products", "inventory");
    const { id } = await create("L-1");
    await eventually(() => set("L-1", 2));
    await eventually(async () => expect(await inStock()).toEqual([id]));
    // As after an upgrade from a version without these events.
    await service().collections.availability.removeMany({});
    await keeper().follow([id]);
    await keeper().rebuild();
    expect(await inStock()).toEqual([]);
    await keeper().check();
    expect(await inStock()).toEqual([id]);
    expect((await call("v1.products.indexStatus", {})).lastCheck).toMatchObject({ stockCompared: true });
  });
});
