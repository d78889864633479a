import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Transaction } from "kysely";
import type { RefreshToken } from "./refresh-token.ts";
import type { UsersTables } from "./user.table.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

export const insertRefreshToken = async (trx: Trx, token: RefreshToken): Promise<void> => {
  await trx
    .insertInto("refresh_token")
    .values({
      id: token.id,
      family_id: token.familyId,
      account_id: token.accountId,
      token_hash: token.tokenHash,
      created_at: token.createdAt,
      expires_at: token.expiresAt,
    })
    .execute();
};

/** Good or not. */
export const findRefreshToken = async (db: Db, tokenHash: string): Promise<RefreshToken | undefined> => {
  const row = await db.selectFrom("refresh_token").selectAll().where("token_hash", "=", tokenHash).executeTakeFirst();
  return (
    row && {
      id: row.id,
      familyId: row.family_id,
      accountId: row.account_id,
      tokenHash: row.token_hash,
      createdAt: row.created_at,
      expiresAt: row.expires_at,
    }
  );
};

/** Uses the token up. Answers false when it was not good any more: of any number of users at once, one gets true. */
export const setUsed = async (trx: Trx, id: string, now: string): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("refresh_token")
    .set({ used_at: now })
    .where("id", "=", id)
    .where("used_at", "is", null)
    .where("revoked_at", "is", null)
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

/** With the account locked: a successor that another transaction is just writing would be missed. */
export const setFamilyRevoked = async (trx: Trx, familyId: string, now: string): Promise<void> => {
  await trx
    .updateTable("refresh_token")
    .set({ revoked_at: now })
    .where("family_id", "=", familyId)
    .where("revoked_at", "is", null)
    .execute();
};

/** The sessions that have got a token since then, ISO 8601. */
export const findRecentFamilies = async (trx: Trx, accountId: string, since: string): Promise<string[]> => {
  const rows = await trx
    .selectFrom("refresh_token")
    .select("family_id")
    .distinct()
    .where("account_id", "=", accountId)
    .where("created_at", ">=", since)
    .execute();
  return rows.map(({ family_id }) => family_id);
};

/** With the account locked, as for a family. */
export const setOthersRevoked = async (trx: Trx, accountId: string, exceptFamilyId: string, now: string): Promise<void> => {
  await trx
    .updateTable("refresh_token")
    .set({ revoked_at: now })
    .where("account_id", "=", accountId)
    .where("family_id", "<>", exceptFamilyId)
    .where("revoked_at", "is", null)
    .execute();
};

/** With the account locked, as for a family. */
export const setAllRevoked = async (trx: Trx, accountId: string, now: string): Promise<void> => {
  await trx
    .updateTable("refresh_token")
    .set({ revoked_at: now })
    .where("account_id", "=", accountId)
    .where("revoked_at", "is", null)
    .execute();
};

/** Deletes at most `limit` tokens and answers how many. */
export const deleteExpired = async (trx: Trx, now: string, limit: number): Promise<number> => {
  const { numDeletedRows } = await trx
    .deleteFrom("refresh_token")
    .where("id", "in", (query) =>
      query.selectFrom("refresh_token").select("id").where("expires_at", "<=", now).orderBy("expires_at").limit(limit),
    )
    .executeTakeFirst();
  return Number(numDeletedRows);
};
