import type { Service, ServiceBroker } from "moleculer";
import { messageOf } from "./lib/errors.ts";

/** A service that needs something says so: each check passes or throws. */
export interface HealthCheckedService extends Service {
  healthChecks?: Record<string, () => Promise<void>>;
}

export type CheckResult = { status: "ok" } | { status: "failed"; error: string };

export interface HealthReport {
  status: "ok" | "unavailable";
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
    return { status: "failed", error: messageOf(error) };
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
  const healthy = results.every(([, { status }]) => status === "ok");
  return { status: healthy ? "ok" : "unavailable", checks: Object.fromEntries(results) };
};
