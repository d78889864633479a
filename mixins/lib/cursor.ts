import { Refusal } from "./errors.ts";

export class InvalidCursor extends Refusal {
  constructor() {
    super("INVALID_CURSOR", 400, "The cursor does not belong to this list");
  }
}

/** Cursors are opaque to clients: base64url of JSON. */
export const encodeCursor = (position: unknown): string => Buffer.from(JSON.stringify(position)).toString("base64url");

/** `isPosition` says whether the decoded value is what this list puts into its cursors. */
export const decodeCursor = <T>(cursor: string, isPosition: (value: unknown) => value is T): T => {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (isPosition(value)) return value;
  } catch {
    // Not one of ours.
  }
  throw new InvalidCursor();
};

export const isText = (value: unknown): value is string => typeof value === "string";

/** Cuts a page out of `limit + 1` rows: the one too many says that there is another page. */
export const page = <T>(
  rows: readonly T[],
  limit: number,
  positionOf: (row: T) => unknown,
): { items: T[]; nextCursor: string | null } => {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, nextCursor: rows.length > limit && last !== undefined ? encodeCursor(positionOf(last)) : null };
};
