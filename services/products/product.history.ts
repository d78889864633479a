import type { HistoryEntry, Product } from "@molecart/mixins/contracts/products.ts";

type Change = HistoryEntry["changes"][number];
type RecordedEntry = Omit<HistoryEntry, "changes"> & { changes: Change[] };

/** Who writes, and as a part of which import. */
export interface Author {
  by?: string | undefined;
  importId?: string | undefined;
}

/** Changes that are kept of a product: a hundred kilobytes at the very most. */
export const MAX_HISTORY = 50;
/** Of a value before and after a change. */
const MAX_VALUE_LENGTH = 500;

const FIELDS = ["slug", "name", "brand", "category", "description", "status", "taxClass", "images", "variants"] as const;

const textOf = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));
const shortened = (text: string): string => (text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH - 1)}…`);

const fieldChange = (field: string, from: unknown, to: unknown): Change[] => {
  const [before, after] = [from === undefined ? null : textOf(from), to === undefined ? null : textOf(to)];
  return before === after ? [] : [{ field, from: before && shortened(before), to: after && shortened(after) }];
};

/** By SKU, so that one price among a hundred is seen. */
const variantChanges = (before: Product["variants"], after: Product["variants"]): Change[] => {
  const bySku = (variants: Product["variants"]) => new Map(variants.map(({ sku, ...variant }) => [sku, variant]));
  const [from, to] = [bySku(before), bySku(after)];
  const skus = [...new Set([...from.keys(), ...to.keys()])];
  return skus.flatMap((sku) => fieldChange(`variants.${sku}`, from.get(sku), to.get(sku)));
};

export const changesBetween = (before: Product, after: Product): Change[] =>
  FIELDS.flatMap((field) =>
    field === "variants" ? variantChanges(before.variants, after.variants) : fieldChange(field, before[field], after[field]),
  );

const actionOf = (before: Product, after: Product): HistoryEntry["action"] => {
  if (before.status === after.status) return "updated";
  if (after.status === "archived") return "archived";
  return before.status === "archived" ? "restored" : "updated";
};

export const entryOf = (before: Product, after: Product, { by, importId }: Author): RecordedEntry => ({
  version: after.version,
  at: after.updatedAt,
  by: by ?? null,
  importId: importId ?? null,
  action: actionOf(before, after),
  changes: changesBetween(before, after),
});

const IMPORT_PREFIX = "import:";

/** How a document says who has created it. */
export const creatorOf = ({ by, importId }: Author): string | undefined =>
  importId === undefined ? by : `${IMPORT_PREFIX}${importId}`;

/** The entry of the creation is not stored: the document itself says when and by whom. */
export const creationEntry = (createdAt: string, createdBy: string | undefined): HistoryEntry => {
  const importId = createdBy?.startsWith(IMPORT_PREFIX) ? createdBy.slice(IMPORT_PREFIX.length) : null;
  return {
    version: 1,
    at: createdAt,
    by: importId === null ? (createdBy ?? null) : null,
    importId,
    action: "created",
    changes: [],
  };
};
