import { availableParallelism, loadavg } from "node:os";
import { pendingLines } from "@molecart/mixins/verify/print.ts";
import type { VerifyReport } from "@molecart/mixins/verify/report.ts";
import { outcomeOf, type Tracked } from "./customers.ts";
import type { Death } from "./nemesis.ts";
import type { Fault } from "./plan.ts";

/** Of some durations, in milliseconds. */
export interface Spread {
  count: number;
  p50: number;
  p99: number;
  max: number;
}

export interface ChaosReport {
  world: string;
  seed: string;
  seconds: number;
  /** Of the machine while it ran, by the minute: at the end, over 1 and 5 minutes, and how many cores there are. */
  load: { cores: number; last1: number; last5: number };
  /** The verdict: verify is clean and no customer has seen what must not happen. */
  ok: boolean;
  faults: Record<string, { planned: number; done: number }>;
  deaths: number;
  orders: Record<string, number>;
  accepted: number;
  retries: number;
  webhooks: { sent: number; repeats: number };
  /** From a death to the answer of the first order that was sent after it. */
  acceptsAgainMs: Record<string, Spread>;
  /** From a death until the orders that were under way at that moment are final. */
  inFlightFinalMs: Spread;
  /** From the first try of an order to its acceptance. */
  waitMs: Spread;
  /** From the acceptance of an order to the final state that its customer sees. */
  finalMs: Spread;
  /** From the start of a killed broker until it is ready. */
  restartMs: Spread;
  offences: string[];
  verify: VerifyReport | undefined;
  evidence: string | undefined;
}

export const spread = (durations: readonly number[]): Spread => {
  const sorted = [...durations].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0);
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
};

const counts = (names: readonly string[]): Record<string, number> => {
  const found: Record<string, number> = {};
  for (const name of [...names].sort()) found[name] = (found[name] ?? 0) + 1;
  return found;
};

const acceptsAgain = (deaths: readonly Death[], tracked: readonly Tracked[]): Record<string, Spread> => {
  const kinds: Record<string, number[]> = {};
  for (const { at, who, kind, notAlone } of deaths) {
    const answers = tracked
      .filter(({ sentAt, acceptedAt }) => sentAt !== undefined && sentAt >= at && acceptedAt !== undefined)
      .map(({ acceptedAt }) => acceptedAt as number);
    // After the last order nobody asks any more.
    if (answers.length === 0) continue;
    const name = `${kind === "kill server" ? `kill ${who}` : kind}${notAlone ? ", others down" : ""}`;
    kinds[name] = [...(kinds[name] ?? []), Math.min(...answers) - at];
  }
  return Object.fromEntries(Object.entries(kinds).map(([name, durations]) => [name, spread(durations)]));
};

const inFlightFinal = (deaths: readonly Death[], tracked: readonly Tracked[]): number[] =>
  deaths.flatMap(({ at }) => {
    const ends = tracked
      .filter(({ acceptedAt, finalAt }) => acceptedAt !== undefined && acceptedAt < at && finalAt !== undefined && finalAt > at)
      .map(({ finalAt }) => finalAt as number);
    return ends.length === 0 ? [] : [Math.max(...ends) - at];
  });

export interface Observed {
  world: string;
  seed: string;
  seconds: number;
  plan: readonly Fault[];
  done: readonly Fault[];
  deaths: readonly Death[];
  tracked: readonly Tracked[];
  retries: number;
  restarts: readonly number[];
  webhooks: { sent: number; repeats: number };
  offences: readonly string[];
  verify: VerifyReport | undefined;
}

export const reportOf = (observed: Observed): ChaosReport => {
  const { world, seed, seconds, plan, done, deaths, tracked, retries, restarts, webhooks, verify } = observed;
  const planned = counts(plan.map(({ kind }) => kind));
  const happened = counts(done.map(({ kind }) => kind));
  const accepted = tracked.filter(({ acceptedAt }) => acceptedAt !== undefined);
  const offences = [
    ...observed.offences,
    ...tracked.filter(({ offence }) => offence !== undefined).map(({ number, offence }) => `Order ${number}: ${offence}`),
  ];
  return {
    world,
    seed,
    seconds: Math.round(seconds),
    load: { cores: availableParallelism(), last1: round(loadavg()[0]), last5: round(loadavg()[1]) },
    ok: offences.length === 0 && verify?.ok === true,
    faults: Object.fromEntries(
      Object.entries(planned).map(([kind, count]) => [kind, { planned: count, done: happened[kind] ?? 0 }]),
    ),
    deaths: deaths.length,
    orders: counts(tracked.map(outcomeOf)),
    accepted: accepted.length,
    retries,
    webhooks,
    acceptsAgainMs: acceptsAgain(deaths, tracked),
    inFlightFinalMs: spread(inFlightFinal(deaths, tracked)),
    waitMs: spread(accepted.map(({ sentAt, acceptedAt }) => (acceptedAt as number) - (sentAt as number))),
    finalMs: spread(
      accepted
        .filter(({ finalAt }) => finalAt !== undefined)
        .map(({ acceptedAt, finalAt }) => (finalAt as number) - (acceptedAt as number)),
    ),
    restartMs: spread(restarts),
    offences,
    verify,
    evidence: undefined,
  };
};

const round = (load = 0): number => Math.round(load * 10) / 10;

const row = (name: string, ...cells: (string | number)[]): string =>
  `  ${name.padEnd(44)}${cells.map((cell) => String(cell).padStart(9)).join("")}`;

const spreadRow = (name: string, { count, p50, p99, max }: Spread): string => row(name, count, p50, p99, max);

export const tableOf = (report: ChaosReport): string => {
  const { verify } = report;
  const lines = [
    `Chaos: ${report.world}, seed ${report.seed}, ${report.seconds} s, ${report.load.cores} cores under a load of ${report.load.last1}`,
    "",
    row("Faults", "planned", "done"),
    ...Object.entries(report.faults).map(([kind, { planned, done }]) => row(kind, planned, done)),
    row("webhooks sent, of them repeats", report.webhooks.sent, report.webhooks.repeats),
    "",
    row("Orders", "count"),
    ...Object.entries(report.orders).map(([outcome, count]) => row(outcome, count)),
    row("accepted in all", report.accepted),
    row("requests repeated by customers", report.retries),
    "",
    row("Milliseconds", "count", "p50", "p99", "max"),
    ...Object.entries(report.acceptsAgainMs).map(([kind, found]) => spreadRow(`takes orders again after: ${kind}`, found)),
    spreadRow("orders under way at a death are final", report.inFlightFinalMs),
    spreadRow("an order's wait for its acceptance", report.waitMs),
    spreadRow("from acceptance to the final state", report.finalMs),
    spreadRow("a broker's start until ready", report.restartMs),
    "",
    row("Verify", "checked", "offences"),
    ...(verify?.checks ?? []).map(({ invariant, checked, offences }) => row(invariant, checked, offences.length)),
    ...(verify?.checks ?? []).flatMap(({ offences }) => offences.map((offence) => `  ✗ ${offence}`)),
    ...(verify?.pending.length ? [`  Pending: ${verify.pending.length}`, ...pendingLines(verify.pending)] : []),
    ...report.offences.map((offence) => `  ✗ ${offence}`),
    "",
    report.ok ? "Nothing lost, nothing doubled." : `FAILED. The evidence: ${report.evidence}`,
    ...(report.ok && report.evidence !== undefined ? [`Kept: ${report.evidence}`] : []),
  ];
  return lines.join("\n");
};
