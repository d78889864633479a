import type { Clock } from "@molecart/mixins/lib/clock.ts";

/** Whose requests are counted together: an IPv4 address, or an IPv6 network of /64, of which one machine has all addresses. */
export const addressKey = (address: string): string => {
  const plain = address.replace(/^::ffff:/i, "");
  if (!plain.includes(":")) return plain;
  const [head = "", tail] = plain.split("::");
  const groups = head === "" ? [] : head.split(":");
  const missing = tail === undefined ? 0 : 8 - groups.length - (tail === "" ? 0 : tail.split(":").length);
  return [...groups, ...Array<string>(missing).fill("0"), ...(tail ? tail.split(":") : [])].slice(0, 4).join(":");
};

/** Counts requests per key in windows of fixed length. Everything is forgotten with the window, which bounds the memory by
 *  the connections that one window can bring. */
export class WindowCounter {
  readonly #clock: Clock;
  readonly #windowMs: number;
  #hits = new Map<string, number>();
  #endsAt = 0;

  constructor(clock: Clock, windowMs: number) {
    this.#clock = clock;
    this.#windowMs = windowMs;
  }

  /** The count of this window, this request included. */
  inc(key: string): number {
    const now = this.#clock.now();
    if (now >= this.#endsAt) {
      this.#hits = new Map();
      this.#endsAt = now + this.#windowMs;
    }
    const count = (this.#hits.get(key) ?? 0) + 1;
    this.#hits.set(key, count);
    return count;
  }

  /** When the counts are forgotten; milliseconds since the epoch. */
  get resetTime(): number {
    return this.#endsAt;
  }

  /** Whole seconds until then. */
  get secondsLeft(): number {
    return Math.max(1, Math.ceil((this.#endsAt - this.#clock.now()) / 1000));
  }
}
