import type { ImportError } from "@molecart/mixins/contracts/products.ts";
import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import type { ImportDocument, ImportErrorsDocument } from "./import.document.ts";

type Imports = Collection<ImportDocument>;
type Errors = Collection<ImportErrorsDocument>;

export const findImport = (imports: Imports, importId: string): Promise<ImportDocument | undefined> => imports.get(importId);

export const findOpenImports = (imports: Imports): Promise<ImportDocument[]> => imports.find({ query: { status: "open" } });

/** Newest first: an id begins with its time. */
export const findImports = (imports: Imports, before: string | undefined, limit: number): Promise<ImportDocument[]> =>
  imports.find({ query: before === undefined ? {} : { _id: { $lt: before } }, sort: ["-_id"], limit });

export const insertImport = (imports: Imports, document: ImportDocument): Promise<void> => imports.insert(document);

/** Changes an import that is open and has come exactly to this offset; answers it as it is then, or undefined. */
export const setImport = (
  imports: Imports,
  importId: string,
  offset: number,
  change: Partial<Omit<ImportDocument, "_id">>,
): Promise<ImportDocument | undefined> => imports.updateOne({ _id: importId, status: "open", offset }, { $set: change });

/** Wherever it has come to. */
export const setOpenImport = (
  imports: Imports,
  importId: string,
  change: Partial<Omit<ImportDocument, "_id">>,
): Promise<ImportDocument | undefined> => imports.updateOne({ _id: importId, status: "open" }, { $set: change });

/** Ended imports that nobody has touched since, with their errors. */
export const removeImportsBefore = async (imports: Imports, errors: Errors, time: string): Promise<void> => {
  const old = await imports.find({ query: { status: { $in: ["done", "failed", "cancelled"] }, updatedAt: { $lt: time } } });
  const importIds = old.map(({ _id }) => _id);
  if (importIds.length === 0) return;
  // The errors first: they are found by the import.
  await errors.removeMany({ importId: { $in: importIds } });
  await imports.removeMany({ _id: { $in: importIds } });
};

const OFFSET_DIGITS = 16;

/** Once: a repeat of the piece finds them there. */
export const insertErrorsOnce = async (errors: Errors, importId: string, offset: number, found: ImportError[]): Promise<void> => {
  if (found.length === 0) return;
  try {
    await errors.insert({ _id: `${importId}:${String(offset).padStart(OFFSET_DIGITS, "0")}`, importId, errors: found });
  } catch (error) {
    if (!(error instanceof DuplicateKey)) throw error;
  }
};

/** In the order of the file. */
export const findErrors = (errors: Errors, importId: string, after: string, limit: number): Promise<ImportErrorsDocument[]> =>
  errors.find({ query: { importId, _id: { $gt: after } }, sort: ["_id"], limit });
