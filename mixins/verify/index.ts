import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "../lib/clock.ts";
import type { Environment } from "../lib/config.ts";
import { gatherFacts, loadInstalled } from "./gather.ts";
import { type Finding, type Invariant, type Offence, offenceText } from "./invariant.ts";
import { invariants } from "./invariants/index.ts";
import type { InvariantCheck, VerifyReport } from "./report.ts";
import { storeReader } from "./stores.ts";
import { type View, viewOf } from "./view.ts";

export type { InvariantCheck, VerifyReport } from "./report.ts";
export { StoreUnreadable } from "./stores.ts";

export interface VerifyOptions {
  /** How long to wait for events that are in flight, in milliseconds. */
  settleMs?: number;
  /** The shop's own, where it is not the system's. */
  clock?: Clock;
}

/** Events in flight are at their end within a second or so; a retry with backoff may take longer. */
export const DEFAULT_SETTLE_MS = 10_000;
const LOOK_AGAIN_MS = 300;
/** In a busy shop each reading may find some other order between two stores; what is broken is found every time. */
const MAX_CONFIRMATIONS = 3;

interface Look {
  findings: Map<Invariant, Finding>;
  /** Invariants that there is nothing to ask of. */
  unasked: Invariant[];
}

export const judge = (view: View): Look => {
  const asked = invariants.filter(({ needs }) => needs.every((part) => view[part] !== undefined));
  return {
    findings: new Map(asked.map((invariant) => [invariant, invariant.check(view)])),
    unasked: invariants.filter((invariant) => !asked.includes(invariant)),
  };
};

const keyOf = ({ offender, rule }: Offence): string => `${offender}\n${rule}`;

const offencesOf = ({ findings }: Look): Offence[] => [...findings.values()].flatMap(({ offences }) => offences);
const isInFlight = ({ findings }: Look): boolean =>
  [...findings.values()].some(({ pending = [] }) => pending.some(({ inFlight }) => inFlight));

/** Checks the invariants over the stores of all installed services, as their own settings in `env` name them. Rejects with
 *  `StoreUnreadable` when a store cannot be read.
 *
 *  Each store is read as it is at one moment, and the moments differ: in a running shop an order can move on between them. So
 *  an offence counts when it is found in two readings, one after the other. */
export const verifyShop = async (
  env: Environment,
  { settleMs = DEFAULT_SETTLE_MS, clock = systemClock }: VerifyOptions = {},
): Promise<VerifyReport> => {
  const services = await loadInstalled();
  const stores = storeReader(env);
  const look = async (): Promise<Look> => judge(viewOf(await gatherFacts(services, stores), clock.now()));

  const deadline = performance.now() + settleMs;
  let confirmed = new Set<string>();
  let last = await look();
  for (let again = 0; ; ) {
    const isNew = offencesOf(last).some((offence) => !confirmed.has(keyOf(offence)));
    const settles = isInFlight(last) && performance.now() < deadline;
    if (!settles && (!isNew || again++ === MAX_CONFIRMATIONS)) break;
    await sleep(LOOK_AGAIN_MS);
    confirmed = new Set(offencesOf(last).map(keyOf));
    last = await look();
  }
  return reportOf(last, confirmed);
};

const reportOf = ({ findings, unasked }: Look, confirmed: ReadonlySet<string>): VerifyReport => {
  const checks = [...findings].map(
    ([{ name }, { checked, offences }]): InvariantCheck => ({
      invariant: name,
      checked,
      offences: offences.filter((offence) => confirmed.has(keyOf(offence))).map(offenceText),
    }),
  );
  const pending = [
    ...[...findings.values()].flatMap((finding) => (finding.pending ?? []).map(({ text }) => text)),
    ...unasked.map(({ name, needs }) => `not asked, because a service is not installed here: ${name} (${needs.join(", ")})`),
  ];
  return { ok: checks.every(({ offences }) => offences.length === 0), checks, pending };
};
