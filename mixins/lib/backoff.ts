export interface Backoff {
  firstMs: number;
  maxMs: number;
  factor: number;
}

/** Exponential with equal jitter: half of the delay is fixed, half random. `attempt` counts from 1. Whole milliseconds,
 *  because JetStream takes a fractional delay for "at once". */
export const delayMs = (backoff: Backoff, attempt: number, random: () => number = Math.random): number => {
  const ceiling = Math.min(backoff.maxMs, backoff.firstMs * backoff.factor ** Math.max(0, attempt - 1));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
};
