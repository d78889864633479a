import { type ImportError, ImportRecord } from "@molecart/mixins/contracts/products.ts";
import { fieldErrors } from "@molecart/mixins/middlewares/ajv-validator.ts";
import { Ajv, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";

type Mistake = Omit<ImportError, "line">;

/** One product of a file: what it says, or why it cannot be read. */
export type Entry =
  | { line: number; record: ImportRecord; mistakes?: undefined }
  | { line: number; record?: undefined; mistakes: Mistake[] };

/** What is known of a file up to where it was taken. */
export interface Progress {
  /** Lines so far. */
  lines: number;
  /** NDJSON: the rest of a line that is too long comes next. */
  skipping?: boolean | undefined;
  /** CSV: the names in the first line. */
  columns?: string[] | undefined;
  delimiter?: string | undefined;
}

/** The whole products in a piece of a file. */
export interface Piece {
  entries: Entry[];
  /** Bytes of the piece that are done with. */
  takenBytes: number;
  progress: Progress;
  /** The file cannot be read any further. */
  failure?: string | undefined;
}

/** Of one product: nobody reads the twentieth. */
const MAX_MISTAKES = 5;

let validate: ValidateFunction | undefined;

/** Strict, as the gateway is: what is not known is refused, so that a misspelt field is noticed. */
const validator = (): ValidateFunction => {
  if (validate === undefined) {
    const ajv = new Ajv({ allErrors: true, strict: true, strictTypes: false });
    (addFormats as unknown as (ajv: Ajv) => void)(ajv);
    validate = ajv.compile(ImportRecord);
  }
  return validate;
};

export const mistaken = (line: number, message: string, path = ""): Entry => ({ line, mistakes: [{ path, message }] });

export const entryOf = (line: number, value: unknown): Entry => {
  const check = validator();
  if (check(value)) return { line, record: value as ImportRecord };
  const mistakes = fieldErrors(check.errors).slice(0, MAX_MISTAKES);
  return { line, mistakes: mistakes.map(({ field, message }) => ({ path: field, message })) };
};
