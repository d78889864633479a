/** How much a sliding window has seen: the requests of the running window, and of the one before, of which as much counts as
 *  the sliding window still covers. Two numbers per counter, which can be added up over gateways in any order. */
export interface WindowCounts {
  /** Which window since the epoch. */
  index: number;
  current: number;
  previous: number;
}

export const indexAt = (nowMs: number, windowMs: number): number => Math.floor(nowMs / windowMs);

/** Moves the counts on to the window of this time; true where it was another. */
export const roll = (counts: WindowCounts, nowMs: number, windowMs: number): boolean => {
  const index = indexAt(nowMs, windowMs);
  // A clock that was set back by less than a window leaves the counts where they are.
  if (index <= counts.index && index >= counts.index - 1) return false;
  counts.previous = index === counts.index + 1 ? counts.current : 0;
  counts.current = 0;
  counts.index = index;
  return true;
};

const elapsedOf = ({ index }: WindowCounts, nowMs: number, windowMs: number): number =>
  Math.max(0, Math.min(windowMs, nowMs - index * windowMs));

/** Of counts that were rolled to this time. */
export const usedAt = (counts: WindowCounts, nowMs: number, windowMs: number): number =>
  counts.previous * (1 - elapsedOf(counts, nowMs, windowMs) / windowMs) + counts.current;

/** Milliseconds until one more request fits under the limit if no other comes; 0 where it fits now. */
export const waitMs = (counts: WindowCounts, limit: number, nowMs: number, windowMs: number): number => {
  if (usedAt(counts, nowMs, windowMs) + 1 <= limit) return 0;
  const elapsed = elapsedOf(counts, nowMs, windowMs);
  const { previous, current } = counts;
  if (current + 1 <= limit) return Math.max(1, windowMs * (1 - (limit - 1 - current) / previous) - elapsed);
  // Not before the running window is the previous one, and enough of it has slid out.
  return windowMs - elapsed + Math.max(0, windowMs * (1 - (limit - 1) / current));
};
