import { describe, expect, test } from "@jest/globals";
import { escapeLineBreaks } from "@molecart/mixins/document-store/nedb-file.ts";
import fc from "fast-check";

describe("A line of a NeDB file", () => {
  test("has no character that NeDB's reader takes for a line break, and means the same", () => {
    const text = fc.string({
      unit: fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom("\u0085", "\u2028", "\u2029", "\n", "\v", '"')),
    });
    fc.assert(
      fc.property(text, (value) => {
        const line = escapeLineBreaks(JSON.stringify({ value }));
        expect(line).not.toMatch(/[\n\v\f\r\x85\u2028\u2029]/);
        expect(JSON.parse(line)).toEqual({ value });
      }),
    );
  });
});
