import type { ImportFormat, ImportRecord } from "@molecart/mixins/contracts/products.ts";

const ADJECTIVES = ["Quiet", "Sturdy", "Bright", "Folding", "Northern", "Slim", "Heavy", "Plain", "Round", "Early"];
const THINGS = ["Kettle", "Lantern", "Backpack", "Notebook", "Grinder", "Speaker", "Tent", "Lamp", "Chair", "Trowel"];
const CATEGORIES = ["cookware", "grinders", "headphones", "speakers", "tents", "packs", "table-lamps"];
const COLOURS = ["red", "blue", "black"];
const MATERIALS = ["oak", "steel", "linen", "brass", "recycled aluminium"];

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;

/** The product number `n` of a made-up catalogue: always the same, with two variants. About 800 bytes as JSON. */
export const catalogueProduct = (n: number): ImportRecord => {
  const name = `${at(ADJECTIVES, n)} ${at(THINGS, Math.floor(n / 10))} ${n}`;
  const amount = 500 + ((n * 7_919) % 90_000);
  return {
    slug: name.toLowerCase().replaceAll(" ", "-"),
    name,
    brand: `Maker ${n % 150}`,
    category: at(CATEGORIES, n),
    description: `The ${name} is made of ${at(MATERIALS, n)}, by hand, in a workshop of ${2 + (n % 30)} people. It is made to be repaired: "every part" can be had, and a leaflet says how.`,
    images: [`https://images.molecart.example/${n}/1.jpg`, `https://images.molecart.example/${n}/2.jpg`],
    status: "published",
    variants: [0, 1].map((i) => ({
      sku: `GEN-${n}-${i}`,
      attributes: { colour: at(COLOURS, n + i), size: i === 0 ? "M" : "L" },
      price: { amount: amount + i * 300, currency: "EUR" },
    })),
  };
};

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;

const csvRows = ({ slug, name, brand, category, description, status, images, variants }: ImportRecord): string =>
  variants
    .map(({ sku, attributes, price }, i) => {
      const product = i === 0 ? [name, brand, category, description, status, images?.join(" ")] : Array(6).fill("");
      return [slug, ...product, sku, price.amount, attributes.colour, attributes.size]
        .map((cell) => quoted(String(cell)))
        .join(",");
    })
    .map((row) => `${row}\n`)
    .join("");

const CSV_HEADER = "slug,name,brand,category,description,status,images,sku,price,attribute.colour,attribute.size\n";

/** A file of products for an import, in pieces. */
export function* catalogueFile(count: number, format: ImportFormat): Generator<string> {
  if (format === "csv") yield CSV_HEADER;
  for (let n = 0; n < count; n++)
    yield format === "csv" ? csvRows(catalogueProduct(n)) : `${JSON.stringify(catalogueProduct(n))}\n`;
}

/** node test/support/catalogue-file.ts 100000 ndjson > products.ndjson */
if (import.meta.main) {
  const [count = "1000", format = "ndjson"] = process.argv.slice(2);
  for (const piece of catalogueFile(Number(count), format as ImportFormat))
    if (!process.stdout.write(piece)) await new Promise((resolve) => process.stdout.once("drain", resolve));
}
