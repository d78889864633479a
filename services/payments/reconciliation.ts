import type { FindingKind } from "@molecart/mixins/contracts/payments.ts";
import type { StoredPayment } from "./payment.ts";
import type { ChargeOutcome } from "./provider.ts";

/** A payment is looked at when nothing has happened to it for this time: what was sent has arrived then, or never will. */
export const QUIET_MS = 120_000;

/** A charge or a refund that has been under way for this long is shown to an operator; it is tried on all the same. */
export const STUCK_MS = 600_000;

export const isStuck = (since: string, nowMs: number): boolean => nowMs - Date.parse(since) >= STUCK_MS;

/** agree: our word and the provider's are the same. wait: the provider or a job of ours has not decided. push on: the job that
 *  settles it must be there. take over: the provider has charged what was given up here. */
export type Comparison = "agree" | "wait" | "push on" | "take over" | { finding: FindingKind; detail: string };

const disagreement = (finding: FindingKind, detail: string): Comparison => ({ finding, detail });

/** What becomes of a payment when the provider says this of its charge; undefined: it has never heard of it. */
export const compare = ({ status, charge }: StoredPayment, outcome: ChargeOutcome | undefined): Comparison => {
  const theirs = outcome?.status ?? "unknown";
  switch (status) {
    case "awaiting":
      return "wait";
    case "charging":
      return "push on";
    case "completed":
    case "refunding":
    case "refunded": {
      if (outcome?.status === "succeeded" && charge?.is === "succeeded" && outcome.chargeId === charge.chargeId) return "agree";
      return disagreement("charge_unknown", `booked as charged here; at the provider it is ${theirs}`);
    }
    case "failed":
      if (theirs !== "succeeded") return "agree";
      return disagreement("charge_after_failure", "declined here, charged at the provider");
    case "voided":
      if (theirs === "pending") return "wait";
      return theirs === "succeeded" ? "take over" : "agree";
    default:
      return status satisfies never;
  }
};
