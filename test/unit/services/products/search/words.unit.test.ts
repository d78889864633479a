import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { editsAllowed, editsBetween, folded, wordsOf, wordsTyped } from "../../../../../services/products/search/words.ts";

describe("Words", () => {
  test("are folded runs of letters and digits", () => {
    expect(wordsOf("Crème brûlée, 2-part SET (No. 7)")).toEqual(["creme", "brulee", "2", "part", "set", "no", "7"]);
    expect(wordsOf("Straße Ærø İstanbul ﬁsh")).toEqual(["strasse", "aero", "istanbul", "fish"]);
    expect(wordsOf("… !")).toEqual([]);
  });

  test("folded once are folded for good", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(folded(folded(text))).toBe(folded(text));
        expect(wordsOf(wordsOf(text).join(" "))).toEqual(wordsOf(text));
      }),
      { numRuns: 500 },
    );
  });

  test("of a question are sixteen at most", () => {
    expect(wordsTyped("a ".repeat(100))).toHaveLength(16);
  });

  test("may differ in more letters the longer they are, and never in figures", () => {
    expect(["la", "lamp", "kettle", "a4", "ke2tle"].map(editsAllowed)).toEqual([0, 1, 2, 0, 0]);
  });
});

describe("Edits between two words", () => {
  test("are letters left out, put in, replaced, or swapped with their neighbours", () => {
    expect([
      editsBetween("kettle", "kettle", 2),
      editsBetween("kettle", "ketle", 2),
      editsBetween("kettle", "kettel", 2),
      editsBetween("kettle", "kittles", 2),
      editsBetween("kettle", "settee", 1),
      editsBetween("", "ab", 2),
    ]).toEqual([0, 1, 1, 2, undefined, 2]);
  });

  test("are the same in both directions, and none only between equal words", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 7 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const edits = editsBetween(a, b, 9) as number;
        expect(editsBetween(b, a, 9)).toBe(edits);
        expect(edits === 0).toBe(a === b);
        for (const most of [0, 1, 2]) expect(editsBetween(a, b, most)).toBe(edits <= most ? edits : undefined);
      }),
      { numRuns: 500 },
    );
  });
});
