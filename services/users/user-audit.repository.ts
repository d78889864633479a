import type { UserAuditEntry } from "@molecart/mixins/contracts/users.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Transaction } from "kysely";
import type { UsersTables } from "./user.table.ts";

type Tables = UsersTables & MessagingTables;

export const insertAudit = async (trx: Transaction<Tables>, accountId: string, entry: UserAuditEntry): Promise<void> => {
  const { id, at, actor, action, reason, before, after } = entry;
  await trx
    .insertInto("user_audit")
    .values({
      id,
      account_id: accountId,
      at,
      actor,
      action,
      reason,
      roles_before: JSON.stringify(before),
      roles_after: JSON.stringify(after),
    })
    .execute();
};

/** Newest first; `before` is the id of the last one of the page before. */
export const findAudit = async (
  db: Kysely<Tables>,
  accountId: string,
  { before, limit }: { before: string | undefined; limit: number },
): Promise<UserAuditEntry[]> => {
  const rows = await db
    .selectFrom("user_audit")
    .selectAll()
    .where("account_id", "=", accountId)
    .$if(before !== undefined, (query) => query.where("id", "<", before as string))
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map(({ id, at, actor, action, reason, roles_before, roles_after }) => ({
    id,
    at,
    actor,
    action,
    reason,
    before: roles_before,
    after: roles_after,
  }));
};
