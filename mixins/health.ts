import type { Service, ServiceBroker } from "moleculer";
import { MolecartError, messageOf } from "./lib/errors.ts";

/** A service that needs something says so: each check passes or throws. */
export interface HealthCheckedService extends Service {
  healthChecks?: Record<string, () => Promise<void>>;
}

/** Thrown by a check: something is missing without which this node still does most of its work. */
export class Degraded extends MolecartError {
  readonly retryable = true;
  constructor(what: string) {
    super("DEGRADED", 503, `${what} is not available at the moment`, { what });
  }
}

export type CheckResult = { status: "ok" } | { status: "degraded" | "failed"; error: string };

export interface HealthReport {
  /** degraded: ready for work all the same. */
  status: "ok" | "degraded" | "unavailable";
  /** By the name of what is needed. The errors are for operators: they may name hosts. */
  checks: Record<string, CheckResult>;
}

/** Orchestrators ask with a patience of their own, of some seconds. */
export const HEALTH_DEADLINE_MS = 2_000;

const within = async (check: () => Promise<void>, deadlineMs: number): Promise<CheckResult> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
  });
  try {
    await Promise.race([check(), late]);
    return { status: "ok" };
  } catch (error) {
    return { status: error instanceof Degraded ? "degraded" : "failed", error: messageOf(error) };
  } finally {
    clearTimeout(timer);
  }
};

/** Whether this node can do its work: the broker runs, and everything that its services need answers. Services that share a
 *  resource name its check alike; it is asked once. */
export const checkHealth = async (broker: ServiceBroker, deadlineMs: number = HEALTH_DEADLINE_MS): Promise<HealthReport> => {
  const checks: Record<string, () => Promise<void>> = {
    broker: async () => {
      if (!broker.started) throw new Error("the broker is starting or stopping");
    },
  };
  for (const service of broker.services as HealthCheckedService[]) Object.assign(checks, service.healthChecks);
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await within(check, deadlineMs)] as const),
  );
  const has = (status: CheckResult["status"]): boolean => results.some(([, result]) => result.status === status);
  const status = has("failed") ? "unavailable" : has("degraded") ? "degraded" : "ok";
  return { status, checks: Object.fromEntries(results) };
};
