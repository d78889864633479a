import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "@jest/globals";
import { installedServices } from "@molecart/mixins/launch.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs a command that is expected to end by itself. */
const run = (command: string, args: readonly string[], env: Record<string, string>) =>
  new Promise<{ code: number | null; text: string }>((resolve) => {
    const options = {
      cwd: ROOT,
      env: { PATH: process.env.PATH as string, DATA_DIR: temporaryDataDir(), ...env },
      timeout: 20_000,
    };
    execFile(process.execPath, [`mixins/commands/${command}.ts`, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : ((error as { code?: number }).code ?? null), text: stdout + stderr }),
    );
  });

const NATS = { NATS_URL: "nats://127.0.0.1:4222" };

describe("A command that cannot do what it is asked", () => {
  afterEach(removeDataDirs);

  test("names a service that does not exist, and those that do", async () => {
    const { code, text } = await run("broker", ["orders", "oders"], NATS);
    expect(code).toBe(1);
    expect(text).toContain(`no such service: oders. There are ${(await installedServices()).join(", ")}`);
  });

  test("asks for the services of a broker", async () => {
    const { code, text } = await run("broker", [], NATS);
    expect([code, text]).toEqual([1, expect.stringContaining("Which services?")]);
  });

  test.each(["broker", "repl"])("%s asks for NATS_URL by name", async (command) => {
    const { code, text } = await run(command, ["orders"], {});
    expect([code, text]).toEqual([1, expect.stringContaining("NATS_URL")]);
  });

  test("asks for a secret by name, and shows no stack", async () => {
    const { code, text } = await run("broker", ["users"], NATS);
    expect([code, text]).toEqual([1, expect.stringContaining("CONFIGURATION: USERS_KEY_SECRET: must be set")]);
    expect(text).not.toMatch(/^\s+at /m);
  });

  test("names a setting that is wrong", async () => {
    const { code, text } = await run("start", [], { API_PORT: "http" });
    expect([code, text]).toEqual([1, expect.stringContaining('API_PORT: "http" is not a whole number')]);
  });
});
