import type { UsersDesk, UsersWork } from "./session.operations.ts";
import { deleteThrottle, findThrottle, lockThrottle, setThrottle } from "./throttle.repository.ts";
import { accountSubject, addressSubject, afterTry, secondsLocked, withoutTry } from "./throttle.ts";
import { TooManyTries } from "./user.errors.ts";
import { normaliseEmail } from "./user.ts";

export interface Try {
  email: string;
  /** Of the client, as the gateway counts addresses; absent for callers within the mesh. */
  address: string | undefined;
}

/** Looks at a password for `check`, within the limits of tries per account and per address. `check` answers undefined when the
 *  password is wrong, and forgets the account's tries by `forgetTries` in the transaction that makes use of a right one.
 *
 *  The account's try is counted before the password is looked at: any number of guesses at once are not more than one after the
 *  other. Counted for addresses without an account too, so a lock tells nothing. */
export const withinTries = async <T>(desk: UsersDesk, one: Try, check: () => Promise<T | undefined>): Promise<T | undefined> => {
  const subject = accountSubject(normaliseEmail(one.email));
  await refuseLockedAddress(desk, one.address);
  await countAccount(desk, subject);
  let result: T | undefined;
  try {
    result = await check();
  } catch (error) {
    // Refused before anybody has looked at the password, or by a store that was away.
    await desk.transaction(async ({ trx }) => setThrottle(trx, subject, withoutTry(await lockThrottle(trx, subject))));
    throw error;
  }
  if (result === undefined && one.address !== undefined) await countAddress(desk, one.address);
  return result;
};

const refuseLockedAddress = async ({ database, clock }: UsersDesk, address: string | undefined): Promise<void> => {
  if (address === undefined) return;
  const seconds = secondsLocked(await findThrottle(database.db, addressSubject(address)), clock.now());
  if (seconds > 0) throw new TooManyTries(seconds);
};

const countAccount = (desk: UsersDesk, subject: string): Promise<void> =>
  desk.transaction(async ({ trx, now }) => {
    const state = await lockThrottle(trx, subject);
    const seconds = secondsLocked(state, Date.parse(now));
    if (seconds > 0) throw new TooManyTries(seconds);
    await setThrottle(trx, subject, afterTry(state, Date.parse(now), desk.config.throttle.account));
  });

const countAddress = (desk: UsersDesk, address: string): Promise<void> =>
  desk.transaction(async ({ trx, now }) => {
    const subject = addressSubject(address);
    await setThrottle(trx, subject, afterTry(await lockThrottle(trx, subject), Date.parse(now), desk.config.throttle.address));
  });

/** The password was right, or is a new one. */
export const forgetTries = ({ trx }: UsersWork, email: string): Promise<void> => deleteThrottle(trx, accountSubject(email));
