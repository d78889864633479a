import type { AbortableQueryOptions } from "kysely";
import type { Deadline } from "../lib/deadline.ts";
import type { Database } from "./database.ts";

/** For `execute` of a read that may take long: PostgreSQL gives it up when the caller waits no longer. SQLite has done a statement
 *  before anything else can happen. */
export const brokenOffAt = (
  { kind }: Pick<Database<unknown>, "kind">,
  deadline: Deadline | undefined,
): AbortableQueryOptions | undefined =>
  kind === "sqlite" || deadline === undefined
    ? undefined
    : { signal: deadline.signal, inflightQueryAbortStrategy: "cancel query" };
