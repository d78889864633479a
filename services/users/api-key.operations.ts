import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import { type ApiKeyHolder, type CreatedApiKey, STAFF_SCOPES } from "@molecart/mixins/contracts/users.ts";
import { apiKeyPrefix, hashApiKey, newApiKey } from "@molecart/mixins/lib/api-key.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { isStaff } from "@molecart/mixins/lib/ownership.ts";
import { findApiKeyByHash, findApiKeys, insertApiKey, setApiKeyRevoked, setApiKeyUsed } from "./api-key.repository.ts";
import { revokeKey } from "./revocation.operations.ts";
import type { UsersDesk, UsersWork } from "./session.operations.ts";
import {
  AccountDisabled,
  ApiKeyNotFound,
  ExpiryInThePast,
  ScopeNotAllowed,
  TooManyApiKeys,
  UserNotFound,
} from "./user.errors.ts";
import { findAccount, lockAccount } from "./user.repository.ts";
import { normaliseName } from "./user.ts";

/** One for each partner system, and some to change them by. */
export const MAX_API_KEYS = 20;

/** The key is in this answer and nowhere else. */
export const createApiKey = async (
  { trx, now }: UsersWork,
  { userId, name, scopes, expiresAt }: ActionParams<"v1.users.createApiKey">,
): Promise<CreatedApiKey> => {
  const account = await lockAccount(trx, userId);
  if (account === undefined) throw new UserNotFound(userId);
  if (account.disabledAt !== null) throw new AccountDisabled();
  const tooMuch = isStaff(account) ? undefined : scopes.find((scope) => STAFF_SCOPES.includes(scope));
  if (tooMuch !== undefined) throw new ScopeNotAllowed(tooMuch);
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.parse(now)) throw new ExpiryInThePast();
  if ((await findApiKeys(trx, userId)).length >= MAX_API_KEYS) throw new TooManyApiKeys(MAX_API_KEYS);
  const key = newApiKey();
  const stored = {
    id: newId(),
    name: normaliseName(name),
    prefix: apiKeyPrefix(key),
    scopes,
    createdAt: now,
    expiresAt: expiresAt === undefined ? null : isoTime(Date.parse(expiresAt)),
    lastUsedAt: null,
  };
  await insertApiKey(trx, userId, stored, hashApiKey(key));
  return { ...stored, key };
};

export const revokeApiKey = async (desk: UsersDesk, { userId, keyId }: ActionParams<"v1.users.revokeApiKey">): Promise<null> => {
  const revoked = await desk.transaction(async (work) => {
    if (!(await setApiKeyRevoked(work.trx, userId, keyId, work.now))) throw new ApiKeyNotFound(keyId);
    return revokeKey(work, desk.config, keyId);
  });
  desk.announce(revoked);
  return null;
};

/** Null for a key that opens nothing: unknown, revoked, expired, or of an account that is disabled. */
export const findHolder = async (
  { database, clock }: UsersDesk,
  { keyHash }: ActionParams<"v1.users.findApiKey">,
): Promise<ApiKeyHolder | null> => {
  const found = await findApiKeyByHash(database.db, keyHash);
  if (found === undefined) return null;
  const { id, scopes, expiresAt } = found.key;
  if (expiresAt !== null && Date.parse(expiresAt) <= clock.now()) return null;
  const account = await findAccount(database.db, found.accountId);
  if (account === undefined || account.disabledAt !== null) return null;
  const { id: userId, email, name, roles } = account;
  return { id, userId, email, name, roles, scopes, expiresAt };
};

export const noteUses = async ({ trx }: UsersWork, { uses }: ActionParams<"v1.users.noteApiKeyUse">): Promise<null> => {
  // In one order everywhere: batches of two gateways wait for each other instead of blocking each other.
  const ordered = [...uses].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { id, at } of ordered) await setApiKeyUsed(trx, id, isoTime(Date.parse(at)));
  return null;
};
