import type { Behaviour } from "./sandbox-cards.ts";

/** A card as the sandbox keeps it: never its number or code. */
export interface SandboxTokenTable {
  token: string;
  brand: string;
  last4: string;
  exp_month: number;
  exp_year: number;
  behaviour: Behaviour;
  /** The idempotency key of the one charge that it may serve. */
  used_by: string | null;
  created_at: string;
  expires_at: string;
}

export interface SandboxChargeTable {
  idempotency_key: string;
  charge_id: string;
  /** Minor units. */
  amount: number;
  currency: string;
  status: "succeeded" | "declined";
  decline_code: string | null;
  /** Null when the token was not valid; so is last4. */
  brand: string | null;
  last4: string | null;
  created_at: string;
}

export interface SandboxRefundTable {
  idempotency_key: string;
  refund_id: string;
  charge_id: string;
  amount: number;
  currency: string;
  created_at: string;
}

export interface SandboxTables {
  sandbox_token: SandboxTokenTable;
  sandbox_charge: SandboxChargeTable;
  sandbox_refund: SandboxRefundTable;
}
