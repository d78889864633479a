import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Two cores may start a dozen brokers at once. */
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
/** Lines of output that a failed start shows. */
const LOG_LINES = 40;

const running = new Set<ChildProcess>();
// A crashed test run must not leave shops behind.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export interface ShopProcessOptions {
  /** A file of mixins/commands and its arguments. */
  command: readonly string[];
  env: Record<string, string>;
  /** Answers 200 when it is ready. */
  readyUrl: string;
  /** Gets all that it writes; `output` has the end of it. */
  onOutput?: ((text: string) => void) | undefined;
}

/** A process of the shop, as an operator starts it. */
export class ShopProcess {
  readonly #options: ShopProcessOptions;
  #child: ChildProcess | undefined;
  #output: string[] = [];

  constructor(options: ShopProcessOptions) {
    this.#options = options;
  }

  get output(): string {
    return this.#output.join("");
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves when it is ready. May be called again after the process has ended: on the same settings and data. */
  async start(): Promise<void> {
    const [file, ...args] = this.#options.command as [string, ...string[]];
    const child = spawn(process.execPath, [`mixins/commands/${file}`, ...args], {
      cwd: ROOT,
      env: { PATH: process.env.PATH as string, ...this.#options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#output = [];
    running.add(child);
    child.once("exit", () => running.delete(child));
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        const text = chunk.toString();
        this.#options.onOutput?.(text);
        this.#output.push(text);
        if (this.#output.length > 2_000) this.#output.splice(0, 1_000);
      });
    }
    await eventually(() => this.#probe(child), {
      withinMs: READY_WITHIN_MS,
      everyMs: 50,
      describe: `${this.#options.command.join(" ")} to be ready`,
    });
  }

  async #probe(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(
        `it has ended (${child.exitCode ?? child.signalCode}):\n${this.output.split("\n").slice(-LOG_LINES).join("\n")}`,
      );
    }
    const response = await fetch(this.#options.readyUrl, { signal: AbortSignal.timeout(2_000) });
    if (response.status !== 200) throw new Error(`not ready: ${await response.text()}`);
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** As a crash, or as the kernel when memory is short. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** As an orchestrator stops it, or a person with Ctrl-C. Answers the exit code. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<number | null> {
    const timer = setTimeout(() => this.#child?.kill("SIGKILL"), STOP_WITHIN_MS);
    await this.#end(signal);
    clearTimeout(timer);
    return this.#child?.exitCode ?? null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.isRunning) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}
