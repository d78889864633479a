/** The time as the services see it: milliseconds since the epoch. Injected, so that tests move it instead of waiting. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** A clock that a test (or a fault) moves. */
export class ManualClock implements Clock {
  #now: number;
  constructor(startMs: number = Date.now()) {
    this.#now = startMs;
  }
  now(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
}

/** The system's time shifted by a constant. */
export const offsetClock = (offsetMs: number): Clock => ({ now: () => Date.now() + offsetMs });

export const isoTime = (ms: number): string => new Date(ms).toISOString();
