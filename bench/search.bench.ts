import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PublishedEntry } from "../services/products/search/index-entry.ts";
import type { SearchQuery } from "../services/products/search/search-engine.ts";
import { SqliteEngine } from "../services/products/search/sqlite-engine.ts";

/** The embedded engine over a catalogue of so many products, as the service uses it: build, start again, search with all
 *  facets. `node bench/search.bench.ts [products]` */
const PRODUCTS = Number(process.argv[2] ?? 100_000);
const ROUNDS = 15;

let state = 1;
/** mulberry32: the same catalogue in every run. */
const random = (): number => {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
};
const anyOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const invented = (): string => Array.from({ length: 3 + Math.floor(random() * 8) }, () => anyOf([...LETTERS])).join("");
const VOCABULARY = Array.from({ length: 20_000 }, invented);
/** A few words are in very many texts, most in few. */
const word = (): string => VOCABULARY[Math.floor(VOCABULARY.length * random() ** 3)] as string;
const words = (count: number): string => Array.from({ length: count }, word).join(" ");

const KINDS = ["lamp", "kettle", "chair", "jacket", "speaker", "bicycle", "notebook", "tent", "puzzle", "spade"];
const CATEGORIES = KINDS.flatMap((kind) => Array.from({ length: 10 }, (_, i) => `${kind}s-${i}`));
const BRANDS = Array.from({ length: 400 }, (_, i) => `${invented()} ${i}`);
const COLOURS = ["red", "blue", "green", "black", "white", "sand", "oak", "steel"];
const SIZES = ["XS", "S", "M", "L", "XL"];
const MATERIALS = ["wood", "wool", "steel", "brass", "cotton", "linen"];

const entry = (number: number): PublishedEntry => {
  const kind = anyOf(KINDS);
  return {
    id: `product-${String(number).padStart(7, "0")}`,
    version: 1,
    published: true,
    name: `${words(2)} ${kind} ${number % 97}`,
    brand: anyOf(BRANDS),
    category: anyOf(CATEGORIES.filter((slug) => slug.startsWith(kind))),
    categoryNames: [`${kind}s`, `${kind}s of all kinds`],
    description: words(30),
    price: 100 + Math.floor(random() ** 2 * 100_000),
    createdAt: 1_700_000_000_000 + Math.floor(random() * 1e10),
    variants: Array.from({ length: 1 + Math.floor(random() * 4) }, (_, i) => ({
      sku: `SKU-${number}-${i}`,
      available: random() < 0.8,
      attributes: [`colour:${anyOf(COLOURS)}`, `size:${anyOf(SIZES)}`, `material:${anyOf(MATERIALS)}`],
    })),
  };
};

const lamps = CATEGORIES.filter((slug) => slug.startsWith("lamp"));
const base = { sort: "relevance", limit: 20 } as const;
const QUERIES: Record<string, (round: number) => SearchQuery> = {
  "everything, newest first": () => ({ ...base }),
  "everything in stock, by price": () => ({ ...base, available: true, sort: "price" }),
  "everything, by name": () => ({ ...base, sort: "name" }),
  "a kind (10 % of all)": (i) => ({ ...base, text: KINDS[i % KINDS.length] }),
  "a kind, filtered by category, colour, price, stock": (i) => ({
    ...base,
    text: "lamp",
    categories: lamps,
    attributes: [`colour:${COLOURS[i % COLOURS.length]}`, "colour:black", "size:M"],
    minPrice: 1_000,
    maxPrice: 50_000,
    available: true,
  }),
  "two words": (i) => ({ ...base, text: `${VOCABULARY[i]} ${KINDS[i % KINDS.length]}` }),
  "a frequent word": (i) => ({ ...base, text: VOCABULARY[i] }),
  "the beginning of a word, 2 letters": (i) => ({ ...base, text: `${LETTERS[i]}${LETTERS[(i * 7) % 26]}` }),
  "1 letter": (i) => ({ ...base, text: LETTERS[i] }),
  "a misspelt word": (i) => ({ ...base, text: `${(KINDS[i % KINDS.length] as string).replace(/(.)(.)$/, "$2$1")}` }),
  "two brands and a colour, by price": (i) => ({
    ...base,
    brands: [BRANDS[i] as string, BRANDS[i + 1] as string],
    attributes: ["colour:red"],
    sort: "-price",
  }),
};

const milliseconds = (ms: number): string => (ms >= 1_000 ? `${(ms / 1_000).toFixed(1)} s` : `${ms.toFixed(1)} ms`);
const quantile = (sorted: readonly number[], q: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] as number;
const line = (name: string, ...values: string[]) => console.log(name.padEnd(54), ...values.map((value) => value.padStart(12)));

const folder = mkdtempSync(join(tmpdir(), "molecart-bench-"));
const options = { path: join(folder, "products-search"), log: { warn: console.warn } };
try {
  let engine = new SqliteEngine(options);
  const rebuild = await engine.beginRebuild();
  const startedAt = performance.now();
  for (let from = 0; from < PRODUCTS; from += 500)
    await rebuild.put(Array.from({ length: Math.min(500, PRODUCTS - from) }, (_, i) => entry(from + i)));
  await rebuild.finish();
  line(`${PRODUCTS} products`, "");
  line("build", milliseconds(performance.now() - startedAt));
  await engine.close();
  const openedAt = performance.now();
  engine = new SqliteEngine(options);
  line("open again", milliseconds(performance.now() - openedAt), `${Math.round(statSync(`${options.path}.1.db`).size / 1e6)} MB`);

  console.log();
  line("search with all facets", "p50", "p99", "hits");
  const all: number[] = [];
  for (const [name, query] of Object.entries(QUERIES)) {
    const times: number[] = [];
    let hits = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // A change, as it would come from the shop: nothing that was counted before is still of use.
      await engine.put([{ ...entry(PRODUCTS + 1), version: all.length + round + 2 }]);
      const start = performance.now();
      const found = await engine.search(query(round));
      times.push(performance.now() - start);
      hits = found.total;
    }
    all.push(...times);
    times.sort((a, b) => a - b);
    line(name, milliseconds(quantile(times, 0.5)), milliseconds(quantile(times, 0.99)), String(hits));
  }
  all.sort((a, b) => a - b);
  line("all of these", milliseconds(quantile(all, 0.5)), milliseconds(quantile(all, 0.99)));

  const repeated: number[] = [];
  for (let round = 0; round < 100; round++) {
    const start = performance.now();
    await engine.search({ ...base, text: "lamp", categories: lamps });
    repeated.push(performance.now() - start);
  }
  const suggested: number[] = [];
  for (let round = 0; round < 100; round++) {
    await engine.put([{ ...entry(PRODUCTS + 1), version: 1_000 + round }]);
    const start = performance.now();
    await engine.suggest((VOCABULARY[round] as string).slice(0, 3), 5);
    suggested.push(performance.now() - start);
  }
  for (const [name, times] of [
    ["the same search again, nothing changed", repeated],
    ["suggestions for three letters", suggested],
  ] as const) {
    times.sort((a, b) => a - b);
    line(name, milliseconds(quantile(times, 0.5)), milliseconds(quantile(times, 0.99)));
  }
  line("memory of the process", `${Math.round(process.memoryUsage().rss / 1e6)} MB`);
  await engine.close();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
