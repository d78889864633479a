import type { DemoLogin } from "@molecart/mixins/contracts/users.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { DEMO_ACCOUNTS, type DemoAccount, newDemoLogins, parseDemoLogins } from "./demo.ts";
import { createPrivateFile, readPrivateFile, removePrivateFile } from "./private-file.storage.ts";
import { setAllRevoked } from "./refresh-token.repository.ts";
import { revokeUserTokens } from "./revocation.operations.ts";
import type { UsersDesk } from "./session.operations.ts";
import { forgetTries } from "./throttle.operations.ts";
import { DemoNotAvailable } from "./user.errors.ts";
import { findAccountByEmail, insertOrResetAccount } from "./user.repository.ts";
import { newAccount } from "./user.ts";

/** Makes the demo accounts, or makes them true to the kept logins. The logins are on disk before the accounts follow them,
 *  and the accounts are compared with them at each start: whenever the process died before, what is answered works. */
export const seedDemo = async (desk: UsersDesk): Promise<{ logins: DemoLogin[] }> => {
  if (!desk.config.embedded) throw new DemoNotAvailable();
  const logins = await keptLogins(desk.config.demoLoginsFile);
  await Promise.all(
    DEMO_ACCOUNTS.map((account) => {
      const { password } = logins.find(({ email }) => email === account.email) as DemoLogin;
      return seedAccount(desk, account, password);
    }),
  );
  return { logins };
};

const keptLogins = async (file: string): Promise<DemoLogin[]> => {
  const kept = await readPrivateFile(file);
  const logins = kept === undefined ? undefined : parseDemoLogins(kept);
  if (logins !== undefined) return logins;
  if (kept !== undefined) await removePrivateFile(file);
  const created = parseDemoLogins(await createPrivateFile(file, `${JSON.stringify(newDemoLogins(), null, 2)}\n`));
  if (created === undefined) throw new Error(`${file} was written by somebody else at the same time, and not with logins`);
  return created;
};

/** Whoever has the address already under another password is signed out: a stranger who had registered it must not come into
 *  the roles of the demo account. */
const seedAccount = async (desk: UsersDesk, { email, name, roles }: DemoAccount, password: string): Promise<void> => {
  const known = await findAccountByEmail(desk.database.db, email);
  if (known && (await desk.passwords.verify(password, known.passwordHash))) return;

  const passwordHash = await desk.passwords.hash(password);
  const account = newAccount({ id: newId(), email, name, passwordHash, roles, at: isoTime(desk.clock.now()) });
  const revoked = await desk.transaction(async (work) => {
    const accountId = await insertOrResetAccount(work.trx, account);
    await setAllRevoked(work.trx, accountId, work.now);
    await forgetTries(work, email);
    return revokeUserTokens(work, desk.config, accountId);
  });
  desk.announce(revoked);
};
