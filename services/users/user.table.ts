import type { Role } from "@molecart/mixins/contracts/common.ts";
import type { Json } from "@molecart/mixins/database/messaging.table.ts";
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
  /** Until when tokens of this key are accepted; null: no end is planned. */
  not_after: string | null;
}

export interface UsersTables {
  account: AccountTable;
  address: AddressTable;
  refresh_token: RefreshTokenTable;
  signing_key: SigningKeyTable;
}
