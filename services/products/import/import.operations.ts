import type { ActionParams, ActionResult } from "@molecart/mixins/contracts/index.ts";
import type { Import, ImportError, ImportRecord, Product } from "@molecart/mixins/contracts/products.ts";
import { type Collection, DuplicateKey } from "@molecart/mixins/document-store/collection.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { decodeCursor, encodeCursor, isText, page } from "@molecart/mixins/lib/cursor.ts";
import { messageOf, Refusal } from "@molecart/mixins/lib/errors.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { ImportClosed, ImportNotFound, ProductBusy, TooManyImports } from "../product.errors.ts";
import { creatorOf } from "../product.history.ts";
import { eventOf, explain, type ProductDesk, termsOf, writeOf } from "../product.operations.ts";
import {
  countUnsent,
  findDocumentsOf,
  findProductsAfter,
  insertProduct,
  insertProducts,
  setProduct,
} from "../product.repository.ts";
import { slugOf } from "../product.ts";
import { CSV_HEADER, formatCsv, parseCsv } from "./csv.ts";
import { type Decision, decide, keysOf, keysOfProduct, type Origin, type Outcome, Shelf, slugKey, stampOf } from "./decide.ts";
import { type ImportDocument, type ImportErrorsDocument, toImport } from "./import.document.ts";
import {
  findErrors,
  findImport,
  findImports,
  findOpenImports,
  insertErrorsOnce,
  insertImport,
  removeImportsBefore,
  setImport,
  setOpenImport,
} from "./import.repository.ts";
import { formatNdjson, parseNdjson } from "./ndjson.ts";
import type { Entry, Piece } from "./record.ts";

export interface ImportDesk extends ProductDesk {
  collections: { imports: Collection<ImportDocument>; import_errors: Collection<ImportErrorsDocument> };
  /** Shows written products here, and lets the other brokers know. */
  tell(written: readonly { id: string; version: number }[]): Promise<void>;
}

/** Errors that the import itself shows; the others are in its report. */
const SHOWN_ERRORS = 100;
const MAX_OPEN_IMPORTS = 20;
/** An upload that nobody goes on with. */
const ABANDONED_AFTER_MS = 7 * 24 * 3_600_000;
const KEPT_MS = 30 * 24 * 3_600_000;
/** The relay reads what waits for it again and again: more of it would make it slow, and an import must not run away from those
 *  who hear of its products. */
const MAX_UNSENT = 1_000;
const UNSENT_PAUSE_MS = 200;
/** Updates that wait for the store at the same time: one flush of NeDB serves them all. */
const CONCURRENT_WRITES = 20;
const MAX_TRIES = 5;
const EXPORT_BATCH = 200;
const ERROR_PIECES = 20;

export const startImport = async (
  desk: ImportDesk,
  { format, fileName, sizeBytes, delimiter, by }: ActionParams<"v1.products.startImport">,
): Promise<Import> => {
  const { imports, import_errors } = desk.collections;
  const now = desk.clock.now();
  const at = isoTime(now);
  await removeImportsBefore(imports, import_errors, isoTime(now - KEPT_MS));
  let open = 0;
  for (const { _id, updatedAt } of await findOpenImports(imports)) {
    if (updatedAt >= isoTime(now - ABANDONED_AFTER_MS)) open += 1;
    else
      await setOpenImport(imports, _id, { status: "cancelled", reason: "Nobody went on with it", updatedAt: at, finishedAt: at });
  }
  if (open >= MAX_OPEN_IMPORTS) throw new TooManyImports(open);
  const document: ImportDocument = {
    _id: newId(),
    format,
    fileName: fileName ?? null,
    status: "open",
    sizeBytes: sizeBytes ?? null,
    offset: 0,
    progress: { lines: 0, ...(delimiter !== undefined && { delimiter }) },
    created: 0,
    updated: 0,
    unchanged: 0,
    failed: 0,
    errors: [],
    reason: null,
    createdBy: by ?? null,
    createdAt: at,
    updatedAt: at,
    finishedAt: null,
  };
  await insertImport(imports, document);
  return toImport(document);
};

const requireImport = async ({ collections }: ImportDesk, importId: string): Promise<ImportDocument> => {
  const found = await findImport(collections.imports, importId);
  if (found === undefined) throw new ImportNotFound(importId);
  return found;
};

export const getImport = async (desk: ImportDesk, importId: string): Promise<Import> =>
  toImport(await requireImport(desk, importId));

export const listImports = async (
  { collections }: ImportDesk,
  { limit, cursor }: ActionParams<"v1.products.listImports">,
): Promise<ActionResult<"v1.products.listImports">> => {
  const before = cursor === undefined ? undefined : decodeCursor(cursor, isText);
  const found = await findImports(collections.imports, before, limit + 1);
  const { items, nextCursor } = page(found, limit, ({ _id }) => _id);
  return { items: items.map(toImport), nextCursor };
};

export const listImportErrors = async (
  desk: ImportDesk,
  { importId, cursor }: ActionParams<"v1.products.listImportErrors">,
): Promise<ActionResult<"v1.products.listImportErrors">> => {
  await requireImport(desk, importId);
  const after = cursor === undefined ? "" : decodeCursor(cursor, isText);
  const found = await findErrors(desk.collections.import_errors, importId, after, ERROR_PIECES + 1);
  const { items, nextCursor } = page(found, ERROR_PIECES, ({ _id }) => _id);
  return { items: items.flatMap(({ errors }) => errors), nextCursor };
};

export const cancelImport = async (desk: ImportDesk, importId: string): Promise<Import> => {
  const at = isoTime(desk.clock.now());
  const change = { status: "cancelled" as const, updatedAt: at, finishedAt: at };
  const cancelled = await setOpenImport(desk.collections.imports, importId, change);
  if (cancelled !== undefined) return toImport(cancelled);
  const found = await requireImport(desk, importId);
  if (found.status !== "cancelled") throw new ImportClosed(importId, found.status);
  return toImport(found);
};

/** Writes the products of a piece, and then how far the import has come. A kill between the two costs nothing: the piece is sent
 *  again, and each product knows the line that has written it. */
export const takeImportPart = async (
  desk: ImportDesk,
  { importId, offset, content, last }: ActionParams<"v1.products.takeImportPart">,
): Promise<ActionResult<"v1.products.takeImportPart">> => {
  const before = await requireImport(desk, importId);
  if (before.status !== "open" || before.offset !== offset) return { import: toImport(before), waitMs: 0 };
  if ((await countUnsent(desk.documents)) > MAX_UNSENT) return { import: toImport(before), waitMs: UNSENT_PAUSE_MS };

  const piece = parse(desk, before, Buffer.from(content, "base64"), last);
  const { counts, errors } = await writeAll(desk, importId, piece.entries);
  await insertErrorsOnce(desk.collections.import_errors, importId, offset, errors);
  const change = progressOf(before, piece, counts, errors, {
    last,
    at: isoTime(desk.clock.now()),
    maxFailed: desk.config.importMaxErrors,
  });
  const after = await setImport(desk.collections.imports, importId, offset, change);
  // Undefined: another broker has taken the same piece, or somebody has cancelled the import.
  return { import: toImport(after ?? (await requireImport(desk, importId))), waitMs: 0 };
};

const parse = ({ config }: ImportDesk, { format, progress }: ImportDocument, bytes: Buffer, last: boolean): Piece =>
  format === "csv" ? parseCsv(bytes, progress, last, config.currency) : parseNdjson(bytes, progress, last);

type Counts = Record<Outcome | "failed", number>;

const progressOf = (
  before: ImportDocument,
  { takenBytes, progress, failure }: Piece,
  counts: Counts,
  errors: readonly ImportError[],
  { last, at, maxFailed }: { last: boolean; at: string; maxFailed: number },
): Partial<Omit<ImportDocument, "_id">> => {
  const failed = before.failed + counts.failed;
  const reason = failure ?? (failed > maxFailed ? `More than ${maxFailed} products were refused` : undefined);
  const status = reason !== undefined ? "failed" : last ? "done" : "open";
  return {
    offset: before.offset + takenBytes,
    progress,
    created: before.created + counts.created,
    updated: before.updated + counts.updated,
    unchanged: before.unchanged + counts.unchanged,
    failed,
    errors: [...before.errors, ...errors].slice(0, SHOWN_ERRORS),
    updatedAt: at,
    ...(status !== "open" && { status, finishedAt: at, reason: reason ?? null }),
  };
};

interface Line {
  line: number;
  record: ImportRecord;
}

/** The lines one after the other, as far as it matters: those that touch the same product, slug or SKU are not written together. */
const writeAll = async (
  desk: ImportDesk,
  importId: string,
  entries: readonly Entry[],
): Promise<{ counts: Counts; errors: ImportError[] }> => {
  const counts: Counts = { created: 0, updated: 0, unchanged: 0, failed: 0 };
  const errors: ImportError[] = [];
  const refuse = (line: number, mistakes: readonly { path: string; message: string }[]): void => {
    counts.failed += 1;
    errors.push(...mistakes.map((mistake) => ({ line, ...mistake })));
  };
  let waiting: Line[] = [];
  for (const { line, record, mistakes } of entries) {
    if (record === undefined) refuse(line, mistakes);
    else waiting.push({ line, record });
  }
  if (waiting.length > 0) await desk.reloadCategories();
  while (waiting.length > 0) {
    const batch = new Batch(
      desk,
      importId,
      await shelfFor(
        desk,
        waiting.map(({ record }) => record),
      ),
    );
    const rest = waiting.findIndex((line) => !batch.add(line));
    waiting = rest < 0 ? [] : waiting.slice(rest);
    const { outcomes, refusals, written } = batch.result;
    try {
      await batch.write();
    } finally {
      // Also what was written before the store went away.
      if (written.length > 0) await desk.tell(written);
    }
    for (const outcome of outcomes) counts[outcome] += 1;
    for (const { line, error } of refusals) refuse(line, [{ path: "", message: messageOf(error) }]);
  }
  return { counts, errors: errors.sort((a, b) => a.line - b.line) };
};

const shelfFor = async ({ documents }: ImportDesk, records: readonly ImportRecord[]): Promise<Shelf> =>
  new Shelf(
    await findDocumentsOf(documents, {
      ids: records.flatMap(({ id }) => id ?? []),
      slugs: records.map(({ slug, name }) => slug ?? slugOf(name, "")),
      skus: records.flatMap(({ variants }) => variants.map(({ sku }) => sku)),
    }),
  );

interface Refused {
  line: number;
  error: Refusal;
}
interface Written {
  outcomes: Outcome[];
  refusals: Refused[];
  written: { id: string; version: number }[];
}

/** Lines that have nothing to do with each other, decided on one view of the store. */
class Batch {
  readonly #desk: ImportDesk;
  readonly #importId: string;
  readonly #shelf: Shelf;
  readonly #touched = new Set<string>();
  readonly #creates: (Line & { product: Product })[] = [];
  readonly #updates: (Line & { before: Product; after: Product })[] = [];
  readonly result: Written = { outcomes: [], refusals: [], written: [] };

  constructor(desk: ImportDesk, importId: string, shelf: Shelf) {
    this.#desk = desk;
    this.#importId = importId;
    this.#shelf = shelf;
  }

  /** False: it touches what a line of this batch touches. */
  add(line: Line): boolean {
    const found = this.#shelf.find(line.record);
    const keys = [...keysOf(line.record), ...(found === undefined ? [] : [`id:${found._id}`])];
    if (keys.some((key) => this.#touched.has(key))) return false;
    try {
      this.#take(line, this.#decide(line, this.#shelf), keys);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.result.refusals.push({ line: line.line, error });
    }
    return true;
  }

  #take(line: Line, decision: Decision, keys: readonly string[]): void {
    const touch = (product: Product) => {
      for (const key of keysOfProduct(product)) this.#touched.add(key);
    };
    switch (decision.kind) {
      case "create":
        this.#creates.push({ ...line, product: decision.product });
        touch(decision.product);
        break;
      case "update":
        this.#updates.push({ ...line, before: decision.before, after: decision.after });
        touch(decision.before);
        touch(decision.after);
        break;
      case "done":
        this.#done(decision);
        break;
      default:
        decision satisfies never;
    }
    for (const key of keys) if (decision.kind !== "done") this.#touched.add(key);
  }

  #decide({ line, record }: Line, shelf: Shelf): Decision {
    return decide(record, this.#origin(line), shelf, {
      categories: this.#desk.categories,
      newId,
      isPromised: (slug) => this.#touched.has(slugKey(slug)),
      terms: termsOf(this.#desk),
    });
  }

  async write(): Promise<void> {
    await this.#createAll();
    for (let start = 0; start < this.#updates.length; start += CONCURRENT_WRITES)
      await Promise.all(this.#updates.slice(start, start + CONCURRENT_WRITES).map((update) => this.#update(update)));
  }

  #origin(line: number): Origin {
    return { importId: this.#importId, line };
  }

  async #createAll(): Promise<void> {
    if (this.#creates.length === 0) return;
    const createdBy = creatorOf({ importId: this.#importId });
    const rows = this.#creates.map(
      ({ line, product }) =>
        [product, eventOf(undefined, product), { createdBy, imported: stampOf(this.#origin(line), "created") }] as const,
    );
    try {
      await insertProducts(this.#desk.documents, rows);
      for (const { product } of this.#creates) this.#note("created", product);
    } catch (error) {
      // Somebody was faster at one of the keys; a part of the others may be there.
      if (!(error instanceof DuplicateKey)) throw error;
      for (const line of this.#creates) await this.#again(line);
    }
  }

  async #update(line: Line & { before: Product; after: Product }): Promise<void> {
    const { before, after } = line;
    const imported = stampOf(this.#origin(line.line), "updated");
    const write = { ...writeOf(before, after, { importId: this.#importId }), imported };
    try {
      if (await setProduct(this.#desk.documents, write, before.version)) this.#note("updated", after);
      else await this.#again(line);
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
      await this.#again(line);
    }
  }

  /** Alone, on what is stored now, until nobody comes in between. */
  async #again({ line, record }: Line): Promise<void> {
    try {
      for (let tries = 1; tries <= MAX_TRIES; tries++) if (await this.#tryOne({ line, record })) return;
      // Nothing is committed: the piece is sent again.
      throw new ProductBusy(record.id ?? record.slug ?? record.name);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.result.refusals.push({ line, error });
    }
  }

  async #tryOne(line: Line): Promise<boolean> {
    const { documents } = this.#desk;
    const decision = this.#decide(line, await shelfFor(this.#desk, [line.record]));
    if (decision.kind === "done") {
      this.#done(decision);
      return true;
    }
    const product = decision.kind === "create" ? decision.product : decision.after;
    const outcome = decision.kind === "create" ? "created" : "updated";
    const imported = stampOf(this.#origin(line.line), outcome);
    try {
      if (decision.kind === "create") {
        const createdBy = creatorOf({ importId: this.#importId });
        await insertProduct(documents, product, eventOf(undefined, product), { createdBy, imported });
      } else {
        const write = { ...writeOf(decision.before, product, { importId: this.#importId }), imported };
        if (!(await setProduct(documents, write, decision.before.version))) return false;
      }
    } catch (error) {
      if (!(error instanceof DuplicateKey)) throw error;
      const refusal = await explain(documents, product, error);
      if (refusal === error) return false;
      throw refusal;
    }
    this.#note(outcome, product);
    return true;
  }

  /** What an earlier try has written may not have been shown. */
  #done({ outcome, product }: Decision & { kind: "done" }): void {
    if (outcome === "unchanged") this.result.outcomes.push(outcome);
    else this.#note(outcome, product);
  }

  #note(outcome: Outcome, { id, version }: Pick<Product, "id" | "version">): void {
    this.result.outcomes.push(outcome);
    this.result.written.push({ id, version });
  }
}

export const exportPage = async (
  { documents }: ProductDesk,
  { format, status, cursor }: ActionParams<"v1.products.exportPage">,
): Promise<ActionResult<"v1.products.exportPage">> => {
  const after = cursor === undefined ? "" : decodeCursor(cursor, isText);
  const found = await findProductsAfter(documents, after, EXPORT_BATCH, { status });
  const last = found.length < EXPORT_BATCH ? undefined : found.at(-1);
  const header = format === "csv" && cursor === undefined ? CSV_HEADER : "";
  const text = format === "csv" ? formatCsv(found) : formatNdjson(found);
  return { text: header + text, nextCursor: last === undefined ? null : encodeCursor(last.id) };
};
