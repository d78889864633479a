import type { Role } from "@molecart/mixins/contracts/common.ts";
import type { Revocation, Scope, UserAuditEntry } from "@molecart/mixins/contracts/users.ts";
import type { Json } from "@molecart/mixins/database/messaging.table.ts";
import type { Generated } from "kysely";
import type { PublicJwk } from "./signing-key.ts";

export interface AccountTable {
  id: string;
  /** As `normaliseEmail` makes it; unique. */
  email: string;
  name: string;
  /** PHC string, parameters included. */
  password_hash: string;
  roles: Json<Role[]>;
  created_at: string;
  updated_at: string;
  /** Access tokens carry it. Raised to end all of them at once. */
  token_version: Generated<number>;
  disabled_at: string | null;
}

export interface AddressTable {
  id: string;
  account_id: string;
  name: string;
  line1: string;
  line2: string | null;
  city: string;
  postal_code: string;
  country: string;
  created_at: string;
}

/** One row per token; those that followed from one sign-in are a family. A token is good while it is neither used, revoked
 *  nor expired. */
export interface RefreshTokenTable {
  id: string;
  family_id: string;
  account_id: string;
  /** SHA-256, hex. The token itself is known to the client only. */
  token_hash: string;
  created_at: string;
  expires_at: string;
  used_at: string | null;
  revoked_at: string | null;
}

export interface SigningKeyTable {
  kid: string;
  /** Counts from 1. The newest valid key signs; two brokers that make a key at the same time make the same generation, and
   *  its unique key lets one of them win. */
  generation: number;
  algorithm: string;
  /** Sealed; see `seal`. */
  private_jwk: string;
  public_jwk: Json<PublicJwk>;
  created_at: string;
  /** From when on it may sign; it is published before. */
  signs_from: string;
  /** Until when tokens of this key are accepted; null: no end is planned. */
  not_after: string | null;
}

/** Tries of passwords: of an account (or of an address that has none), and of a network address. See `throttle.ts`. */
export interface ThrottleTable {
  subject: string;
  tries: number;
  /** Milliseconds since the epoch; 0: not locked. */
  locked_until: number;
  last_at: number;
}

/** A mail with a link to a new password. Open while it is neither closed nor expired. */
export interface PasswordResetTable {
  id: string;
  account_id: string;
  /** SHA-256, hex, of a token that follows from the id and the service's secret, and is stored nowhere. */
  token_hash: string;
  created_at: string;
  expires_at: string;
  /** Used, or replaced by a newer one. */
  closed_at: string | null;
}

export interface RevocationTable {
  kind: Revocation["kind"];
  id: string;
  version: number;
  revoked_at: string;
  until: string;
}

export interface ApiKeyTable {
  id: string;
  account_id: string;
  name: string;
  prefix: string;
  /** SHA-256, hex. */
  key_hash: string;
  scopes: Json<Scope[]>;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  revoked_at: string | null;
}

/** What administrators have done to users. Never changed. */
export interface UserAuditTable {
  id: string;
  account_id: string;
  at: string;
  actor: string;
  action: UserAuditEntry["action"];
  reason: string | null;
  roles_before: Json<Role[]>;
  roles_after: Json<Role[]>;
}

export interface UsersTables {
  account: AccountTable;
  address: AddressTable;
  refresh_token: RefreshTokenTable;
  signing_key: SigningKeyTable;
  sign_in_throttle: ThrottleTable;
  password_reset: PasswordResetTable;
  revocation: RevocationTable;
  api_key: ApiKeyTable;
  user_audit: UserAuditTable;
}
