import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Selectable, Transaction } from "kysely";
import type { PasswordReset } from "./password-reset.ts";
import type { PasswordResetTable, UsersTables } from "./user.table.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

const toReset = (row: Selectable<PasswordResetTable>): PasswordReset => ({
  id: row.id,
  accountId: row.account_id,
  tokenHash: row.token_hash,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  closedAt: row.closed_at,
});

export const insertReset = async (trx: Trx, reset: PasswordReset): Promise<void> => {
  await trx
    .insertInto("password_reset")
    .values({
      id: reset.id,
      account_id: reset.accountId,
      token_hash: reset.tokenHash,
      created_at: reset.createdAt,
      expires_at: reset.expiresAt,
      closed_at: reset.closedAt,
    })
    .execute();
};

export const findReset = async (db: Db, id: string): Promise<PasswordReset | undefined> => {
  const row = await db.selectFrom("password_reset").selectAll().where("id", "=", id).executeTakeFirst();
  return row && toReset(row);
};

export const findResetByToken = async (db: Db, tokenHash: string): Promise<PasswordReset | undefined> => {
  const row = await db.selectFrom("password_reset").selectAll().where("token_hash", "=", tokenHash).executeTakeFirst();
  return row && toReset(row);
};

export const findResetCount = async (trx: Trx, accountId: string, since: string): Promise<number> => {
  const { count } = await trx
    .selectFrom("password_reset")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("account_id", "=", accountId)
    .where("created_at", ">=", since)
    .executeTakeFirstOrThrow();
  return count;
};

/** Those of an account, with the account locked. */
export const setResetsClosed = async (trx: Trx, accountId: string, now: string): Promise<void> => {
  await trx
    .updateTable("password_reset")
    .set({ closed_at: now })
    .where("account_id", "=", accountId)
    .where("closed_at", "is", null)
    .execute();
};

export const deleteOldResets = async (trx: Trx, before: string): Promise<void> => {
  await trx.deleteFrom("password_reset").where("expires_at", "<", before).execute();
};
