import { describe, expect, test } from "@jest/globals";
import { Joined } from "../../../../../services/products/search/joined.ts";

describe("Joined work", () => {
  test("does together what is asked for while a batch is under way, each thing once", async () => {
    const batches: (readonly string[])[] = [];
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const joined = new Joined((ids) => {
      batches.push(ids);
      return gates[batches.length - 1]?.promise ?? Promise.resolve();
    });
    const first = joined.run(["a"]);
    await Promise.resolve();
    const others = [joined.run(["b", "a"]), joined.run(["b"]), joined.run(["c"])];
    expect(batches).toEqual([["a"]]);
    gates[0]?.resolve();
    await first;
    gates[1]?.resolve();
    await Promise.all(others);
    expect(batches).toEqual([["a"], ["b", "a", "c"]]);
  });

  test("goes on after a batch that has failed, which all of it are told", async () => {
    let fails = true;
    const joined = new Joined(async () => {
      if (fails) throw new Error("away");
    });
    const outcomes = await Promise.allSettled([joined.run(["a"]), joined.run(["b"])]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    fails = false;
    await joined.run(["a"]);
  });
});
