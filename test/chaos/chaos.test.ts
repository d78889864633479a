import { describe, expect, jest, test } from "@jest/globals";
import { describeWith } from "../support/servers/describe-with.ts";
import { planOf } from "./plan.ts";
import type { ChaosReport } from "./report.ts";
import { tableOf } from "./report.ts";
import { type ChaosOptions, runChaos } from "./run.ts";

jest.setTimeout(600_000);

const SHORT = { orders: 40, minutes: 0.4, rate: 25, keep: false, say: () => {} } as const;

/** What a run must show; its table is the message of a failure. */
const expectNothingLostOrDoubled = async (options: Pick<ChaosOptions, "world" | "seed">): Promise<ChaosReport> => {
  const report = await runChaos({ ...SHORT, ...options });
  if (!report.ok) throw new Error(tableOf(report));
  expect(report.accepted).toBeGreaterThan(SHORT.orders / 2);
  expect(Object.values(report.faults).reduce((sum, { done }) => sum + done, 0)).toBeGreaterThanOrEqual(5);
  expect(report.verify?.checks.length).toBeGreaterThan(5);
  return report;
};

describe("The whole shop in one process, killed in a loop and at its crash points", () => {
  test("loses and doubles nothing", async () => {
    const report = await expectNothingLostOrDoubled({ world: "embedded", seed: "3" });
    expect(report.deaths).toBeGreaterThanOrEqual(3);
  });
});

describeWith(["nats", "postgres", "redis"], "Fourteen brokers over NATS, PostgreSQL and Redis under a nemesis", () => {
  test("lose and double nothing", async () => {
    await expectNothingLostOrDoubled({ world: "served", seed: "3" });
  });
});

describe("The plan of the faults", () => {
  const options = {
    durationMs: 60_000,
    faults: 40,
    brokers: [
      { name: "orders-1", services: ["orders"], alone: false, servers: ["nats", "postgres"] },
      { name: "orders-2", services: ["orders"], alone: false, servers: ["nats", "postgres"] },
      { name: "payments-1", services: ["payments"], alone: true, servers: ["nats", "postgres"] },
    ],
    servers: ["nats", "postgres"],
  };

  test("is the same for the same seed, another for another, and has faults of all kinds in the order of their time", () => {
    const plan = planOf({ ...options, seed: "7" });
    expect(planOf({ ...options, seed: "7" })).toEqual(plan);
    expect(planOf({ ...options, seed: "8" })).not.toEqual(plan);
    expect(new Set(plan.map(({ kind }) => kind)).size).toBe(10);
    expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).sort((a, b) => a - b));
    expect(plan.every(({ atMs }) => atMs >= 0 && atMs <= options.durationMs)).toBe(true);
  });
});
