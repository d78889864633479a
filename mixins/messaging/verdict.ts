import { isDatabaseOutage } from "../database/database-errors.ts";
import { Unavailable } from "../lib/errors.ts";

/** outage: not the event's fault, not an attempt. refused: no repeat can help. failed: worth another attempt. */
export type Verdict = "outage" | "refused" | "failed";

/** The framework's ways of saying that a callee is not there or does not answer. */
const CALLEE_OUTAGES = [
  "ServiceNotFoundError",
  "ServiceNotAvailableError",
  "RequestTimeoutError",
  "RequestSkippedError",
  "RequestRejectedError",
  "QueueIsFullError",
  "BrokerDisconnectedError",
  "Unavailable",
];

export const verdictOn = (error: unknown): Verdict => {
  const { name, code, retryable } = (error ?? {}) as { name?: string; code?: unknown; retryable?: boolean };
  if (error instanceof Unavailable || CALLEE_OUTAGES.includes(name ?? "") || isDatabaseOutage(error)) return "outage";
  // A refusal has a 4xx status and says that a repeat is no use. Anything else may be a passing fault.
  if (retryable === false && typeof code === "number" && code >= 400 && code < 500) return "refused";
  return "failed";
};
