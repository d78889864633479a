import { describe, expect, test } from "@jest/globals";
import { IMPORT_PART_BYTES, type ImportFormat, type ImportRecord, type Product } from "@molecart/mixins/contracts/products.ts";
import fc from "fast-check";
import { CSV_HEADER, formatCsv, parseCsv } from "../../../../../services/products/import/csv.ts";
import { formatNdjson, parseNdjson, recordOf } from "../../../../../services/products/import/ndjson.ts";
import type { Entry, Piece, Progress } from "../../../../../services/products/import/record.ts";
import { catalogueFile, catalogueProduct } from "../../../../support/catalogue-file.ts";

const parse = (format: ImportFormat, bytes: Buffer, progress: Progress, last: boolean): Piece =>
  format === "csv" ? parseCsv(bytes, progress, last, "EUR") : parseNdjson(bytes, progress, last);

/** Takes a file in pieces that end anywhere, as an upload brings it. */
const takeAll = (
  format: ImportFormat,
  file: Buffer,
  cuts: readonly number[],
): { entries: Entry[]; lines: number; failure?: string } => {
  const entries: Entry[] = [];
  let [progress, start, end]: [Progress, number, number] = [{ lines: 0 }, 0, 0];
  for (const cut of [...cuts, file.length]) {
    end = Math.min(file.length, Math.max(end, cut));
    for (;;) {
      const bytes = file.subarray(start, Math.min(end, start + IMPORT_PART_BYTES));
      const last = start + bytes.length === file.length;
      const piece = parse(format, bytes, progress, last);
      entries.push(...piece.entries);
      start += piece.takenBytes;
      progress = JSON.parse(JSON.stringify(piece.progress));
      if (piece.failure !== undefined) return { entries, lines: progress.lines, failure: piece.failure };
      if (last) return { entries, lines: progress.lines };
      if (piece.takenBytes === 0) break;
    }
  }
  throw new Error("the file was not taken to its end");
};

const text = (file: string) => Buffer.from(file);
const HEADER = "slug,name,brand,category,description,sku,price\n";

describe.each(["ndjson", "csv"] as const)("A %s file", (format) => {
  const whole = text([...catalogueFile(30, format)].join(""));
  const expected = takeAll(format, whole, []);

  test("is read as the products that it was made of", () => {
    expect(expected.entries.map(({ record }) => record)).toEqual(Array.from({ length: 30 }, (_, n) => catalogueProduct(n)));
    expect(expected.lines).toBe(whole.toString().split("\n").length - 1);
  });

  test("says the same wherever its pieces end", () => {
    const cuts = fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 30 }).map((all) => all.sort((a, b) => a - b));
    fc.assert(
      fc.property(cuts, (at) => expect(takeAll(format, whole, at)).toEqual(expected)),
      { numRuns: 50 },
    );
  });

  test("may begin with a byte order mark, have Windows line ends and empty lines, and end without a line end", () => {
    const file = `\ufeff${whole.toString().replaceAll("\n", "\r\n\r\n").trimEnd()}`;
    const read = takeAll(format, text(file), [1, 2, 3, 1_000]);
    expect(read.entries.map(({ record }) => record)).toEqual(expected.entries.map(({ record }) => record));
    expect(read.entries.map(({ line }) => line)).toEqual(expected.entries.map(({ line }) => 2 * line - 1));
  });
});

describe("Products that were exported", () => {
  const word = fc.string({ unit: "binary", minLength: 1, maxLength: 30 }).filter((one) => !one.includes("\ufffd"));
  const slug = fc.stringMatching(/^[a-z0-9]{1,8}(-[a-z0-9]{1,8}){0,2}$/);
  const sku = fc.stringMatching(/^[A-Z0-9][A-Z0-9._-]{0,10}$/);
  const whole = {
    id: fc.uuid(),
    slug,
    name: word,
    brand: word,
    category: slug,
    description: fc.string({ unit: "binary", maxLength: 200 }).filter((one) => !one.includes("\ufffd")),
    status: fc.constantFrom("draft", "published", "archived"),
    taxClass: fc.constantFrom("books", "food-2"),
    images: fc.array(fc.webUrl(), { maxLength: 3 }),
    variants: fc.array(
      fc.record({
        sku,
        attributes: fc.dictionary(word, word, { maxKeys: 3 }),
        price: fc.record({ amount: fc.nat(), currency: fc.constant("EUR") }),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  };
  const requiredKeys = (Object.keys(whole) as (keyof typeof whole)[]).filter((key) => key !== "taxClass");
  const product = fc.record(whole, { requiredKeys }) as fc.Arbitrary<ImportRecord>;

  test.each(["ndjson", "csv"] as const)("come back from %s as they were", (format) => {
    const catalogue = fc.uniqueArray(product, { selector: ({ id }) => id, maxLength: 6 });
    fc.assert(
      fc.property(catalogue, (records) => {
        const products = records as Product[];
        const file = format === "csv" ? CSV_HEADER + formatCsv(products) : formatNdjson(products);
        const { entries, failure } = takeAll(format, text(file), []);
        expect(failure).toBeUndefined();
        expect(entries.map(({ record, mistakes }) => mistakes ?? record)).toEqual(products.map((one) => ({ ...recordOf(one) })));
      }),
      { numRuns: 200 },
    );
  });
});

describe("A wrong line", () => {
  const errorsOf = (format: ImportFormat, file: string) =>
    takeAll(format, text(file), []).entries.flatMap(({ line, mistakes = [] }) =>
      mistakes.map(({ path, message }) => ({ line, path, message })),
    );

  test("of NDJSON is named, and costs no other", () => {
    const good = JSON.stringify(catalogueProduct(1));
    const file = [good, "{", JSON.stringify({ ...catalogueProduct(2), brand: 7, colour: "red" }), "[]", good].join("\n");
    expect(errorsOf("ndjson", file)).toEqual([
      { line: 2, path: "", message: expect.stringContaining("is not JSON") },
      { line: 3, path: "colour", message: "is not known" },
      { line: 3, path: "brand", message: "must be string" },
      { line: 4, path: "", message: "must be object" },
    ]);
    expect(takeAll("ndjson", text(file), []).entries.filter(({ record }) => record)).toHaveLength(2);
  });

  test("that is too long is left out, over any number of pieces", () => {
    const good = JSON.stringify(catalogueProduct(1));
    const file = `${good}\n"${"x".repeat(3 * IMPORT_PART_BYTES)}"\n${good}\n`;
    const { entries, lines } = takeAll("ndjson", text(file), []);
    expect(entries.map(({ line, mistakes }) => [line, mistakes?.[0]?.message])).toEqual([
      [1, undefined],
      [2, `is longer than ${IMPORT_PART_BYTES} bytes`],
      [3, undefined],
    ]);
    expect(lines).toBe(3);
  });

  test("of CSV is named by the line where its product begins", () => {
    const file = `${HEADER}a,A,B,tents,,S-1,100\nb,B,B,tents,"two\nlines",S-2,12.50\n,,,,,S-3,1\nc,C,B,tents,,S-4\nd,D,B,tents,,S-5,1\nd,X,,,,S-6,1\n`;
    expect(errorsOf("csv", file)).toEqual([
      { line: 3, path: "variants.0.price.amount", message: "must be integer" },
      { line: 6, path: "", message: "line 6 has 6 cells, the first line of the file 7" },
      { line: 7, path: "name", message: "is not the same in line 8" },
    ]);
  });

  test("that is not UTF-8 is refused instead of stored as something else", () => {
    const latin1 = (line: string) => Buffer.from(line, "latin1");
    const csv = Buffer.concat([text(HEADER), latin1("a,Café,B,tents,,S-1,100\n"), text("b,Café,B,tents,,S-2,100\n")]);
    const ndjson = Buffer.concat([latin1('{"name":"Café"}\n'), text(`${JSON.stringify(catalogueProduct(1))}\n`)]);
    for (const [format, file] of [
      ["csv", csv],
      ["ndjson", ndjson],
    ] as const)
      expect(takeAll(format, file, []).entries.map(({ mistakes }) => mistakes?.[0]?.message)).toEqual([
        "is not UTF-8",
        undefined,
      ]);
  });
});

describe("A CSV file", () => {
  const failureOf = (file: string) => takeAll("csv", text(file), []).failure;

  test.each([";", "\t", "|"])("may have its cells separated by %j", (delimiter) => {
    const file = `${HEADER}"a",A,B,tents,,S-1,100\n`.replaceAll(",", delimiter);
    expect(takeAll("csv", text(file), []).entries).toMatchObject([{ record: { slug: "a", variants: [{ sku: "S-1" }] } }]);
  });

  test("keeps the rows of a product together by slug, or by name, or because they name none", () => {
    const file = `${HEADER}a,A,B,tents,,S-1,1\na,A,B,tents,,S-2,2\n,N,B,tents,,S-3,3\n,N,B,tents,,S-4,4\n,,,,,S-5,5\n,M,B,tents,,S-6,6\n`;
    const { entries } = takeAll("csv", text(file), []);
    expect(entries.map(({ record }) => record?.variants.map(({ sku }) => sku))).toEqual([
      ["S-1", "S-2"],
      ["S-3", "S-4", "S-5"],
      ["S-6"],
    ]);
  });

  test("takes attributes as JSON, or one by one", () => {
    const file =
      'name,brand,category,description,sku,price,attributes,attribute.size\nA,B,tents,,S-1,1,"{""colour"":""red""}",M\n';
    expect(takeAll("csv", text(file), []).entries).toMatchObject([
      { record: { variants: [{ attributes: { colour: "red", size: "M" } }] } },
    ]);
  });

  test("that cannot be read any further fails, and says where and why", () => {
    expect(failureOf("")).toBe("There is no line with the columns' names");
    expect(failureOf(`${HEADER.replace("sku", "SKU")}a\n`)).toContain('Line 1: The column "SKU" is not known');
    expect(failureOf("name,sku\n")).toBe('Line 1: The column "brand" is missing');
    expect(failureOf(`${HEADER}a,A,B,tents,"not closed,S-1,1\nb,B,B,tents,,S-2,1\n`)).toContain("Line 2: Quote Not Closed");
    expect(failureOf(`${HEADER}a,A,B,tents,"not closed${"x\n".repeat(IMPORT_PART_BYTES)}`)).toContain("a quote is not closed");
  });
});
