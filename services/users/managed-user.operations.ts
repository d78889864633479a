import type { Role } from "@molecart/mixins/contracts/common.ts";
import type { ActionParams, ActionResult } from "@molecart/mixins/contracts/index.ts";
import type { ManagedUser, Revocation, UserAuditEntry } from "@molecart/mixins/contracts/users.ts";
import { decodeCursor, isText, page } from "@molecart/mixins/lib/cursor.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { setAllRevoked } from "./refresh-token.repository.ts";
import { revokeUserTokens } from "./revocation.operations.ts";
import type { UsersDesk, UsersWork } from "./session.operations.ts";
import { NotYourself, UserNotFound } from "./user.errors.ts";
import { findAccount, findAccounts, lockAccount, setDisabled, setRoles } from "./user.repository.ts";
import { type Account, normaliseEmail, toManagedUser } from "./user.ts";
import { findAudit, insertAudit } from "./user-audit.repository.ts";

const isSame = (one: readonly Role[], other: readonly Role[]): boolean =>
  one.length === other.length && one.every((role) => other.includes(role));

export const listUsers = async (
  { database }: UsersDesk,
  { email, role, disabled, limit, cursor }: ActionParams<"v1.users.list">,
): Promise<ActionResult<"v1.users.list">> => {
  const before = cursor === undefined ? undefined : decodeCursor(cursor, isText);
  const filter = { email: email && normaliseEmail(email), role, disabled, before, limit: limit + 1 };
  const { items, nextCursor } = page(await findAccounts(database.db, filter), limit, ({ id }) => id);
  return { items: items.map(toManagedUser), nextCursor };
};

export const getManagedUser = async (
  { database }: UsersDesk,
  { userId }: ActionParams<"v1.users.getManaged">,
): Promise<ManagedUser> => {
  const account = await findAccount(database.db, userId);
  if (account === undefined) throw new UserNotFound(userId);
  return toManagedUser(account);
};

export const listAudit = async (
  { database }: UsersDesk,
  { userId, limit, cursor }: ActionParams<"v1.users.audit">,
): Promise<ActionResult<"v1.users.audit">> => {
  const before = cursor === undefined ? undefined : decodeCursor(cursor, isText);
  return page(await findAudit(database.db, userId, { before, limit: limit + 1 }), limit, ({ id }) => id);
};

interface Change {
  account: Account;
  work: UsersWork;
  revoked: Revocation[];
}

/** One change of a user by an administrator: under the account's lock, with its audit entry, told to the gateways. `decide`
 *  answers undefined when there is nothing to change. */
const manage = async (
  desk: UsersDesk,
  { userId, actor, reason }: { userId: string; actor: string; reason?: string | undefined },
  decide: (
    account: Account,
  ) => { action: UserAuditEntry["action"]; after: Account; apply(change: Change): Promise<void> } | undefined,
): Promise<ManagedUser> => {
  const { user, revoked } = await desk.transaction(async (work) => {
    const account = await lockAccount(work.trx, userId);
    if (account === undefined) throw new UserNotFound(userId);
    const decision = decide(account);
    const change: Change = { account, work, revoked: [] };
    if (decision === undefined) return { user: toManagedUser(account), revoked: change.revoked };
    await decision.apply(change);
    await insertAudit(work.trx, userId, {
      id: newId(),
      at: work.now,
      actor,
      action: decision.action,
      reason: reason ?? null,
      before: account.roles,
      after: decision.after.roles,
    });
    const stored = (await findAccount(work.trx, userId)) as Account;
    return { user: toManagedUser(stored), revoked: change.revoked };
  });
  desk.announce(revoked);
  return user;
};

/** His access tokens still say the old roles: they end, and his sessions get new ones. */
export const changeRoles = (desk: UsersDesk, params: ActionParams<"v1.users.setRoles">): Promise<ManagedUser> =>
  manage(desk, params, (account) => {
    const { userId, actor, roles } = params;
    if (isSame(account.roles, roles)) return undefined;
    if (actor === userId && !roles.includes("admin")) throw new NotYourself();
    return {
      action: "roles",
      after: { ...account, roles },
      async apply({ work, revoked }) {
        await setRoles(work.trx, userId, roles, work.now);
        revoked.push(...(await revokeUserTokens(work, desk.config, userId)));
      },
    };
  });

/** Ends his sessions and closes sign-in, password reset and API keys to him. His orders go on. */
export const disableUser = (desk: UsersDesk, params: ActionParams<"v1.users.disable">): Promise<ManagedUser> =>
  manage(desk, params, (account) => {
    const { userId, actor } = params;
    if (account.disabledAt !== null) return undefined;
    if (actor === userId) throw new NotYourself();
    return {
      action: "disabled",
      after: account,
      async apply({ work, revoked }) {
        await setDisabled(work.trx, userId, work.now, work.now);
        await setAllRevoked(work.trx, userId, work.now);
        revoked.push(...(await revokeUserTokens(work, desk.config, userId)));
      },
    };
  });

export const enableUser = (desk: UsersDesk, params: ActionParams<"v1.users.enable">): Promise<ManagedUser> =>
  manage(desk, params, (account) => {
    if (account.disabledAt === null) return undefined;
    return {
      action: "enabled",
      after: account,
      apply: ({ work }) => setDisabled(work.trx, account.id, null, work.now),
    };
  });
