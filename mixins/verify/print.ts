import type { VerifyReport } from "./report.ts";

/** Lines of pending things that a person reads; `--json` has them all. */
const MAX_PENDING = 20;

const rowOf = (name: string, checked: string, verdict: string, width: number): string =>
  `${name.padEnd(width)}  ${checked.padStart(9)}  ${verdict}`;

/** What is on its way, as far as somebody will read it. */
export const pendingLines = (pending: readonly string[]): string[] => {
  const left = pending.length - MAX_PENDING;
  return [...pending.slice(0, MAX_PENDING).map((text) => `  ${text}`), ...(left > 0 ? [`  and ${left} more`] : [])];
};

/** The report for people: a table, then each offender in one line, then what is on its way. */
export const textOf = ({ ok, checks, pending }: VerifyReport): string => {
  const width = Math.max(...checks.map(({ invariant }) => invariant.length));
  const table = checks.map(({ invariant, checked, offences }) =>
    rowOf(invariant, String(checked), offences.length === 0 ? "ok" : `BROKEN ${offences.length} times`, width),
  );
  const offenders = checks
    .filter(({ offences }) => offences.length > 0)
    .flatMap(({ invariant, offences }) => ["", `BROKEN: ${invariant}`, ...offences.map((offence) => `  ${offence}`)]);
  const waiting = pending.length === 0 ? [] : ["", `Pending: ${pending.length}`, ...pendingLines(pending)];
  const broken = checks.filter(({ offences }) => offences.length > 0).length;
  const verdict = ok ? "Every invariant holds." : `${broken} of ${checks.length} invariants are broken.`;
  return [rowOf("invariant", "checked", "", width).trimEnd(), ...table, ...offenders, ...waiting, "", verdict].join("\n");
};
