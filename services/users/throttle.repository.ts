import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely, Transaction } from "kysely";
import { type Throttle, UNTRIED } from "./throttle.ts";
import type { UsersTables } from "./user.table.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

export const findThrottle = async (db: Db, subject: string): Promise<Throttle> => {
  const row = await db.selectFrom("sign_in_throttle").selectAll().where("subject", "=", subject).executeTakeFirst();
  return row === undefined ? UNTRIED : { tries: row.tries, lockedUntil: row.locked_until, lastAt: row.last_at };
};

/** Holds the subject's count until the transaction ends, also where it has none yet: tries at the same moment are counted one
 *  after the other. */
export const lockThrottle = async (trx: Trx, subject: string): Promise<Throttle> => {
  await trx
    .insertInto("sign_in_throttle")
    .values({ subject, tries: 0, locked_until: 0, last_at: 0 })
    .onConflict((conflict) => conflict.column("subject").doNothing())
    .execute();
  const row = await trx
    .selectFrom("sign_in_throttle")
    .selectAll()
    .where("subject", "=", subject)
    .$call(forUpdate(trx))
    .executeTakeFirstOrThrow();
  return { tries: row.tries, lockedUntil: row.locked_until, lastAt: row.last_at };
};

export const setThrottle = async (trx: Trx, subject: string, { tries, lockedUntil, lastAt }: Throttle): Promise<void> => {
  await trx
    .updateTable("sign_in_throttle")
    .set({ tries, locked_until: lockedUntil, last_at: lastAt })
    .where("subject", "=", subject)
    .execute();
};

export const deleteThrottle = async (trx: Trx, subject: string): Promise<void> => {
  await trx.deleteFrom("sign_in_throttle").where("subject", "=", subject).execute();
};

/** Those that count for nothing any more. */
export const deleteOldThrottles = async (trx: Trx, before: number, now: number): Promise<void> => {
  await trx.deleteFrom("sign_in_throttle").where("last_at", "<", before).where("locked_until", "<=", now).execute();
};
