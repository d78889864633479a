import { eventually, waitFor } from "../../support/eventually.ts";

const nothing = () => new Promise<never>(() => {});

describe("eventually", () => {
  it("returns the value of the first try that does not throw", async () => {
    let tries = 0;
    const value = await eventually(
      () => {
        if (++tries < 3) throw new Error("too early");
        return "there";
      },
      { everyMs: 1 },
    );
    expect(value).toBe("there");
    expect(tries).toBe(3);
  });

  it("reports what was waited for and the last error at its deadline", async () => {
    const waiting = eventually(() => Promise.reject(new Error("stock is 3")), {
      withinMs: 30,
      everyMs: 5,
      describe: "the release",
    });
    await expect(waiting).rejects.toThrow("Waited 30 ms for the release; the last try: stock is 3");
  });

  it("does not wait longer for a try that hangs", async () => {
    await expect(eventually(nothing, { withinMs: 30 })).rejects.toThrow("the first try did not finish");
  });
});

describe("waitFor", () => {
  it("ends when the predicate is true", async () => {
    let asked = 0;
    await waitFor(() => ++asked === 3, { everyMs: 1 });
    expect(asked).toBe(3);
  });

  it("fails when the predicate stays false", async () => {
    await expect(waitFor(() => false, { withinMs: 20, everyMs: 5 })).rejects.toThrow("not yet");
  });
});
