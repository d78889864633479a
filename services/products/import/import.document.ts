import type { Import, ImportError } from "@molecart/mixins/contracts/products.ts";
import type { IndexOptions } from "@molecart/mixins/document-store/collection.ts";
import type { Progress } from "./record.ts";

export interface ImportDocument extends Omit<Import, "id" | "lines"> {
  _id: string;
  /** How the file is to be read from `offset` on. */
  progress: Progress;
}

/** What was wrong in one piece of a file. */
export interface ImportErrorsDocument {
  /** `<import>:<offset of the piece>`: a repeat of the piece writes the same document. */
  _id: string;
  importId: string;
  errors: ImportError[];
}

export const IMPORT_INDEXES: readonly IndexOptions[] = [{ fields: ["status"] }];
export const IMPORT_ERROR_INDEXES: readonly IndexOptions[] = [{ fields: ["importId"] }];

export const toImport = ({ _id, progress, ...rest }: ImportDocument): Import => ({ ...rest, id: _id, lines: progress.lines });
