import type { Address, Role } from "@molecart/mixins/contracts/common.ts";
import type { SavedAddress } from "@molecart/mixins/contracts/users.ts";
import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { type Kysely, type Selectable, sql, type Transaction } from "kysely";
import type { AccountTable, AddressTable, UsersTables } from "./user.table.ts";
import type { Account } from "./user.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

const toAccount = (row: Selectable<AccountTable>): Account => ({
  id: row.id,
  email: row.email,
  name: row.name,
  roles: row.roles,
  passwordHash: row.password_hash,
  createdAt: row.created_at,
  tokenVersion: row.token_version,
  disabledAt: row.disabled_at,
});

const toRow = (account: Account) => ({
  id: account.id,
  email: account.email,
  name: account.name,
  password_hash: account.passwordHash,
  roles: JSON.stringify(account.roles),
  created_at: account.createdAt,
  updated_at: account.createdAt,
});

export const findAccount = async (db: Db, id: string): Promise<Account | undefined> => {
  const row = await db.selectFrom("account").selectAll().where("id", "=", id).executeTakeFirst();
  return row && toAccount(row);
};

export const findAccountByEmail = async (db: Db, email: string): Promise<Account | undefined> => {
  const row = await db.selectFrom("account").selectAll().where("email", "=", email).executeTakeFirst();
  return row && toAccount(row);
};

/** Holds the account until the transaction ends: its sessions and addresses change one after the other. */
export const lockAccount = async (trx: Trx, id: string): Promise<Account | undefined> => {
  const row = await trx.selectFrom("account").selectAll().where("id", "=", id).$call(forUpdate(trx)).executeTakeFirst();
  return row && toAccount(row);
};

/** Its unique address makes the second of two registrations fail with a unique violation. */
export const insertAccount = async (trx: Trx, account: Account): Promise<void> => {
  await trx.insertInto("account").values(toRow(account)).execute();
};

/** With the account locked. */
export const setPasswordHash = async (trx: Trx, id: string, passwordHash: string, at: string): Promise<void> => {
  await trx.updateTable("account").set({ password_hash: passwordHash, updated_at: at }).where("id", "=", id).execute();
};

/** Answers the new version. */
export const raiseTokenVersion = async (trx: Trx, id: string): Promise<number> => {
  const { token_version } = await trx
    .updateTable("account")
    .set(({ eb }) => ({ token_version: eb("token_version", "+", 1) }))
    .where("id", "=", id)
    .returning("token_version")
    .executeTakeFirstOrThrow();
  return token_version;
};

export const setRoles = async (trx: Trx, id: string, roles: readonly Role[], at: string): Promise<void> => {
  await trx
    .updateTable("account")
    .set({ roles: JSON.stringify(roles), updated_at: at })
    .where("id", "=", id)
    .execute();
};

export const setDisabled = async (trx: Trx, id: string, disabledAt: string | null, at: string): Promise<void> => {
  await trx.updateTable("account").set({ disabled_at: disabledAt, updated_at: at }).where("id", "=", id).execute();
};

export interface AccountFilter {
  /** The beginning of the e-mail address, normalised. */
  email?: string | undefined;
  role?: Role | undefined;
  disabled?: boolean | undefined;
  /** Id of the last one of the page before: newest first, and ids grow with time. */
  before?: string | undefined;
  limit: number;
}

export const findAccounts = async (db: Db, { email, role, disabled, before, limit }: AccountFilter): Promise<Account[]> => {
  const rows = await db
    .selectFrom("account")
    .selectAll()
    .$if(email !== undefined, (query) =>
      query.where(sql<boolean>`substr(email, 1, ${sql.lit((email as string).length)}) = ${email}`),
    )
    // Roles are names of our own, so the array's text can be searched on both databases.
    .$if(role !== undefined, (query) => query.where(sql<boolean>`cast(roles as text) like ${`%"${role}"%`}`))
    .$if(disabled === true, (query) => query.where("disabled_at", "is not", null))
    .$if(disabled === false, (query) => query.where("disabled_at", "is", null))
    .$if(before !== undefined, (query) => query.where("id", "<", before as string))
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map(toAccount);
};

export const setName = async (db: Db, id: string, name: string, at: string): Promise<Account | undefined> => {
  const row = await db
    .updateTable("account")
    .set({ name, updated_at: at })
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirst();
  return row && toAccount(row);
};

/** Writes the account, or gives the one that has this address already its password and roles. Answers the account's id. */
export const insertOrResetAccount = async (trx: Trx, account: Account): Promise<string> => {
  const { password_hash, roles, updated_at, ...rest } = toRow(account);
  const reset = { password_hash, roles, updated_at, disabled_at: null };
  const { id } = await trx
    .insertInto("account")
    .values({ ...rest, ...reset })
    .onConflict((conflict) => conflict.column("email").doUpdateSet(reset))
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
};

const toSavedAddress = ({ id, name, line1, line2, city, postal_code, country }: Selectable<AddressTable>): SavedAddress => ({
  id,
  name,
  line1,
  ...(line2 === null ? {} : { line2 }),
  city,
  postalCode: postal_code,
  country,
});

const toAddressColumns = ({ name, line1, line2, city, postalCode, country }: Address) => ({
  name,
  line1,
  line2: line2 ?? null,
  city,
  postal_code: postalCode,
  country,
});

/** The oldest first: ids grow with time. */
export const findAddresses = async (db: Db, accountId: string): Promise<SavedAddress[]> => {
  const rows = await db.selectFrom("address").selectAll().where("account_id", "=", accountId).orderBy("id").execute();
  return rows.map(toSavedAddress);
};

export const findAddressCount = async (db: Db, accountId: string): Promise<number> => {
  const row = await db
    .selectFrom("address")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("account_id", "=", accountId)
    .executeTakeFirstOrThrow();
  return row.count;
};

export const insertAddress = async (trx: Trx, accountId: string, { id, ...address }: SavedAddress, at: string): Promise<void> => {
  await trx
    .insertInto("address")
    .values({ id, account_id: accountId, ...toAddressColumns(address), created_at: at })
    .execute();
};

/** Answers false when this account has no such address. */
export const setAddress = async (db: Db, accountId: string, { id, ...address }: SavedAddress): Promise<boolean> => {
  const { numUpdatedRows } = await db
    .updateTable("address")
    .set(toAddressColumns(address))
    .where("id", "=", id)
    .where("account_id", "=", accountId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
};

/** Answers false when this account has no such address. */
export const deleteAddress = async (db: Db, accountId: string, id: string): Promise<boolean> => {
  const { numDeletedRows } = await db
    .deleteFrom("address")
    .where("id", "=", id)
    .where("account_id", "=", accountId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
};
