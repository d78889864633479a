import { describe, expect, test } from "@jest/globals";
import type { Viewer } from "@molecart/mixins/contracts/common.ts";
import { maySee } from "@molecart/mixins/lib/ownership.ts";

describe("A thing", () => {
  test.each<[Viewer["roles"], string, string | undefined, boolean]>([
    [["customer"], "its owner", "its owner", true],
    [[], "its owner", "its owner", true],
    [["customer"], "somebody", "its owner", false],
    [[], "somebody", "its owner", false],
    [["staff"], "somebody", "its owner", true],
    [["admin"], "somebody", "its owner", true],
    [["customer"], "somebody", undefined, false],
    [["staff"], "somebody", undefined, true],
  ])("%j %s, of %s: %s", (roles, userId, ownerId, sees) => {
    expect(maySee({ userId, roles }, ownerId)).toBe(sees);
  });
});
