import { describe, expect, test } from "@jest/globals";
import { readIfMatch, versionTag } from "../../../../services/api/version-tag.ts";

const codeOf = (header: string): unknown => {
  try {
    return readIfMatch(header);
  } catch (error) {
    return (error as { type: string }).type;
  }
};

describe("The tag of a version", () => {
  test("is strong, and read back as the version", () => {
    const tag = versionTag(12, '{"a":1}');
    expect(tag).toMatch(/^"12-[\w-]+"$/);
    expect(readIfMatch(tag)).toBe(12);
    expect(versionTag(12, '{"a":1,"b":2}')).not.toBe(tag);
  });

  test("need not be given, and * stands for any", () => {
    expect([readIfMatch(undefined), readIfMatch("*"), readIfMatch(" * ")]).toEqual([undefined, undefined, undefined]);
  });

  test("matches nothing when it is weak or not one of ours", () => {
    for (const header of ['W/"12-abc"', '"abc"', "12", "", '"-1-x"']) expect(codeOf(header)).toBe("PRECONDITION_FAILED");
  });

  test("stands alone", () => {
    expect(codeOf('"1-a", "2-b"')).toBe("VALIDATION_FAILED");
  });
});
