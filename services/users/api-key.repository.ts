import type { ApiKey } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Selectable, Transaction } from "kysely";
import type { ApiKeyTable, UsersTables } from "./user.table.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

const toApiKey = (row: Selectable<ApiKeyTable>): ApiKey => ({
  id: row.id,
  name: row.name,
  prefix: row.prefix,
  scopes: row.scopes,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
});

export const insertApiKey = async (trx: Trx, accountId: string, key: ApiKey, keyHash: string): Promise<void> => {
  await trx
    .insertInto("api_key")
    .values({
      id: key.id,
      account_id: accountId,
      name: key.name,
      prefix: key.prefix,
      key_hash: keyHash,
      scopes: JSON.stringify(key.scopes),
      created_at: key.createdAt,
      expires_at: key.expiresAt,
    })
    .execute();
};

/** Those that were not revoked, newest first; expired ones too. */
export const findApiKeys = async (db: Db, accountId: string): Promise<ApiKey[]> => {
  const rows = await db
    .selectFrom("api_key")
    .selectAll()
    .where("account_id", "=", accountId)
    .where("revoked_at", "is", null)
    .orderBy("id", "desc")
    .execute();
  return rows.map(toApiKey);
};

/** Expired or not; undefined when it was revoked. */
export const findApiKeyByHash = async (db: Db, keyHash: string): Promise<{ accountId: string; key: ApiKey } | undefined> => {
  const row = await db
    .selectFrom("api_key")
    .selectAll()
    .where("key_hash", "=", keyHash)
    .where("revoked_at", "is", null)
    .executeTakeFirst();
  return row && { accountId: row.account_id, key: toApiKey(row) };
};

/** Answers false when this account has no such key. One that was revoked before stays so. */
export const setApiKeyRevoked = async (trx: Trx, accountId: string, id: string, now: string): Promise<boolean> => {
  const { numUpdatedRows } = await trx
    .updateTable("api_key")
    .set(({ fn, val }) => ({ revoked_at: fn.coalesce("revoked_at", val(now)) }))
    .where("id", "=", id)
    .where("account_id", "=", accountId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

/** Batches may come late and out of order: the latest use counts. */
export const setApiKeyUsed = async (trx: Trx, id: string, at: string): Promise<void> => {
  await trx
    .updateTable("api_key")
    .set({ last_used_at: at })
    .where("id", "=", id)
    .where(({ eb, or }) => or([eb("last_used_at", "is", null), eb("last_used_at", "<", at)]))
    .execute();
};
