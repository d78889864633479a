import { createHash } from "node:crypto";
import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { Revocation } from "@molecart/mixins/contracts/users.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import { findReset, findResetByToken, findResetCount, insertReset, setResetsClosed } from "./password-reset.repository.ts";
import { hashResetToken, isOpen, MAX_RESETS_PER_HOUR } from "./password-reset.ts";
import { setAllRevoked, setOthersRevoked } from "./refresh-token.repository.ts";
import { revokeOtherSessions, revokeUserTokens } from "./revocation.operations.ts";
import type { UsersDesk, UsersWork } from "./session.operations.ts";
import { forgetTries, withinTries } from "./throttle.operations.ts";
import { AccountDisabled, InvalidResetToken, UserNotFound, WrongPassword } from "./user.errors.ts";
import { findAccount, findAccountByEmail, lockAccount, setPasswordHash } from "./user.repository.ts";
import { normaliseEmail, toCustomer } from "./user.ts";

export const FORGOTTEN = "password-forgotten";
const HOUR_MS = 3_600_000;

interface Forgotten {
  email: string;
}

/** Notes the wish, and nothing else: neither the answer nor its time can tell whether there is such an account. Wishes for one
 *  address that come together are one. */
export const forgotPassword = async (
  { transaction, clock }: UsersDesk,
  params: ActionParams<"v1.users.forgotPassword">,
): Promise<Record<string, never>> => {
  const email = normaliseEmail(params.email);
  const id = `${FORGOTTEN}:${createHash("sha256").update(email).digest("hex")}`;
  const data: Forgotten = { email };
  await transaction((work) => work.schedule({ id, kind: FORGOTTEN, aggregateId: id, dueAt: clock.now(), data }));
  return {};
};

/** Opens a reset, which replaces those before it. The event names it; the token is made where the mail is sent. */
export const openReset = async (desk: UsersDesk, job: Job<UsersWork, Forgotten>): Promise<void> => {
  const known = await findAccountByEmail(desk.database.db, job.data.email);
  const id = newId();
  const tokenHash = hashResetToken(await desk.keys.resetToken(id));
  await job.complete(async (work) => {
    const account = known && (await lockAccount(work.trx, known.id));
    if (account === undefined || account.disabledAt !== null) return;
    const now = Date.parse(work.now);
    if ((await findResetCount(work.trx, account.id, isoTime(now - HOUR_MS))) >= MAX_RESETS_PER_HOUR) return;
    const expiresAt = isoTime(now + desk.config.resetTokenMs);
    await setResetsClosed(work.trx, account.id, work.now);
    await insertReset(work.trx, { id, accountId: account.id, tokenHash, createdAt: work.now, expiresAt, closedAt: null });
    work.emit("password.forgotten", account.id, { customer: toCustomer(account), resetId: id, expiresAt });
  });
};

export const issueResetToken = async (
  { database, clock, keys }: UsersDesk,
  { resetId }: ActionParams<"v1.users.issueResetToken">,
): Promise<{ token: string }> => {
  const reset = await findReset(database.db, resetId);
  if (reset === undefined || !isOpen(reset, isoTime(clock.now()))) throw new InvalidResetToken();
  return { token: await keys.resetToken(resetId) };
};

/** Sets a new password by a mailed token, which works once, and ends all sessions of the account. */
export const resetPassword = async (
  desk: UsersDesk,
  { token, password }: ActionParams<"v1.users.resetPassword">,
): Promise<null> => {
  const tokenHash = hashResetToken(token);
  // Before the hash is made: nobody makes us work by made-up tokens.
  const found = await findResetByToken(desk.database.db, tokenHash);
  if (found === undefined || !isOpen(found, isoTime(desk.clock.now()))) throw new InvalidResetToken();
  const passwordHash = await desk.passwords.hash(password);
  const revoked = await desk.transaction(async (work) => {
    const account = await lockAccount(work.trx, found.accountId);
    // Under the lock: of two uses of a token, the second sees it closed.
    const reset = await findReset(work.trx, found.id);
    if (account === undefined || account.disabledAt !== null || reset === undefined || !isOpen(reset, work.now))
      throw new InvalidResetToken();
    await exchangePassword(work, account.id, passwordHash);
    await setAllRevoked(work.trx, account.id, work.now);
    await forgetTries(work, account.email);
    work.emit("password.changed", account.id, { customer: toCustomer(account), by: "reset" });
    return revokeUserTokens(work, desk.config, account.id);
  });
  desk.announce(revoked);
  return null;
};

/** Links to a new password that wait in a mailbox end with the old one. */
const exchangePassword = async (work: UsersWork, accountId: string, passwordHash: string): Promise<void> => {
  await setPasswordHash(work.trx, accountId, passwordHash, work.now);
  await setResetsClosed(work.trx, accountId, work.now);
};

/** Exchanges a known password. The session that does it goes on; all others end. */
export const changePassword = async (
  desk: UsersDesk,
  { userId, sessionId, currentPassword, newPassword, address }: ActionParams<"v1.users.changePassword">,
): Promise<null> => {
  const known = await findAccount(desk.database.db, userId);
  if (known === undefined) throw new UserNotFound(userId);
  const revoked = await withinTries(desk, { email: known.email, address }, async () => {
    if (!(await desk.passwords.verify(currentPassword, known.passwordHash))) return undefined;
    const passwordHash = await desk.passwords.hash(newPassword);
    return desk.transaction(async (work): Promise<Revocation[] | undefined> => {
      const account = await lockAccount(work.trx, userId);
      if (account?.passwordHash !== known.passwordHash) return undefined;
      if (account.disabledAt !== null) throw new AccountDisabled();
      await exchangePassword(work, userId, passwordHash);
      await forgetTries(work, account.email);
      work.emit("password.changed", userId, { customer: toCustomer(account), by: "owner" });
      const others = await revokeOtherSessions(work, desk.config, userId, sessionId);
      if (sessionId === undefined) await setAllRevoked(work.trx, userId, work.now);
      else await setOthersRevoked(work.trx, userId, sessionId, work.now);
      return others;
    });
  });
  if (revoked === undefined) throw new WrongPassword();
  desk.announce(revoked);
  return null;
};
