import type { ActionParams } from "@molecart/mixins/contracts/index.ts";
import type { SavedAddress, SignedIn, User } from "@molecart/mixins/contracts/users.ts";
import { isUniqueViolation } from "@molecart/mixins/database/database-errors.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { newSession, tokensOf, type UsersDesk, type UsersWork } from "./session.operations.ts";
import { AddressNotFound, EmailTaken, UserNotFound } from "./user.errors.ts";
import {
  deleteAddress,
  findAccount,
  findAccountByEmail,
  findAddressCount,
  insertAccount,
  insertAddress,
  lockAccount,
  setAddress,
  setName,
} from "./user.repository.ts";
import { newAccount, normaliseEmail, normaliseName, REGISTERED_ROLES, refuseMoreAddresses, toCustomer, toUser } from "./user.ts";

/** Makes the account and its first session. Account, refresh token and `user.registered` are committed together. */
export const register = async (
  desk: UsersDesk,
  { email, password, name }: ActionParams<"v1.users.register">,
): Promise<SignedIn> => {
  const { db } = desk.database;
  if ((await findAccountByEmail(db, normaliseEmail(email))) !== undefined) throw new EmailTaken();

  const passwordHash = await desk.passwords.hash(password);
  const at = isoTime(desk.clock.now());
  const account = newAccount({ id: newId(), email, name, passwordHash, roles: REGISTERED_ROLES, at });
  const user = toUser(account);
  const signer = await desk.keys.signer(db);
  try {
    const session = await desk.transaction(async (work) => {
      await insertAccount(work.trx, account);
      work.emit("user.registered", user.id, { customer: toCustomer(user) });
      return newSession(work, account, desk.config);
    });
    return { user, ...(await tokensOf(desk, signer, session)) };
  } catch (error) {
    // The same address at the same moment: the other registration has won.
    if (isUniqueViolation(error)) throw new EmailTaken();
    throw error;
  }
};

export const getUser = async ({ database }: UsersDesk, { userId }: ActionParams<"v1.users.get">): Promise<User> => {
  const account = await findAccount(database.db, userId);
  if (account === undefined) throw new UserNotFound(userId);
  return toUser(account);
};

export const renameUser = async (
  { database, clock }: UsersDesk,
  { userId, name }: ActionParams<"v1.users.update">,
): Promise<User> => {
  const account = await setName(database.db, userId, normaliseName(name), isoTime(clock.now()));
  if (account === undefined) throw new UserNotFound(userId);
  return toUser(account);
};

/** The lock on the account makes the count of its addresses hold until the commit. */
export const addAddress = async (
  { trx, now }: UsersWork,
  { userId, address }: ActionParams<"v1.users.addAddress">,
): Promise<SavedAddress> => {
  if ((await lockAccount(trx, userId)) === undefined) throw new UserNotFound(userId);
  refuseMoreAddresses(await findAddressCount(trx, userId));
  const saved = { id: newId(), ...address };
  await insertAddress(trx, userId, saved, now);
  return saved;
};

export const replaceAddress = async (
  { database }: UsersDesk,
  { userId, addressId, address }: ActionParams<"v1.users.setAddress">,
): Promise<SavedAddress> => {
  const saved = { id: addressId, ...address };
  if (!(await setAddress(database.db, userId, saved))) throw new AddressNotFound(addressId);
  return saved;
};

export const removeAddress = async (
  { database }: UsersDesk,
  { userId, addressId }: ActionParams<"v1.users.removeAddress">,
): Promise<null> => {
  if (!(await deleteAddress(database.db, userId, addressId))) throw new AddressNotFound(addressId);
  return null;
};
