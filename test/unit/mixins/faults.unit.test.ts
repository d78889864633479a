import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { faults } from "@molecart/mixins/faults.ts";

const module = new URL("../../../mixins/faults.ts", import.meta.url).href;

const runWith = (env: Record<string, string>, code: string) =>
  spawnSync(process.execPath, ["--input-type=module", "-e", `const { faults } = await import("${module}"); ${code}`], {
    env: { PATH: process.env.PATH as string, ...env },
    encoding: "utf8",
  });

describe("Faults", () => {
  test("are not there, and cannot be put there, in a process that was not started with FAULTS", () => {
    expect(Object.keys(faults)).toEqual([]);
    expect(Object.isFrozen(faults)).toBe(true);
  });

  test("kill the process as by kill -9 at the crash point, the nth time it comes by, and nowhere else", () => {
    const folder = mkdtempSync(join(tmpdir(), "molecart-faults-"));
    const file = join(folder, "faults.json");
    writeFileSync(file, JSON.stringify({ crash: { point: "relay.published", pass: 2 } }));
    const pass = `faults.crashPoint("relay.claimed"); faults.crashPoint("relay.published"); console.log("passed");`;
    const died = runWith({ FAULTS: file }, `${pass} ${pass}`);
    expect(died.signal).toBe("SIGKILL");
    expect(died.stdout).toBe("passed\n");
    expect(died.stderr).toContain("FAULT crash at relay.published");
    rmSync(folder, { recursive: true });
  });

  test("refuse the start when FAULTS is not an absolute path", () => {
    const refused = runWith({ FAULTS: "1" }, "");
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("FAULTS");
  });
});
