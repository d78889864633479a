/** Clocks of two processes drift apart by less than 0.1 ms per second: less than 0.1 s in this time. */
const WINDOW_MS = 600_000;
/** Processes that are remembered; the one that was silent for longest is forgotten first. */
const MAX_SENDERS = 1_000;

interface Offsets {
  /** The smallest difference of the two clocks that was seen in this window, and in the one before. */
  least: number;
  before: number;
  windowEndsAt: number;
}

/** How long messages were under way, without clocks that agree. Each process stamps what it sends by its monotonic clock. The
 *  difference to the receiver's clock is a constant and the way; the smallest difference that was seen lately is the constant and the
 *  shortest way. What is above it is lateness: time in queues, or in a process that stood still.
 *
 *  Never too much: the first message of a sender is taken for a prompt one. */
export class Lateness {
  readonly #senders = new Map<string, Offsets>();

  /** Milliseconds that a message was late.
   *  @param sender one run of one process
   *  @param sentAt its monotonic clock, milliseconds
   *  @param now ours */
  of(sender: string, sentAt: number, now: number): number {
    const offset = now - sentAt;
    let known = this.#senders.get(sender);
    if (known === undefined) {
      if (this.#senders.size >= MAX_SENDERS) this.#senders.delete(this.#senders.keys().next().value as string);
      known = { least: offset, before: offset, windowEndsAt: now + WINDOW_MS };
    } else {
      this.#senders.delete(sender);
      if (now >= known.windowEndsAt) known = { least: offset, before: known.least, windowEndsAt: now + WINDOW_MS };
      else known.least = Math.min(known.least, offset);
    }
    this.#senders.set(sender, known);
    return Math.max(0, offset - Math.min(known.least, known.before));
  }
}
