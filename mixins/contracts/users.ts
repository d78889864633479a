import { type Static, type TSchema, Type } from "typebox";
import { Address, Customer, Email, Exactly, Id, NoParams, Nothing, Page, Paging, Role, Time } from "./common.ts";
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

/** What an API key may be used for. A key never gets more than its owner's roles allow. */
export const Scope = Type.Enum([
  "catalog:read",
  "catalog:write",
  "inventory:read",
  "inventory:write",
  "cart:read",
  "cart:write",
  "orders:read",
  "orders:write",
  "shipments:write",
  "profile:read",
  "profile:write",
  "operations:read",
  "operations:write",
]);
export type Scope = Static<typeof Scope>;

/** Those that are of use to staff only. */
export const STAFF_SCOPES: readonly Scope[] = [
  "catalog:write",
  "inventory:read",
  "inventory:write",
  "shipments:write",
  "operations:read",
  "operations:write",
];

const OrNull = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const ApiKey = Exactly({
  id: Id,
  name: Type.String(),
  /** The key's beginning, by which its owner knows it. */
  prefix: Type.String(),
  scopes: Type.Array(Scope),
  createdAt: Time,
  expiresAt: OrNull(Time),
  /** Within a minute. */
  lastUsedAt: OrNull(Time),
});
export type ApiKey = Static<typeof ApiKey>;

/** `key` is shown this once. */
export const CreatedApiKey = Exactly({ ...ApiKey.properties, key: Type.String() });
export type CreatedApiKey = Static<typeof CreatedApiKey>;

/** Whom an API key speaks for, as of now. */
export const ApiKeyHolder = Exactly({
  id: Id,
  userId: Id,
  email: Email,
  name: Type.String(),
  roles: Type.Array(Role),
  scopes: Type.Array(Scope),
  expiresAt: OrNull(Time),
});
export type ApiKeyHolder = Static<typeof ApiKeyHolder>;

/** Something that gateways accept no more, although it verifies: the access tokens of a session, the access tokens of a user that
 *  are of a version below `version`, or what is known of an API key. Can be forgotten after `until`. */
export const Revocation = Exactly({
  kind: Type.Enum(["session", "user", "api-key"]),
  id: Id,
  version: Type.Integer({ minimum: 0 }),
  until: Time,
});
export type Revocation = Static<typeof Revocation>;

/** A broadcast of the framework to all gateways: fast, and not to be relied on. `revocations` heals what was missed. */
export const REVOKED = "users.revoked";
export const Revoked = Exactly({ items: Type.Array(Revocation) });
export type Revoked = Static<typeof Revoked>;

/** A user as administrators see him. */
export const ManagedUser = Exactly({ ...User.properties, disabledAt: OrNull(Time) });
export type ManagedUser = Static<typeof ManagedUser>;

export const UserAuditEntry = Exactly({
  id: Id,
  at: Time,
  actor: Type.String(),
  action: Type.Enum(["roles", "disabled", "enabled"]),
  reason: OrNull(Type.String()),
  before: Type.Array(Role),
  after: Type.Array(Role),
});
export type UserAuditEntry = Static<typeof UserAuditEntry>;

/** Who does it, for the audit: a user's id, or `repl:<user>@<host>`. */
const Actor = Type.String({ minLength: 1, maxLength: 200 });
const Reason = Type.String({ minLength: 1, maxLength: 500, pattern: "\\S" });
const Secret = Type.String({ minLength: 1, maxLength: 200 });
/** Where a try comes from, as the gateway counts addresses. */
const ClientAddress = Type.Optional(Type.String({ maxLength: 100 }));
const managed = { userId: Id, actor: Actor };

export const users = contract({
  name: "users",
  version: 1,
  actions: {
    register: { params: Exactly({ email: Email, password: Password, name: Name }), result: SignedIn },
    login: { params: Exactly({ email: Email, password: Secret, address: ClientAddress }), result: SignedIn },
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
    /** Answers the same, after the same work, whether or not there is such an account: a job looks for it. */
    forgotPassword: { params: Exactly({ email: Email }), result: Exactly({}), idempotent: true },
    resetPassword: { params: Exactly({ token: Secret, password: Password }), result: Nothing },
    /** Ends all sessions but `sessionId`. */
    changePassword: {
      params: Exactly({
        userId: Id,
        sessionId: Type.Optional(Id),
        currentPassword: Secret,
        newPassword: Password,
        address: ClientAddress,
      }),
      result: Nothing,
    },
    /** For the mail that carries it: the token of a reset that is still open. The same at each call. Never a route. */
    issueResetToken: { params: Exactly({ resetId: Id }), result: Exactly({ token: Type.String() }), idempotent: true },

    createApiKey: {
      params: Exactly({
        userId: Id,
        name: Name,
        scopes: Type.Array(Scope, { minItems: 1, uniqueItems: true }),
        expiresAt: Type.Optional(Time),
      }),
      result: CreatedApiKey,
    },
    listApiKeys: { params: Exactly({ userId: Id }), result: Exactly({ items: Type.Array(ApiKey) }), idempotent: true },
    revokeApiKey: { params: Exactly({ userId: Id, keyId: Id }), result: Nothing, idempotent: true },
    /** By the SHA-256 of a key: whose it is, or null where it opens nothing. For gateways; the key itself stays there. */
    findApiKey: {
      params: Exactly({ keyHash: Type.String({ pattern: "^[0-9a-f]{64}$" }) }),
      result: OrNull(ApiKeyHolder),
      idempotent: true,
    },
    /** From gateways, in batches. */
    noteApiKeyUse: {
      params: Exactly({ uses: Type.Array(Exactly({ id: Id, at: Time }), { maxItems: 1_000 }) }),
      result: Nothing,
      idempotent: true,
    },

    /** What gateways must refuse, from `since` on (an earlier answer's `asOf`), with some overlap; all of it without `since`. */
    revocations: {
      params: Exactly({ since: Type.Optional(Time), cursor: Type.Optional(Type.String({ maxLength: 500 })) }),
      result: Exactly({
        items: Type.Array(Revocation),
        nextCursor: OrNull(Type.String()),
        asOf: Time,
        /** The ids of the keys in `jwks`. */
        kids: Type.Array(Type.String()),
      }),
      idempotent: true,
    },
    /** Publishes a new key, which signs after the overlap; or, where the present ones are compromised, at once, and those end. */
    rotateSigningKeys: {
      params: Exactly({ actor: Actor, compromised: Type.Optional(Type.Boolean()) }),
      result: Exactly({ kid: Type.String(), signsFrom: Time }),
    },

    /** Newest first. */
    list: {
      params: Exactly({
        /** The beginning of the e-mail address. */
        email: Type.Optional(Type.String({ minLength: 1, maxLength: 254 })),
        role: Type.Optional(Role),
        disabled: Type.Optional(Type.Boolean()),
        ...Paging,
      }),
      result: Page(ManagedUser),
      idempotent: true,
    },
    getManaged: { params: Exactly({ userId: Id }), result: ManagedUser, idempotent: true },
    setRoles: {
      params: Exactly({
        ...managed,
        roles: Type.Array(Role, { minItems: 1, uniqueItems: true }),
        reason: Type.Optional(Reason),
      }),
      result: ManagedUser,
      idempotent: true,
    },
    disable: { params: Exactly({ ...managed, reason: Reason }), result: ManagedUser, idempotent: true },
    enable: { params: Exactly({ ...managed, reason: Type.Optional(Reason) }), result: ManagedUser, idempotent: true },
    /** What administrators have done to a user, newest first. */
    audit: { params: Exactly({ userId: Id, ...Paging }), result: Page(UserAuditEntry), idempotent: true },

    /** Embedded demo shop only: makes the staff user and the customer once; their passwords are kept beside the embedded store. */
    seedDemo: { params: NoParams, result: Exactly({ logins: Type.Array(DemoLogin) }), idempotent: true },
  },
  events: {
    "user.registered": Type.Object({ customer: Customer }),
    /** The token is not in it: whoever writes the mail asks for it by `issueResetToken`. */
    "password.forgotten": Type.Object({ customer: Customer, resetId: Id, expiresAt: Time }),
    "password.changed": Type.Object({ customer: Customer, by: Type.Enum(["owner", "reset"]) }),
  },
  errors: {
    EMAIL_TAKEN: "An account with this e-mail address exists already",
    INVALID_CREDENTIALS: "The e-mail address or the password is wrong",
    INVALID_REFRESH_TOKEN: "The refresh token is unknown, used, expired or revoked",
    USER_NOT_FOUND: "No such user",
    ADDRESS_NOT_FOUND: "No such address of this user",
    TOO_MANY_ADDRESSES: "The user has as many addresses as are allowed",
    TOO_MANY_SIGN_INS: "Too many sign-ins and registrations at once; try again in a moment",
    TOO_MANY_TRIES: "Too many wrong passwords; further tries are refused for a while",
    ACCOUNT_DISABLED: "The account is disabled",
    WRONG_PASSWORD: "The current password is wrong",
    INVALID_RESET_TOKEN: "The token is unknown, used, expired or replaced by a newer one",
    API_KEY_NOT_FOUND: "No such API key of this user",
    TOO_MANY_API_KEYS: "The user has as many API keys as are allowed",
    SCOPE_NOT_ALLOWED: "The account's roles do not allow this scope",
    EXPIRY_IN_THE_PAST: "The key would have expired already",
    NOT_YOURSELF: "Administrators cannot take away their own rights",
    INVALID_CURSOR: "The cursor does not belong to this list",
    DEMO_NOT_AVAILABLE: "The demo shop exists in the embedded mode only",
  },
  refusals: {
    register: { EMAIL_TAKEN: 409, TOO_MANY_SIGN_INS: 429 },
    login: { INVALID_CREDENTIALS: 401, ACCOUNT_DISABLED: 403, TOO_MANY_SIGN_INS: 429, TOO_MANY_TRIES: 429 },
    refresh: { INVALID_REFRESH_TOKEN: 401 },
    logout: {},
    jwks: {},
    get: { USER_NOT_FOUND: 404 },
    update: { USER_NOT_FOUND: 404 },
    listAddresses: {},
    addAddress: { USER_NOT_FOUND: 404, TOO_MANY_ADDRESSES: 409 },
    setAddress: { ADDRESS_NOT_FOUND: 404 },
    removeAddress: { ADDRESS_NOT_FOUND: 404 },
    forgotPassword: {},
    resetPassword: { INVALID_RESET_TOKEN: 400, TOO_MANY_SIGN_INS: 429 },
    changePassword: {
      ACCOUNT_DISABLED: 403,
      WRONG_PASSWORD: 403,
      USER_NOT_FOUND: 404,
      TOO_MANY_SIGN_INS: 429,
      TOO_MANY_TRIES: 429,
    },
    issueResetToken: { INVALID_RESET_TOKEN: 400 },
    createApiKey: {
      ACCOUNT_DISABLED: 403,
      SCOPE_NOT_ALLOWED: 403,
      USER_NOT_FOUND: 404,
      TOO_MANY_API_KEYS: 409,
      EXPIRY_IN_THE_PAST: 422,
    },
    listApiKeys: {},
    revokeApiKey: { API_KEY_NOT_FOUND: 404 },
    findApiKey: {},
    noteApiKeyUse: {},
    revocations: { INVALID_CURSOR: 400 },
    rotateSigningKeys: {},
    list: { INVALID_CURSOR: 400 },
    getManaged: { USER_NOT_FOUND: 404 },
    setRoles: { USER_NOT_FOUND: 404, NOT_YOURSELF: 409 },
    disable: { USER_NOT_FOUND: 404, NOT_YOURSELF: 409 },
    enable: { USER_NOT_FOUND: 404 },
    audit: { INVALID_CURSOR: 400 },
    seedDemo: { DEMO_NOT_AVAILABLE: 409 },
  },
});
