import { isUniqueViolation } from "@molecart/mixins/database/database-errors.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import type { UsersDesk } from "./session.operations.ts";
import { findAccountByEmail, insertAccount } from "./user.repository.ts";
import { newAccount, normaliseEmail } from "./user.ts";

/** Makes the first administrator of a shop that has none by that e-mail address. An account that is there already is left as it
 *  is: a setting must neither give roles to whoever has registered the address nor take back a changed password. */
export const ensureAdmin = async (desk: UsersDesk): Promise<void> => {
  const { admin } = desk.config;
  if (admin === undefined || (await findAccountByEmail(desk.database.db, normaliseEmail(admin.email))) !== undefined) return;
  const passwordHash = await desk.passwords.hash(admin.password);
  const at = isoTime(desk.clock.now());
  const account = newAccount({
    id: newId(),
    email: admin.email,
    name: "Administrator",
    passwordHash,
    roles: ["staff", "admin"],
    at,
  });
  try {
    await desk.transaction(({ trx }) => insertAccount(trx, account));
  } catch (error) {
    // Another broker that started at the same moment has made it.
    if (!isUniqueViolation(error)) throw error;
  }
};
