/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** From 0 up to 1. */
  next(): number;
  between(min: number, max: number): number;
  integer(min: number, max: number): number;
  pick<T>(items: readonly T[]): T;
  /** Deals all of the items before any of them comes again, shuffled anew each time. */
  deck<T>(items: readonly T[]): () => T;
}

/** FNV-1a, for a seed of any text. */
const hash = (text: string): number => {
  let h = 0x811c9dc5;
  for (const char of text) h = Math.imul(h ^ (char.codePointAt(0) as number), 0x01000193);
  return h >>> 0;
};

/** mulberry32: 32 bits of state are plenty for some thousand draws. */
export const seeded = (seed: string): Random => {
  let state = hash(seed);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (min: number, max: number): number => min + next() * (max - min);
  const integer = (min: number, max: number): number => Math.floor(between(min, max + 1));
  const shuffled = <T>(items: readonly T[]): T[] => {
    const cards = [...items];
    for (let i = cards.length - 1; i > 0; i--) {
      const j = integer(0, i);
      [cards[i], cards[j]] = [cards[j] as T, cards[i] as T];
    }
    return cards;
  };
  return {
    next,
    between,
    integer,
    pick: (items) => items[integer(0, items.length - 1)] as never,
    deck: (items) => {
      let cards: (typeof items)[number][] = [];
      return () => {
        if (cards.length === 0) cards = shuffled(items);
        return cards.pop() as (typeof items)[number];
      };
    },
  };
};
