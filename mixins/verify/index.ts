import type { Clock } from "../lib/clock.ts";
import type { Environment } from "../lib/config.ts";
import type { VerifyReport } from "./report.ts";

export type { InvariantCheck, VerifyReport } from "./report.ts";

export interface VerifyOptions {
  /** How long to wait for events that are in flight, in milliseconds. */
  settleMs?: number;
  /** The shop's own, where it is not the system's. */
  clock?: Clock;
}

/** Checks the invariants over the stores of all installed services, as their own settings in `env` name them. Rejects with
 *  `StoreUnreadable` when a store cannot be read. */
export declare const verifyShop: (env: Environment, options?: VerifyOptions) => Promise<VerifyReport>;
