/** More words make no search more precise. */
const MAX_WORDS = 16;
/** Longer ones are cut, in the text and in the question. */
const MAX_WORD_LENGTH = 64;

/** Letters that have no accent to take off, as people type them who do not have them. */
const SPELLED: Readonly<Record<string, string>> = { ß: "ss", æ: "ae", œ: "oe", ø: "o", đ: "d", ð: "d", þ: "th", ł: "l", ı: "i" };

/** For comparing and sorting without case and accents. */
export const folded = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[ßæœøđðþłı]/g, (letter) => SPELLED[letter] as string);

/** The words of a text as both engines know them: folded runs of letters and digits, so that nothing in them is an operator
 *  of a query language. */
export const wordsOf = (text: string): string[] =>
  (folded(text).match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => word.slice(0, MAX_WORD_LENGTH));

/** The same for what a person has typed. */
export const wordsTyped = (text: string): string[] => wordsOf(text).slice(0, MAX_WORDS);

/** What names are sorted and compared by; one without letters or digits by itself. */
export const nameKeyOf = (name: string): string => wordsOf(name).join(" ") || folded(name);

/** A SKU whatever stands between its parts. */
export const wholeSku = (sku: string): string => wordsOf(sku).join("");

/** Figures are not guessed at: 2024 is no misspelt 2025. */
const HAS_DIGIT = /\p{N}/u;

/** How many letters of a word may be wrong: Elasticsearch's `AUTO`. */
export const editsAllowed = (word: string): 0 | 1 | 2 => {
  if (HAS_DIGIT.test(word)) return 0;
  const { length } = [...word];
  return length < 3 ? 0 : length < 6 ? 1 : 2;
};

/** The letters that must be inserted, left out, replaced or swapped with their neighbour (optimal string alignment), or
 *  undefined when these are more than `most`. */
export const editsBetween = (a: string, b: string, most: number): number | undefined => {
  if (Math.abs(a.length - b.length) > most) return undefined;
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    let least = row;
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let edits = Math.min(
        (above[column] as number) + 1,
        (current[column - 1] as number) + 1,
        (above[column - 1] as number) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1])
        edits = Math.min(edits, (before[column - 2] as number) + 1);
      current.push(edits);
      least = Math.min(least, edits);
    }
    if (least > most) return undefined;
    before = above;
    above = current;
  }
  const edits = above[b.length] as number;
  return edits <= most ? edits : undefined;
};
