import { IMPORT_PART_BYTES, type ImportRecord, type Product } from "@molecart/mixins/contracts/products.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { type Entry, entryOf, mistaken, type Piece, type Progress } from "./record.ts";

const NEWLINE = 0x0a;
const decoder = new TextDecoder("utf-8", { fatal: true });

const entriesOf = (line: number, bytes: Uint8Array): Entry[] => {
  let text: string;
  try {
    // The decoder drops a byte order mark.
    text = decoder.decode(bytes).trim();
  } catch {
    return [mistaken(line, "is not UTF-8")];
  }
  if (text === "") return [];
  try {
    return [entryOf(line, JSON.parse(text))];
  } catch (error) {
    return [mistaken(line, `is not JSON: ${messageOf(error)}`)];
  }
};

/** One product per line. A line that is wrong, or longer than a piece, costs no other. */
export const parseNdjson = (bytes: Buffer, { lines: before, skipping = false }: Progress, last: boolean): Piece => {
  const entries: Entry[] = [];
  let [lines, start, skips] = [before, 0, skipping];
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    lines += 1;
    if (!skips) entries.push(...entriesOf(lines, bytes.subarray(start, end)));
    skips = false;
    start = end + 1;
  }
  const rest = bytes.subarray(start);
  if (last && rest.length > 0) {
    lines += 1;
    if (!skips) entries.push(...entriesOf(lines, rest));
    skips = false;
    start = bytes.length;
  } else if (start === 0 && bytes.length >= IMPORT_PART_BYTES) {
    if (!skips) entries.push(mistaken(lines + 1, `is longer than ${IMPORT_PART_BYTES} bytes`));
    skips = true;
    start = bytes.length;
  }
  return { entries, takenBytes: start, progress: { lines, ...(skips && { skipping: true }) } };
};

/** The product as an import takes it. */
export const recordOf = ({
  id,
  slug,
  name,
  brand,
  category,
  description,
  variants,
  images,
  status,
  taxClass,
}: Product): ImportRecord => ({
  id,
  slug,
  name,
  brand,
  category,
  description,
  variants,
  images,
  status,
  ...(taxClass !== undefined && { taxClass }),
});

export const formatNdjson = (products: readonly Product[]): string =>
  products.map((product) => `${JSON.stringify(recordOf(product))}\n`).join("");
