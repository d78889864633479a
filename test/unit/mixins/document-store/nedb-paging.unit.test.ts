import { afterEach, describe, expect, test } from "@jest/globals";
import { NedbCollection } from "@molecart/mixins/document-store/nedb-collection.ts";
import fc from "fast-check";
import { removeDataDirs, temporaryDataDir } from "../../../support/worlds.ts";

interface Numbered {
  _id: string;
  kind: string;
}

afterEach(() => removeDataDirs());

describe("A page of a NeDB collection in the order of the ids", () => {
  test("has what follows an id, of any kind that was asked for, and nothing else", async () => {
    const collection = new NedbCollection<Numbered>({
      name: "numbers",
      file: `${temporaryDataDir()}/numbers.nedb`,
      indexes: [],
      log: { warn() {} },
    });
    await collection.open();
    const ids = [...new Set(fc.sample(fc.string({ minLength: 1, maxLength: 4 }), { numRuns: 300, seed: 3 }))];
    await collection.insertMany(ids.map((_id, n) => ({ _id, kind: n % 7 === 0 ? "rare" : "usual" })));
    const kindOf = new Map(ids.map((id, n) => [id, n % 7 === 0 ? "rare" : "usual"]));
    const sorted = ids.toSorted((a, b) => (a < b ? -1 : 1));
    const page = fc.record({
      after: fc.string({ maxLength: 4 }),
      limit: fc.integer({ min: 1, max: 50 }),
      kind: fc.constantFrom(undefined, "rare", "none"),
    });
    await fc.assert(
      fc.asyncProperty(page, async ({ after, limit, kind }) => {
        const query = { _id: { $gt: after }, ...(kind !== undefined && { kind }) };
        const found = await collection.find({ query, sort: ["_id"], limit });
        const expected = sorted.filter((id) => id > after && (kind === undefined || kindOf.get(id) === kind)).slice(0, limit);
        expect(found.map(({ _id }) => _id)).toEqual(expected);
      }),
    );
    await collection.close();
  });
});
