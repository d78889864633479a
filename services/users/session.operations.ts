import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { SignedIn, Tokens, User } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { signAccessToken } from "./access-token.ts";
import type { Passwords } from "./password.ts";
import { deleteExpired, findRefreshToken, insertRefreshToken, setFamilyRevoked, setUsed } from "./refresh-token.repository.ts";
import { hashToken, newRefreshToken } from "./refresh-token.ts";
import type { KeyRing } from "./signing-key.operations.ts";
import type { Signer } from "./signing-key.ts";
import { InvalidCredentials, InvalidRefreshToken } from "./user.errors.ts";
import { findAccountByEmail, lockAccount } from "./user.repository.ts";
import type { UsersTables } from "./user.table.ts";
import { normaliseEmail, toUser } from "./user.ts";
import type { UsersConfig } from "./users.config.ts";

type Tables = UsersTables & MessagingTables;
export type UsersWork = SqlWork<Tables>;

export interface UsersDesk extends Pick<DatabaseProps<Tables>, "database" | "transaction" | "clock"> {
  config: UsersConfig;
  passwords: Passwords;
  keys: KeyRing;
}

/** Whose session it is, and the refresh token that it has now. */
export interface Session {
  user: User;
  refreshToken: string;
}

const SWEEP = "sweep-refresh-tokens";
const SWEEP_EVERY_MS = 3_600_000;
/** Rows in one transaction: a few milliseconds, so that nobody waits for it. */
const SWEEP_BATCH = 1_000;

/** A new refresh token: the successor of `familyId`'s last one, or the first of a new family. */
export const issueRefreshToken = async (
  work: UsersWork,
  accountId: string,
  { refreshTokenMs }: Pick<UsersConfig, "refreshTokenMs">,
  familyId?: string,
): Promise<string> => {
  const { token, stored } = newRefreshToken(accountId, { now: work.now, lifetimeMs: refreshTokenMs, familyId });
  await insertRefreshToken(work.trx, stored);
  return token;
};

/** The tokens of a session that is committed. The signing key was fetched before: nothing is left here that could fail and
 *  cost the client its refresh token. */
export const tokensOf = async (desk: UsersDesk, signer: Signer, { user, refreshToken }: Session): Promise<Tokens> => ({
  accessToken: await signAccessToken(user, signer, desk.config, desk.clock.now()),
  refreshToken,
  expiresIn: desk.config.accessTokenSeconds,
});

/** Answers an unknown address and a wrong password with the same words after the same work. */
export const login = async (desk: UsersDesk, { email, password }: ActionParams<"v1.users.login">): Promise<SignedIn> => {
  const account = await findAccountByEmail(desk.database.db, normaliseEmail(email));
  const matches = await desk.passwords.verify(password, account?.passwordHash);
  if (account === undefined || !matches) throw new InvalidCredentials();

  const user = toUser(account);
  const signer = await desk.keys.signer(desk.database.db);
  const refreshToken = await desk.transaction((work) => issueRefreshToken(work, account.id, desk.config));
  return { user, ...(await tokensOf(desk, signer, { user, refreshToken })) };
};

/** Exchanges a good refresh token for its successor. One that is no good any more has been stolen, or its successor has:
 *  nobody can say who of the two asks now, so the whole family ends. */
export const refresh = async (desk: UsersDesk, { refreshToken }: ActionParams<"v1.users.refresh">): Promise<Tokens> => {
  const signer = await desk.keys.signer(desk.database.db);
  const session = await desk.transaction((work) => rotate(work, desk.config, hashToken(refreshToken)));
  // Only now: a refusal inside the transaction would undo the revocation.
  if (session === undefined) throw new InvalidRefreshToken();
  return tokensOf(desk, signer, session);
};

const rotate = async (work: UsersWork, config: UsersConfig, tokenHash: string): Promise<Session | undefined> => {
  const token = await findRefreshToken(work.trx, tokenHash);
  if (token === undefined) return undefined;
  const account = await lockAccount(work.trx, token.accountId);
  if (account === undefined) return undefined;
  if (!(await setUsed(work.trx, token.id, work.now))) {
    await setFamilyRevoked(work.trx, token.familyId, work.now);
    return undefined;
  }
  return { user: toUser(account), refreshToken: await issueRefreshToken(work, account.id, config, token.familyId) };
};

/** Ends the session that the token belongs to, whichever of its tokens it is. */
export const logout = async (work: UsersWork, { refreshToken }: ActionParams<"v1.users.logout">): Promise<null> => {
  const token = await findRefreshToken(work.trx, hashToken(refreshToken));
  if (token === undefined) return null;
  await lockAccount(work.trx, token.accountId);
  await setFamilyRevoked(work.trx, token.familyId, work.now);
  return null;
};

export const scheduleSweep = (work: UsersWork, dueAt: number): Promise<void> =>
  work.schedule({ id: SWEEP, kind: SWEEP, aggregateId: SWEEP, dueAt });

/** Deletes a batch of expired tokens, and comes again: at once while there are more. */
export const sweep = async (work: UsersWork): Promise<void> => {
  const deleted = await deleteExpired(work.trx, work.now, SWEEP_BATCH);
  await scheduleSweep(work, Date.parse(work.now) + (deleted < SWEEP_BATCH ? SWEEP_EVERY_MS : 0));
};
