import { type Static, Type } from "typebox";
import { Address, Customer, Email, Exactly, Id, NoParams, Nothing, Role, Time } from "./common.ts";
import { contract } from "./contract.ts";

export const User = Exactly({ id: Id, email: Email, name: Type.String(), roles: Type.Array(Role), createdAt: Time });
export type User = Static<typeof User>;

/** 10 characters at least, as NIST SP 800-63B asks for length instead of composition. 200 bounds the hash's work. */
export const Password = Type.String({ minLength: 10, maxLength: 200 });
const Name = Type.String({ minLength: 1, maxLength: 100, pattern: "\\S" });

export const Tokens = Exactly({
  accessToken: Type.String(),
  refreshToken: Type.String(),
  expiresIn: Type.Integer({ description: "Seconds until the access token expires" }),
});
export type Tokens = Static<typeof Tokens>;
export const SignedIn = Exactly({ user: User, ...Tokens.properties });
export type SignedIn = Static<typeof SignedIn>;

export const SavedAddress = Exactly({ id: Id, ...Address.properties });
export type SavedAddress = Static<typeof SavedAddress>;

export const Jwks = Exactly({ keys: Type.Array(Type.Record(Type.String(), Type.Unknown())) });

export const DemoLogin = Exactly({ role: Role, email: Email, password: Type.String() });
export type DemoLogin = Static<typeof DemoLogin>;

export const users = contract({
  name: "users",
  version: 1,
  actions: {
    register: { params: Exactly({ email: Email, password: Password, name: Name }), result: SignedIn },
    login: { params: Exactly({ email: Email, password: Type.String({ minLength: 1, maxLength: 200 }) }), result: SignedIn },
    refresh: { params: Exactly({ refreshToken: Type.String({ minLength: 1, maxLength: 200 }) }), result: Tokens },
    logout: {
      params: Exactly({ refreshToken: Type.String({ minLength: 1, maxLength: 200 }) }),
      result: Nothing,
      idempotent: true,
    },
    jwks: { params: NoParams, result: Jwks, idempotent: true },
    get: { params: Exactly({ userId: Id }), result: User, idempotent: true },
    update: { params: Exactly({ userId: Id, name: Name }), result: User, idempotent: true },
    listAddresses: { params: Exactly({ userId: Id }), result: Exactly({ items: Type.Array(SavedAddress) }), idempotent: true },
    addAddress: { params: Exactly({ userId: Id, address: Address }), result: SavedAddress },
    setAddress: { params: Exactly({ userId: Id, addressId: Id, address: Address }), result: SavedAddress, idempotent: true },
    removeAddress: { params: Exactly({ userId: Id, addressId: Id }), result: Nothing, idempotent: true },
    /** Embedded demo shop only: makes the staff user and the customer once; their passwords are kept beside the embedded store. */
    seedDemo: { params: NoParams, result: Exactly({ logins: Type.Array(DemoLogin) }), idempotent: true },
  },
  events: {
    "user.registered": Type.Object({ customer: Customer }),
  },
  errors: {
    EMAIL_TAKEN: "An account with this e-mail address exists already",
    INVALID_CREDENTIALS: "The e-mail address or the password is wrong",
    INVALID_REFRESH_TOKEN: "The refresh token is unknown, used, expired or revoked",
    USER_NOT_FOUND: "No such user",
    ADDRESS_NOT_FOUND: "No such address of this user",
    TOO_MANY_ADDRESSES: "The user has as many addresses as are allowed",
    TOO_MANY_SIGN_INS: "Too many sign-ins and registrations at once; try again in a moment",
    DEMO_NOT_AVAILABLE: "The demo shop exists in the embedded mode only",
  },
  refusals: {
    register: { EMAIL_TAKEN: 409, TOO_MANY_SIGN_INS: 429 },
    login: { INVALID_CREDENTIALS: 401, TOO_MANY_SIGN_INS: 429 },
    refresh: { INVALID_REFRESH_TOKEN: 401 },
    logout: {},
    jwks: {},
    get: { USER_NOT_FOUND: 404 },
    update: { USER_NOT_FOUND: 404 },
    listAddresses: {},
    addAddress: { USER_NOT_FOUND: 404, TOO_MANY_ADDRESSES: 409 },
    setAddress: { ADDRESS_NOT_FOUND: 404 },
    removeAddress: { ADDRESS_NOT_FOUND: 404 },
    seedDemo: { DEMO_NOT_AVAILABLE: 409 },
  },
});
