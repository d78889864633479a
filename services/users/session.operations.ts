import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { Revocation, SignedIn, Tokens, User } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { DatabaseProps } from "@molecart/mixins/database.mixin.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { signAccessToken, type TokenSession } from "./access-token.ts";
import type { Passwords } from "./password.ts";
import { deleteOldResets } from "./password-reset.repository.ts";
import { deleteExpired, findRefreshToken, insertRefreshToken, setFamilyRevoked, setUsed } from "./refresh-token.repository.ts";
import { hashToken, newRefreshToken } from "./refresh-token.ts";
import { revokeSessions } from "./revocation.operations.ts";
import { deleteEndedRevocations } from "./revocation.repository.ts";
import type { KeyRing } from "./signing-key.operations.ts";
import type { Signer } from "./signing-key.ts";
import { forgetTries, withinTries } from "./throttle.operations.ts";
import { deleteOldThrottles } from "./throttle.repository.ts";
import { AccountDisabled, InvalidCredentials, InvalidRefreshToken } from "./user.errors.ts";
import { findAccountByEmail, lockAccount } from "./user.repository.ts";
import type { UsersTables } from "./user.table.ts";
import { type Account, normaliseEmail, toUser } from "./user.ts";
import type { UsersConfig } from "./users.config.ts";

type Tables = UsersTables & MessagingTables;
export type UsersWork = SqlWork<Tables>;

export interface UsersDesk extends Pick<DatabaseProps<Tables>, "database" | "transaction" | "clock"> {
  config: UsersConfig;
  passwords: Passwords;
  keys: KeyRing;
  /** Tells all gateways at once. They ask every few seconds, too: what is lost here is late, not lost. */
  announce(revocations: readonly Revocation[]): void;
}

/** Whose session it is, and the refresh token that it has now. */
export interface Session extends TokenSession {
  user: User;
  refreshToken: string;
}

const SWEEP = "sweep-refresh-tokens";
const SWEEP_EVERY_MS = 3_600_000;
/** How often somebody asks is counted over an hour. */
const KEEP_RESETS_MS = 86_400_000;
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

/** Begins a session of an account, whose lock is held or which is new. */
export const newSession = async (
  work: UsersWork,
  account: Account,
  config: Pick<UsersConfig, "refreshTokenMs">,
): Promise<Session> => {
  const sessionId = newId();
  const refreshToken = await issueRefreshToken(work, account.id, config, sessionId);
  return { user: toUser(account), refreshToken, sessionId, tokenVersion: account.tokenVersion };
};

/** The tokens of a session that is committed. The signing key was fetched before: nothing is left here that could fail and
 *  cost the client its refresh token. */
export const tokensOf = async (desk: UsersDesk, signer: Signer, session: Session): Promise<Tokens> => ({
  accessToken: await signAccessToken(session.user, signer, desk.config, desk.clock.now(), session),
  refreshToken: session.refreshToken,
  expiresIn: desk.config.accessTokenSeconds,
});

/** Answers an unknown address and a wrong password with the same words after the same work. */
export const login = async (desk: UsersDesk, { email, password, address }: ActionParams<"v1.users.login">): Promise<SignedIn> => {
  const session = await withinTries(desk, { email, address }, () => signIn(desk, normaliseEmail(email), password));
  if (session === undefined) throw new InvalidCredentials();
  const { signer, ...rest } = session;
  return { user: rest.user, ...(await tokensOf(desk, signer, rest)) };
};

const signIn = async (desk: UsersDesk, email: string, password: string): Promise<(Session & { signer: Signer }) | undefined> => {
  const known = await findAccountByEmail(desk.database.db, email);
  const matches = await desk.passwords.verify(password, known?.passwordHash);
  if (known === undefined || !matches) return undefined;

  const signer = await desk.keys.signer(desk.database.db);
  return desk.transaction(async (work) => {
    const account = await lockAccount(work.trx, known.id);
    // Exchanged while it was looked at: the new one must not let in the old.
    if (account?.passwordHash !== known.passwordHash) return undefined;
    if (account.disabledAt !== null) throw new AccountDisabled();
    await forgetTries(work, email);
    return { ...(await newSession(work, account, desk.config)), signer };
  });
};

/** Exchanges a good refresh token for its successor. One that is no good any more has been stolen, or its successor has:
 *  nobody can say who of the two asks now, so the whole family ends. */
export const refresh = async (desk: UsersDesk, { refreshToken }: ActionParams<"v1.users.refresh">): Promise<Tokens> => {
  const signer = await desk.keys.signer(desk.database.db);
  const end = await desk.transaction((work) => rotate(work, desk.config, hashToken(refreshToken)));
  // Only now: a refusal inside the transaction would undo the revocation.
  if (!("user" in end)) {
    desk.announce(end.revoked);
    throw new InvalidRefreshToken();
  }
  return tokensOf(desk, signer, end);
};

const rotate = async (work: UsersWork, config: UsersConfig, tokenHash: string): Promise<Session | { revoked: Revocation[] }> => {
  const token = await findRefreshToken(work.trx, tokenHash);
  if (token === undefined) return { revoked: [] };
  const account = await lockAccount(work.trx, token.accountId);
  if (account === undefined || account.disabledAt !== null) return { revoked: [] };
  if (!(await setUsed(work.trx, token.id, work.now))) return { revoked: await endFamily(work, config, token.familyId) };
  const refreshed = await issueRefreshToken(work, account.id, config, token.familyId);
  return {
    user: toUser(account),
    refreshToken: refreshed,
    sessionId: token.familyId,
    tokenVersion: account.tokenVersion,
  };
};

/** With the account locked. */
const endFamily = async (work: UsersWork, config: UsersConfig, familyId: string): Promise<Revocation[]> => {
  await setFamilyRevoked(work.trx, familyId, work.now);
  return revokeSessions(work, config, [familyId]);
};

/** Ends the session that the token belongs to, whichever of its tokens it is. */
export const logout = async (desk: UsersDesk, { refreshToken }: ActionParams<"v1.users.logout">): Promise<null> => {
  const revoked = await desk.transaction(async (work) => {
    const token = await findRefreshToken(work.trx, hashToken(refreshToken));
    if (token === undefined) return [];
    await lockAccount(work.trx, token.accountId);
    return endFamily(work, desk.config, token.familyId);
  });
  desk.announce(revoked);
  return null;
};

export const scheduleSweep = (work: UsersWork, dueAt: number): Promise<void> =>
  work.schedule({ id: SWEEP, kind: SWEEP, aggregateId: SWEEP, dueAt });

/** Deletes a batch of expired tokens and what else has ended, and comes again: at once while there are more. */
export const sweep = async (work: UsersWork, config: UsersConfig): Promise<void> => {
  const now = Date.parse(work.now);
  await deleteEndedRevocations(work.trx, work.now);
  await deleteOldThrottles(work.trx, now - config.throttle.account.forgetAfterMs, now);
  await deleteOldResets(work.trx, isoTime(now - KEEP_RESETS_MS));
  const deleted = await deleteExpired(work.trx, work.now, SWEEP_BATCH);
  await scheduleSweep(work, Date.parse(work.now) + (deleted < SWEEP_BATCH ? SWEEP_EVERY_MS : 0));
};
