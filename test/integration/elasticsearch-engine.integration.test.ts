import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { ElasticsearchEngine } from "../../services/products/search/elasticsearch-engine.ts";
import { ElasticsearchReceiver, type Recorded } from "../support/elasticsearch/receiver.ts";
import { entry } from "../support/search-engines.ts";

const receiver = new ElasticsearchReceiver();
let engine: ElasticsearchEngine;

const settings = (more: object = {}) => ({
  urls: [receiver.url],
  auth: undefined,
  caFile: undefined,
  indexPrefix: "shop",
  ...more,
});
const rebuild = async (...entries: Parameters<ElasticsearchEngine["put"]>[0][number][]): Promise<void> => {
  const building = await engine.beginRebuild();
  await building.put(entries);
  await building.finish();
};
const sent = (path: RegExp): Recorded[] => receiver.requests.filter((request) => path.test(request.path));
const refusalOf = (attempt: Promise<unknown>): Promise<unknown> =>
  attempt.then(
    () => "no refusal",
    ({ type, code, message }) => ({ type, code, message }),
  );
const UNAVAILABLE = { type: "UNAVAILABLE", code: 503, message: "the search index is not available" };
const search = (text?: string) => engine.search({ text, sort: "relevance", limit: 10 });

beforeAll(() => receiver.start());
afterAll(() => receiver.stop());
beforeEach(() => {
  receiver.reset();
  engine = new ElasticsearchEngine(settings());
});
afterEach(() => engine.close());

describe("To Elasticsearch", () => {
  test("every request speaks the protocol of version 8, which 8 and 9 understand", async () => {
    await rebuild(entry("1"));
    await search("thing");
    expect(receiver.requests.length).toBeGreaterThan(5);
    for (const { headers } of receiver.requests) {
      expect(headers.accept).toContain("application/vnd.elasticsearch+json; compatible-with=8");
      if (headers["content-type"] !== undefined)
        expect(headers["content-type"]).toMatch(/^application\/vnd\.elasticsearch\+(x-nd)?json; compatible-with=8$/);
    }
  });

  test("we say who we are, by key or by name and password", async () => {
    for (const [auth, header] of [
      [{ apiKey: "a-key" }, "ApiKey a-key"],
      [{ username: "shop", password: "secret" }, `Basic ${Buffer.from("shop:secret").toString("base64")}`],
    ] as const) {
      const known = new ElasticsearchEngine(settings({ auth }));
      await known.needsRebuild();
      expect(receiver.requests.at(-1)?.headers.authorization).toBe(header);
      await known.close();
    }
  });

  test("an index is made by a template, filled, and put behind its aliases in one step", async () => {
    await rebuild(entry("1"));
    const first = receiver.indexBehind("shop-products") as string;
    expect(first).toMatch(/^shop-products-v1-[a-z0-9]+$/);
    receiver.requests.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 2));
    await rebuild(entry("1"), entry("2"));
    const second = receiver.indexBehind("shop-products") as string;
    expect(receiver.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "PUT /_index_template/shop-products",
      "GET /shop-products-v*/_alias",
      `PUT /${second}`,
      "POST /shop-products-next/_bulk",
      `GET /${second}/_refresh`,
      "GET /shop-products-v*/_alias",
      "POST /_aliases",
      `DELETE /${first}`,
    ]);
    expect(sent(/_index_template/)[0]?.body).toMatchObject({
      index_patterns: ["shop-products-v*"],
      template: {
        settings: { number_of_shards: 1, analysis: { analyzer: { words: { tokenizer: "whitespace" } } } },
        mappings: { dynamic: "strict", properties: { name: { type: "text", index_prefixes: {} }, variants: { type: "nested" } } },
      },
    });
    expect(sent(/_aliases$/)[0]?.body).toEqual({
      actions: [
        { remove: { index: first, alias: "shop-products" } },
        { remove: { index: first, alias: "shop-products-write" } },
        { remove: { index: second, alias: "shop-products-next" } },
        { add: { index: second, alias: "shop-products" } },
        { add: { index: second, alias: "shop-products-write", is_write_index: true } },
      ],
    });
    expect([...receiver.indices.keys()]).toEqual([second]);
  });

  test("a change is written with its version, to an alias only, and to the index that is being filled as well", async () => {
    await rebuild(entry("1"));
    const building = await engine.beginRebuild();
    receiver.requests.length = 0;
    await engine.put([entry("2", { version: 7 }), { id: "3", version: 9, published: false }]);
    const bulks = sent(/_bulk$/);
    expect(bulks.map(({ path, query }) => [path, query])).toEqual([
      ["/shop-products-write/_bulk", { require_alias: "true" }],
      ["/shop-products-next/_bulk", { require_alias: "true" }],
    ]);
    const [head, document, secondHead, withdrawn] = (bulks[0] as Recorded).body as object[];
    expect([head, secondHead]).toEqual([
      { index: { _id: "2", version: 7, version_type: "external_gte" } },
      { index: { _id: "3", version: 9, version_type: "external_gte" } },
    ]);
    expect(document).toMatchObject({ id: "2", published: true, name: "thing", variants: [{ available: true, attributes: [] }] });
    expect(withdrawn).toEqual({ id: "3", published: false });
    await building.finish();
    expect([...receiver.documents("shop-products").keys()]).toEqual(["2", "3"]);
  });

  test("a new index that takes its place in the middle of a write is no failure", async () => {
    await rebuild(entry("1"));
    const building = await engine.beginRebuild();
    let taken: Promise<void> | undefined;
    receiver.disturb = ({ path }) => {
      if (path !== "/shop-products-next/_bulk" || taken !== undefined) return undefined;
      taken = Promise.resolve();
      for (const { aliases } of receiver.indices.values()) {
        aliases.delete("shop-products");
        aliases.delete("shop-products-write");
        if (aliases.delete("shop-products-next")) aliases.add("shop-products").add("shop-products-write");
      }
      return undefined;
    };
    await engine.put([entry("2")]);
    expect(taken).toBeDefined();
    void building;
  });

  test("a rebuild that a killed broker has left is thrown away by the next", async () => {
    await rebuild(entry("1"));
    await (await engine.beginRebuild()).put([entry("2")]);
    await new Promise((resolve) => setTimeout(resolve, 2));
    await rebuild(entry("1"), entry("3"));
    expect(receiver.indices.size).toBe(1);
    expect([...receiver.documents("shop-products").keys()]).toEqual(["1", "3"]);
  });

  test("of a bulk request only what there was no room for is sent again, and a later version is no failure", async () => {
    await rebuild(entry("1", { version: 5 }));
    let refusals = 0;
    receiver.fateOf = ({ id }) =>
      id === "2" && refusals++ < 2 ? { status: 429, type: "es_rejected_execution_exception" } : undefined;
    receiver.requests.length = 0;
    await engine.put([entry("1", { version: 4 }), entry("2"), entry("3")]);
    const ids = sent(/_bulk$/).map(({ body }) =>
      (body as { index?: { _id: string } }[]).flatMap(({ index }) => index?._id ?? []),
    );
    expect(ids).toEqual([["1", "2", "3"], ["2"], ["2"]]);
    expect(receiver.documents("shop-products").get("1")?.version).toBe(5);
    expect(receiver.documents("shop-products").has("2")).toBe(true);
  });

  test("a bulk request that is too much as a whole is sent again", async () => {
    await rebuild(entry("1"));
    let times = 0;
    receiver.disturb = ({ path }) =>
      path.endsWith("_bulk") && times++ < 1
        ? { status: 429, body: { error: { type: "circuit_breaking_exception" }, status: 429 } }
        : undefined;
    await engine.put([entry("2")]);
    expect(times).toBe(2);
    expect(receiver.documents("shop-products").has("2")).toBe(true);
  });

  test("an entry that is refused is named, and the others are taken", async () => {
    await rebuild();
    receiver.fateOf = ({ id }) => (id === "2" ? { status: 400, type: "document_parsing_exception" } : undefined);
    expect(await refusalOf(engine.put([entry("1"), entry("2"), entry("3")]))).toMatchObject({
      type: "ENTRIES_REFUSED",
      message: expect.stringContaining("2: document_parsing_exception"),
    });
    expect([...receiver.documents("shop-products").keys()]).toEqual(["1", "3"]);
  });

  test("an index that somebody has deleted is not made up by a write", async () => {
    await rebuild(entry("1"));
    receiver.indices.clear();
    expect(await refusalOf(engine.put([entry("2")]))).toEqual(UNAVAILABLE);
    expect(await refusalOf(search())).toEqual(UNAVAILABLE);
    expect(receiver.indices.size).toBe(0);
    expect(await engine.needsRebuild()).toBe(true);
  });

  test("an index of an older make is made anew, one of a newer make is left to those who know it", async () => {
    await rebuild(entry("1"));
    const [[name, index]] = [...receiver.indices] as [[string, never]];
    receiver.indices.clear();
    receiver.indices.set(name.replace("-v1-", "-v0-"), index);
    expect(await engine.needsRebuild()).toBe(true);
    receiver.indices.clear();
    receiver.indices.set(name.replace("-v1-", "-v2-"), index);
    expect(await engine.needsRebuild()).toBe(false);
  });

  test("a search is given up after two seconds, and the next ones are told at once", async () => {
    await rebuild(entry("1"));
    receiver.disturb = ({ path }) => (path.endsWith("_search") ? "silence" : undefined);
    expect(await refusalOf(search())).toEqual(UNAVAILABLE);
    const asked = receiver.requests.length;
    expect(await refusalOf(search())).toEqual(UNAVAILABLE);
    expect(receiver.requests.length).toBe(asked);
    receiver.disturb = () => undefined;
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    expect((await search()).total).toBe(1);
  });

  test("what answers and is no Elasticsearch, or fails in any way, is an outage", async () => {
    await rebuild(entry("1"));
    const answers = [() => ({ status: 503 }), () => ({ status: 401 }), () => "hang up" as const, () => ({ status: 429 })];
    for (const disturb of answers) {
      engine = new ElasticsearchEngine(settings());
      receiver.disturb = disturb;
      expect(await refusalOf(search())).toEqual(UNAVAILABLE);
      expect(await refusalOf(engine.ping())).toEqual(UNAVAILABLE);
      await engine.close();
    }
    receiver.disturb = () => undefined;
    receiver.product = undefined;
    engine = new ElasticsearchEngine(settings());
    expect(await refusalOf(search())).toEqual(UNAVAILABLE);
  });

  test("a search that it does not understand is a fault of ours, and no outage", async () => {
    await rebuild(entry("1"));
    receiver.disturb = ({ path }) =>
      path.endsWith("_search")
        ? { status: 400, body: { error: { type: "parsing_exception", reason: "no" }, status: 400 } }
        : undefined;
    expect(await refusalOf(search())).not.toMatchObject({ type: "UNAVAILABLE" });
  });
});
