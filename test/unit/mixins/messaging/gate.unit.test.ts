import { describe, expect, test } from "@jest/globals";
import { Gate } from "@molecart/mixins/messaging/gate.ts";
import { eventually } from "../../../support/eventually.ts";

describe("The gate before a consumer", () => {
  test("lets everything pass while the infrastructure works", async () => {
    const gate = new Gate();
    expect(await Promise.all([gate.pass(), gate.pass(), gate.pass()])).toEqual([true, true, true]);
  });

  test("after an outage lets one probe pass, and all when the probe succeeds", async () => {
    const gate = new Gate();
    gate.failed();
    const passed: number[] = [];
    for (const n of [1, 2, 3]) void gate.pass().then(() => passed.push(n));
    await eventually(() => expect(passed).toEqual([1]));
    gate.succeeded();
    await eventually(() => expect(passed).toEqual([1, 2, 3]));
    expect(gate.isShut).toBe(false);
  });

  test("stays shut when the probe fails, and takes simultaneous failures for one outage", async () => {
    const gate = new Gate();
    for (let i = 0; i < 20; i++) gate.failed();
    const passed: number[] = [];
    for (const n of [1, 2]) void gate.pass().then(() => passed.push(n));
    await eventually(() => expect(passed).toHaveLength(1), { withinMs: 1_000 });
    gate.failed();
    await eventually(() => expect(passed).toHaveLength(2), { withinMs: 1_000 });
    expect(gate.isShut).toBe(true);
    gate.end();
  });

  test("when it ends tells those who wait to give back what they have", async () => {
    const gate = new Gate();
    gate.failed();
    const waiting = [gate.pass(), gate.pass()];
    gate.end();
    expect(await Promise.all(waiting)).toEqual([false, false]);
  });
});
