import type { Revocation } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { type Kysely, sql, type Transaction } from "kysely";
import type { UsersTables } from "./user.table.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

/** The last one of a subject counts. */
export const insertRevocations = async (trx: Trx, revocations: readonly Revocation[], revokedAt: string): Promise<void> => {
  if (revocations.length === 0) return;
  await trx
    .insertInto("revocation")
    .values(revocations.map((revocation) => ({ ...revocation, revoked_at: revokedAt })))
    .onConflict((conflict) =>
      conflict.columns(["kind", "id"]).doUpdateSet(({ ref }) => ({
        version: ref("excluded.version"),
        revoked_at: ref("excluded.revoked_at"),
        until: ref("excluded.until"),
      })),
    )
    .execute();
};

/** Where a page of the list ends. */
export type RevocationPosition = readonly [revokedAt: string, kind: string, id: string];

export interface RevocationFilter {
  /** Those that have not ended by then, ISO 8601; `since` too. */
  now: string;
  since: string | undefined;
  after: RevocationPosition | undefined;
  limit: number;
}

export interface StoredRevocation extends Revocation {
  revokedAt: string;
}

/** In the order in which they were made. */
export const findRevocations = async (db: Db, { now, since, after, limit }: RevocationFilter): Promise<StoredRevocation[]> => {
  const rows = await db
    .selectFrom("revocation")
    .selectAll()
    .where("until", ">", now)
    .$if(since !== undefined, (query) => query.where("revoked_at", ">=", since as string))
    .$if(after !== undefined, (query) => {
      const [revokedAt, kind, id] = after as RevocationPosition;
      return query.where(({ eb, or, and }) =>
        or([
          eb("revoked_at", ">", revokedAt),
          and([eb("revoked_at", "=", revokedAt), sql<boolean>`(kind, id) > (${kind}, ${id})`]),
        ]),
      );
    })
    .orderBy("revoked_at")
    .orderBy("kind")
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ kind, id, version, revoked_at, until }) => ({ kind, id, version, until, revokedAt: revoked_at }));
};

export const deleteEndedRevocations = async (trx: Trx, now: string): Promise<void> => {
  await trx.deleteFrom("revocation").where("until", "<=", now).execute();
};
