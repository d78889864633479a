/** What a verification has found. */
export interface VerifyReport {
  /** No invariant is broken. */
  ok: boolean;
  checks: InvariantCheck[];
  /** What is on its way and why; not an offence. */
  pending: string[];
}

export interface InvariantCheck {
  invariant: string;
  /** Rows, orders, events … that the invariant was asked of. */
  checked: number;
  /** One line each: the offender, the rule, the values. */
  offences: string[];
}
