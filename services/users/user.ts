import type { Customer, Role } from "@molecart/mixins/contracts/common.ts";
import type { ManagedUser, User } from "@molecart/mixins/contracts/users.ts";
import { TooManyAddresses } from "./user.errors.ts";

/** A user with what only this service may see. */
export interface Account extends User {
  passwordHash: string;
  /** Of its access tokens; counts from 1. */
  tokenVersion: number;
  disabledAt: string | null;
}

/** A larger address book is a script's, not a person's. */
export const MAX_ADDRESSES = 50;

/** What every registered account may be. */
export const REGISTERED_ROLES: readonly Role[] = ["customer"];

/** One spelling for one mailbox: the address as it is stored, compared and written to. */
export const normaliseEmail = (email: string): string => email.normalize("NFC").trim().toLowerCase();

export const normaliseName = (name: string): string => name.trim();

export interface Registration {
  id: string;
  email: string;
  name: string;
  passwordHash: string;
  roles: readonly Role[];
  at: string;
}

export const newAccount = ({ id, email, name, passwordHash, roles, at }: Registration): Account => ({
  id,
  email: normaliseEmail(email),
  name: normaliseName(name),
  roles: [...roles],
  passwordHash,
  createdAt: at,
  tokenVersion: 1,
  disabledAt: null,
});

/** What others may see of an account. Named field by field, so that a new secret does not slip out. */
export const toUser = ({ id, email, name, roles, createdAt }: Account): User => ({ id, email, name, roles, createdAt });

export const toManagedUser = (account: Account): ManagedUser => ({ ...toUser(account), disabledAt: account.disabledAt });

export const toCustomer = ({ id, email, name }: User): Customer => ({ id, email, name });

export const refuseMoreAddresses = (present: number): void => {
  if (present >= MAX_ADDRESSES) throw new TooManyAddresses(MAX_ADDRESSES);
};
