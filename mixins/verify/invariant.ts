import type { DomainFacts } from "./facts.ts";
import type { View } from "./view.ts";

/** Something that must be true of the shop whatever has happened to it. Pure: judges the facts, reads nothing. */
export interface Invariant {
  name: string;
  /** What it is asked of; where such facts are not installed, it is not asked. */
  needs: readonly (keyof DomainFacts)[];
  check(view: View): Finding;
}

export interface Finding {
  /** How many it was asked of. */
  checked: number;
  offences: Offence[];
  pending?: Pending[];
}

export interface Offence {
  /** Which thing, such as `order M-7KQ2 (0192…)`. */
  offender: string;
  /** What is wrong with it; the same words for the same fault, because a fault counts when it is found twice. */
  rule: string;
  /** The values that break it. */
  values?: string;
}

export interface Pending {
  text: string;
  /** It will pass by itself within seconds, if the shop runs: worth waiting for. */
  inFlight: boolean;
}

/** The longest that a wait for something that has a time is worth. */
export const SOON_MS = 15_000;

export const offenceText = ({ offender, rule, values }: Offence): string =>
  `${offender}: ${rule}${values === undefined ? "" : ` (${values})`}`;

/** "2 h 5 min", "41 s": how long, for people. */
export const duration = (ms: number): string => {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
};

export const unitsText = (units: ReadonlyMap<string, number>): string =>
  units.size === 0 ? "nothing" : [...units].map(([sku, quantity]) => `${quantity} × ${sku}`).join(", ");
