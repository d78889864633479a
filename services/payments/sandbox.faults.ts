import { setTimeout as sleep } from "node:timers/promises";
import { type Faults, faults } from "@molecart/mixins/faults.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { SandboxProvider } from "./sandbox.provider.ts";

/** The sandbox at the other end of a bad network, where faults are enabled; itself where they are not. */
export const withFaults = (sandbox: SandboxProvider, given: Faults["provider"] = faults.provider): SandboxProvider => {
  if (given === undefined) return sandbox;

  const call = async <T>(run: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const fault = given.next();
    faults.crashPoint?.("provider.before-call");
    if (fault === "fails") throw new Unavailable("the sandbox provider", { cause: new Error("500 Internal Server Error") });
    if (fault === "slow") await sleep(given.slowMs, undefined, { signal });
    const answer = await run();
    faults.crashPoint?.("provider.answered");
    if (fault === "answer lost") throw new Unavailable("the sandbox provider", { cause: new Error("connection reset") });
    return answer;
  };

  return {
    ...sandbox,
    charge: (request, signal) => call(() => sandbox.charge(request, signal), signal),
    find: (idempotencyKey, signal) => call(() => sandbox.find(idempotencyKey, signal), signal),
    refund: (request, signal) => call(() => sandbox.refund(request, signal), signal),
  };
};
