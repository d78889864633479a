import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { FaultSettings } from "@molecart/mixins/faults.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const POLL_MS = 50;

const running = new Set<ChildProcess>();
// A crashed run must not leave shops behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface SupervisedOptions {
  name: string;
  /** A file of mixins/commands and its arguments. */
  command: readonly string[];
  env: Record<string, string>;
  /** Answers 200 when it is ready. */
  readyUrl: string;
  logFile: string;
  faultsFile: string;
  onDeath(died: { signal: NodeJS.Signals | null; code: number | null }): void;
  onReady(afterMs: number): void;
}

/** A process of the shop under a supervisor, as an orchestrator keeps it: when it ends it is started again after a while. */
export class Supervised {
  readonly name: string;
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #settings: FaultSettings = {};
  #restart: NodeJS.Timeout | undefined;
  #closing = false;
  #paused = false;
  #wasReady = false;
  /** How long it stays down after its next death. */
  downMs = 0;
  /** Whether its last death was a kill from here; else it died by itself, as at a crash point. */
  wasKilled = false;

  constructor(options: SupervisedOptions) {
    this.name = options.name;
    this.#options = options;
    this.setFaults({});
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }
  /** It runs, and has been ready since it was started. */
  get isUp(): boolean {
    return this.isRunning && this.#wasReady && !this.#paused;
  }

  start(): void {
    if (this.isRunning || this.#closing) return;
    const { command, env, logFile, faultsFile } = this.#options;
    const [file, ...args] = command as [string, ...string[]];
    const log = openSync(logFile, "a");
    const child = spawn(process.execPath, [`mixins/commands/${file}`, ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH as string, ...env, FAULTS: faultsFile },
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.#child = child;
    this.wasKilled = false;
    this.#wasReady = false;
    running.add(child);
    child.once("exit", (code, signal) => {
      running.delete(child);
      this.#paused = false;
      if (this.#closing) return;
      // It must not die of the same crash point for ever.
      const { crash: _, ...others } = this.#settings;
      this.setFaults(others);
      this.#options.onDeath({ signal, code });
      this.#restart = setTimeout(() => this.start(), this.downMs);
      this.downMs = 0;
    });
    const startedAt = performance.now();
    void this.#becomesReady(child).then((ready) => ready && this.#options.onReady(performance.now() - startedAt));
  }

  async #becomesReady(child: ChildProcess): Promise<boolean> {
    while (child === this.#child && this.isRunning) {
      if (await this.isReady()) {
        this.#wasReady = true;
        return true;
      }
      await sleep(POLL_MS);
    }
    return false;
  }

  async isReady(): Promise<boolean> {
    try {
      const response = await fetch(this.#options.readyUrl, { signal: AbortSignal.timeout(2_000) });
      await response.text();
      return response.status === 200;
    } catch {
      return false;
    }
  }

  /** Answers false when there is nobody to kill. */
  kill(downMs: number): boolean {
    if (!this.isRunning) return false;
    this.downMs = downMs;
    this.wasKilled = true;
    return this.#child?.kill("SIGKILL") === true;
  }

  pause(): boolean {
    if (!this.isRunning || this.#paused) return false;
    this.#paused = true;
    return this.#child?.kill("SIGSTOP") === true;
  }
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#child?.kill("SIGCONT");
  }

  get faults(): FaultSettings {
    return this.#settings;
  }
  /** Written aside and renamed, so that the process never reads half of it. */
  setFaults(settings: FaultSettings): void {
    this.#settings = settings;
    const { faultsFile } = this.#options;
    writeFileSync(`${faultsFile}.new`, JSON.stringify(settings));
    renameSync(`${faultsFile}.new`, faultsFile);
  }

  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
}
