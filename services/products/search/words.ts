/** More words make no search more precise. */
const MAX_WORDS = 16;

/** An FTS5 expression for what a person has typed: all of the words, the last one perhaps not typed to its end. Undefined when
 *  there is no word in it. Only letters and digits are left, each word in quotes, so nothing in it is an operator of FTS5. */
export const matchExpression = (text: string): string | undefined => {
  const words = text.match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu)?.slice(0, MAX_WORDS);
  return words && `${words.map((word) => `"${word}"`).join(" ")}*`;
};

/** For comparing and sorting without case and accents. */
export const folded = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
