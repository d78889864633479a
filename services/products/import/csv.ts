import { isUtf8 } from "node:buffer";
import { IMPORT_PART_BYTES, type Product } from "@molecart/mixins/contracts/products.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { type Info, parse } from "csv-parse";
import { type Entry, entryOf, mistaken, type Piece, type Progress } from "./record.ts";

/** Of the product: in its first row; in its further rows the same, or empty. */
const PRODUCT_COLUMNS = ["id", "slug", "name", "brand", "category", "description", "status", "taxClass", "images"] as const;
/** Of the variant. `price` in minor units; `attributes` as JSON, or one by one as `attribute.<name>`. */
const VARIANT_COLUMNS = ["sku", "price", "currency", "attributes"] as const;
const COLUMNS: readonly string[] = [...PRODUCT_COLUMNS, ...VARIANT_COLUMNS];
const REQUIRED = ["name", "brand", "category", "description", "sku", "price"];
const ATTRIBUTE = "attribute.";
const DELIMITERS = [",", ";", "\t", "|"];
const REPLACEMENT = "\ufffd";

interface Row {
  line: number;
  cells: string[];
  /** In the piece. */
  endByte: number;
  /** Lines of the file up to its end. */
  endLine: number;
}

interface ReadRows {
  rows: Row[];
  failure?: string;
}

const guessDelimiter = (bytes: Buffer): string => {
  const [first = ""] = bytes.toString("utf8", 0, 10_000).split(/\r?\n/, 1);
  const bare = first.replace(/"[^"]*"/g, "");
  const count = (delimiter: string) => bare.split(delimiter).length;
  return DELIMITERS.reduce((best, one) => (count(one) > count(best) ? one : best));
};

/** The whole rows of a piece: what follows the last one belongs to the next piece. */
const readRows = (bytes: Buffer, delimiter: string, firstLine: number, last: boolean): ReadRows => {
  const parser = parse({
    bom: firstLine === 0,
    delimiter,
    info: true,
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
  });
  let failure: string | undefined;
  parser.on("error", () => {});
  // The parser works while it is written to; it fails only at the end, when a quote was not closed.
  if (last) parser.end(bytes);
  else parser.write(bytes);
  const rows: Row[] = [];
  let [lines, empty] = [0, 0];
  for (let read = parser.read(); read !== null; read = parser.read()) {
    const { record, info } = read as { record: string[]; info: Info };
    const line = firstLine + lines + 1 + (info.empty_lines - empty);
    rows.push({ line, cells: record, endByte: info.bytes, endLine: firstLine + info.lines });
    [lines, empty] = [info.lines, info.empty_lines];
  }
  if (last && parser.errored !== null) failure = `Line ${firstLine + lines + 1}: ${messageOf(parser.errored)}`;
  parser.destroy();
  return { rows, ...(failure !== undefined && { failure }) };
};

const headerProblem = (columns: readonly string[]): string | undefined => {
  const unknown = columns.find((name) => !COLUMNS.includes(name) && !(name.startsWith(ATTRIBUTE) && name !== ATTRIBUTE));
  if (unknown !== undefined) return `The column "${unknown}" is not known; there are ${COLUMNS.join(", ")} and attribute.<name>`;
  const repeated = columns.find((name, index) => columns.indexOf(name) !== index);
  if (repeated !== undefined) return `The column "${repeated}" is there twice`;
  const missing = REQUIRED.find((name) => !columns.includes(name));
  return missing === undefined ? undefined : `The column "${missing}" is missing`;
};

type Cells = Record<string, string>;

/** The rows of a product stand together: by id, else slug, else name. A row that has none of them belongs to the row above. */
const keyOf = ({ id, slug, name }: Cells): string | undefined => id || slug || name || undefined;

const priceOf = (text: string): unknown => (/^\d{1,15}$/.test(text) ? Number(text) : text);

const attributesOf = (cells: Cells): unknown => {
  const named = Object.entries(cells).flatMap(([column, text]) =>
    column.startsWith(ATTRIBUTE) && text !== "" ? [[column.slice(ATTRIBUTE.length), text]] : [],
  );
  const { attributes = "" } = cells;
  if (attributes === "") return Object.fromEntries(named);
  const value: unknown = JSON.parse(attributes);
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? Object.fromEntries([...Object.entries(value), ...named]) : value;
};

const recordOf = (rows: readonly Cells[], currency: string): unknown => {
  const { id = "", slug = "", name, brand, category, description, status = "", taxClass = "", images } = rows[0] as Cells;
  return {
    ...(id !== "" && { id }),
    ...(slug !== "" && { slug }),
    name,
    brand,
    category,
    description,
    ...(status !== "" && { status }),
    ...(taxClass !== "" && { taxClass }),
    ...(images !== undefined && { images: images.split(/\s+/).filter((image) => image !== "") }),
    variants: rows.map((cells) => ({
      sku: cells.sku,
      attributes: attributesOf(cells),
      price: { amount: priceOf(cells.price as string), currency: cells.currency || currency },
    })),
  };
};

interface Group {
  key: string | undefined;
  rows: Row[];
}

const mistakeIn = (
  columns: readonly string[],
  { line, rows }: { line: number; rows: Row[] },
  utf8: boolean,
): Entry | undefined => {
  const uneven = rows.find(({ cells }) => cells.length !== columns.length);
  if (uneven !== undefined)
    return mistaken(line, `line ${uneven.line} has ${uneven.cells.length} cells, the first line of the file ${columns.length}`);
  if (!utf8 && rows.some(({ cells }) => cells.some((cell) => cell.includes(REPLACEMENT)))) return mistaken(line, "is not UTF-8");
  const [first, ...others] = rows as [Row, ...Row[]];
  for (const other of others) {
    const index = columns.findIndex(
      (name, i) =>
        (PRODUCT_COLUMNS as readonly string[]).includes(name) && other.cells[i] !== "" && other.cells[i] !== first.cells[i],
    );
    if (index >= 0) return mistaken(line, `is not the same in line ${other.line}`, columns[index]);
  }
  return undefined;
};

const entryOfGroup = (columns: readonly string[], { rows }: Group, currency: string, utf8: boolean): Entry => {
  const { line } = rows[0] as Row;
  const mistake = mistakeIn(columns, { line, rows }, utf8);
  if (mistake !== undefined) return mistake;
  try {
    return entryOf(
      line,
      recordOf(
        rows.map(({ cells }) => cellsOf(columns, cells)),
        currency,
      ),
    );
  } catch (error) {
    return mistaken(line, `is not JSON: ${messageOf(error)}`, "attributes");
  }
};

const cellsOf = (columns: readonly string[], cells: readonly string[]): Cells =>
  Object.fromEntries(columns.map((name, index) => [name, cells[index] ?? ""]));

const groupsOf = (columns: readonly string[], rows: readonly Row[]): Group[] => {
  const groups: Group[] = [];
  for (const row of rows) {
    const key = keyOf(cellsOf(columns, row.cells));
    const group = groups.at(-1);
    if (group !== undefined && (key === undefined || key === group.key)) group.rows.push(row);
    else groups.push({ key, rows: [row] });
  }
  return groups;
};

/** The names of the columns in the first line, then one row per variant. A product is taken when the next one has begun, or the
 *  file has ended. */
export const parseCsv = (bytes: Buffer, progress: Progress, last: boolean, currency: string): Piece => {
  const delimiter = progress.delimiter ?? guessDelimiter(bytes);
  const { rows, failure } = readRows(bytes, delimiter, progress.lines, last);
  const piece = (entries: Entry[], end: Row | undefined, columns: string[] | undefined, problem = failure): Piece => ({
    entries,
    takenBytes: end?.endByte ?? 0,
    progress: { lines: end?.endLine ?? progress.lines, columns, ...(columns !== undefined && { delimiter }) },
    failure: problem,
  });

  const header = progress.columns === undefined ? rows.shift() : undefined;
  const columns = progress.columns ?? header?.cells.map((name) => name.trim());
  if (columns === undefined) {
    const none = last ? "There is no line with the columns' names" : undefined;
    return piece([], undefined, undefined, failure ?? none ?? tooLong(bytes, progress.lines));
  }
  const problem = header && headerProblem(columns);
  if (problem !== undefined) return piece([], undefined, undefined, `Line ${header?.line}: ${problem}`);

  const groups = groupsOf(columns, rows);
  if (!last) groups.pop();
  const end = groups.at(-1)?.rows.at(-1) ?? header;
  const utf8 = isUtf8(bytes.subarray(0, end?.endByte ?? 0));
  const entries = groups.map((group) => entryOfGroup(columns, group, currency, utf8));
  if (end === undefined && !last) return piece([], undefined, columns, failure ?? tooLong(bytes, progress.lines));
  const taken = piece(entries, end, columns);
  // Only empty lines may be left behind the last row.
  return last && failure === undefined ? { ...taken, takenBytes: bytes.length } : taken;
};

const tooLong = (bytes: Buffer, lines: number): string | undefined =>
  bytes.length < IMPORT_PART_BYTES
    ? undefined
    : `Line ${lines + 1}: a product is longer than ${IMPORT_PART_BYTES} bytes, or a quote is not closed`;

const EXPORTED = [...PRODUCT_COLUMNS, ...VARIANT_COLUMNS];

const cell = (text: string): string =>
  /[",\r\n]|^\s|\s$|^$/.test(text) && text !== "" ? `"${text.replaceAll('"', '""')}"` : text;

const rowOf = (values: readonly string[]): string => `${values.map(cell).join(",")}\r\n`;

export const CSV_HEADER = rowOf(EXPORTED);

/** Without the header. */
export const formatCsv = (products: readonly Product[]): string =>
  products
    .flatMap(({ id, slug, name, brand, category, description, status, taxClass = "", images, variants }) =>
      variants.map(({ sku, attributes, price }, index) =>
        rowOf([
          ...(index === 0
            ? [id, slug, name, brand, category, description, status, taxClass, images.join(" ")]
            : [id, ...PRODUCT_COLUMNS.slice(1).map(() => "")]),
          sku,
          String(price.amount),
          price.currency,
          JSON.stringify(attributes),
        ]),
      ),
    )
    .join("");
