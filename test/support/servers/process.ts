import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, mkdtempSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, giveBack } from "./ports.ts";

/** Far more than a start takes (20 to 300 ms): two busy cores may be shared by several test runs. */
const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 5_000;
const PROBE_EVERY_MS = 10;
/** After kill -9, PostgreSQL refuses to start until the last of its orphaned processes has noticed and gone. */
const RETRY_RESTART_FOR_MS = 5_000;
const RETRY_RESTART_EVERY_MS = 50;
/** A free port can be taken by somebody else before the server has it. */
const PORTS_TO_TRY = 3;
/** Lines of a server's output that a failed start shows. */
const LOG_LINES = 30;

export interface Owner {
  uid: number;
  gid: number;
}

export interface Launch {
  command: string;
  args: readonly string[];
  owner?: Owner;
  /** The name of the container and of its volume, when the command is Docker's client. */
  container?: string;
}

export interface ServerOptions {
  name: string;
  /** How to start it, given its port and folder: called for each start and restart. */
  launch(port: number, folder: string): Launch;
  /** True when the server answers in its own protocol. */
  probe(port: number): Promise<boolean>;
  url(port: number): string;
  /** Ends it at `stop()`; a server with children of its own needs one that ends them too. */
  stopSignal?: NodeJS.Signals;
  /** Absent: a free one. */
  port?: number | undefined;
  /** Absent: a temporary one, removed by `stop()`. */
  folder?: string | undefined;
  /** Whom the temporary folder belongs to. */
  owner?: Owner | undefined;
  /** Fills the temporary folder before the first start. */
  prepare?(folder: string): Promise<void>;
}

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  /** Of the current process: another one after a restart. */
  readonly pid: number;
  /** Where it keeps its data (in a container: nowhere on this machine). */
  readonly folder: string;
  /** The last lines of what it said. */
  readonly log: string;
  /** Sends the signal (SIGKILL by default) and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data; a running one is killed first. */
  restart(): Promise<void>;
  /** Freezes it: connections stay open, nothing answers. */
  pause(): void;
  resume(): void;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

export const temporaryFolder = (name: string, owner?: Owner): string => {
  const folder = mkdtempSync(join(tmpdir(), `molecart-${name}-`));
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  return folder;
};

/** What a server says after `greeting`, or undefined when it says nothing in time or refuses the connection. */
export const firstAnswer = (port: number, greeting?: Buffer | string): Promise<Buffer | undefined> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    const finish = (answer?: Buffer): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => finish());
    socket.once("connect", () => greeting !== undefined && socket.write(greeting));
    socket.once("data", finish);
    socket.once("error", () => finish());
    socket.once("close", () => finish());
  });

/** A tiny shell that outlives this process by a moment. It waits on a pipe that only we hold: however we end, even by
 *  SIGKILL, it reads the end of the pipe, kills the server and removes what it left. In a session of its own, so that
 *  Ctrl-C does not reach it. */
class Guard {
  readonly #shell: ChildProcess;

  constructor(cleanUp: string, ...args: readonly string[]) {
    const script = `while read -r next; do pid=$next; done; [ -z "$pid" ] || kill -KILL "$pid"; ${cleanUp}`;
    this.#shell = spawn("sh", ["-c", script, "sh", ...args], { stdio: ["pipe", "ignore", "ignore"], detached: true, cwd: "/" });
    this.#shell.on("error", () => {});
    keepNobodyAlive(this.#shell);
  }

  watch(pid: number): void {
    this.#shell.stdin?.write(`${pid}\n`);
  }

  /** The process has ended; its number may soon be somebody else's. */
  forget(): void {
    this.#shell.stdin?.write("\n");
  }

  release(): void {
    this.#shell.kill("SIGKILL");
  }
}

/** A server that a test forgot must not keep Jest from ending; the guard ends it then. */
const keepNobodyAlive = (child: ChildProcess): void => {
  child.unref();
  // Pipes to a child are sockets, whatever the types say.
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as Socket | null)?.unref();
};

/** PostgreSQL's children leave its process group, so the group cannot be signalled as one. */
const childrenOf = (pid: number): number[] => {
  const numbers = (text: string): number[] => text.split(/\s+/).filter(Boolean).map(Number);
  try {
    return numbers(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
  } catch {
    return numbers(spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" }).stdout ?? "");
  }
};

const signalIfAlive = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
};

const docker = (...args: string[]): void => {
  spawnSync("docker", args, { timeout: 30_000 });
};

/** One run of a server's program, from its start to its exit. */
class Run {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  readonly #child: ChildProcess;
  readonly #container: string | undefined;
  readonly #log: string[] = [];

  private constructor(child: ChildProcess, pid: number, container: string | undefined) {
    this.#child = child;
    this.pid = pid;
    this.#container = container;
    this.exited = once(child, "exit");
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => this.#remember(data));
  }

  static async start({ command, args, owner, container }: Launch): Promise<Run> {
    // A session of its own: Ctrl-C at a terminal ends the tests, and then the guard ends the server.
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], detached: true, cwd: "/", ...owner });
    await once(child, "spawn");
    keepNobodyAlive(child);
    return new Run(child, child.pid!, container);
  }

  #remember(data: Buffer): void {
    this.#log.push(...data.toString().split("\n").filter(Boolean));
    if (this.#log.length > LOG_LINES) this.#log.splice(0, this.#log.length - LOG_LINES);
  }

  get log(): string {
    return this.#log.map((line) => `  ${line}`).join("\n");
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#container === undefined) signalIfAlive(this.pid, signal);
    else docker("kill", `--signal=${signal}`, this.#container);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.ended) return;
    this.signal(signal);
    const timer = new AbortController();
    const late = sleep(STOP_WITHIN_MS, "late", { signal: timer.signal }).catch(() => "ended in time");
    if ((await Promise.race([this.exited, late])) === "late") {
      this.signal("SIGKILL");
      await this.exited;
    }
    timer.abort();
  }

  pause(): void {
    if (this.#container !== undefined) {
      docker("pause", this.#container);
      return;
    }
    // The parent first: afterwards it cannot start a child that would be missed.
    signalIfAlive(this.pid, "SIGSTOP");
    for (const child of childrenOf(this.pid)) signalIfAlive(child, "SIGSTOP");
  }

  resume(): void {
    if (this.#container !== undefined) {
      docker("unpause", this.#container);
      return;
    }
    for (const child of childrenOf(this.pid)) signalIfAlive(child, "SIGCONT");
    signalIfAlive(this.pid, "SIGCONT");
  }
}

class RealServer implements RunningServer {
  readonly port: number;
  readonly #options: ServerOptions;
  readonly folder: string;
  readonly #guard: Guard;
  #run: Run | undefined;

  constructor(options: ServerOptions, port: number, folder: string) {
    this.port = port;
    this.#options = options;
    this.folder = folder;
    const container = options.launch(port, folder).container;
    if (container !== undefined)
      this.#guard = new Guard('docker rm -f "$1"; docker volume rm "$1"; rm -rf "$2"', container, folder);
    else if (options.folder === undefined) this.#guard = new Guard('sleep 0.2; rm -rf "$1"', folder);
    else this.#guard = new Guard("");
  }

  get url(): string {
    return this.#options.url(this.port);
  }

  get pid(): number {
    if (this.#run === undefined || this.#run.ended) throw new Error(`${this.#options.name} is not running`);
    return this.#run.pid;
  }

  get log(): string {
    return this.#run?.log ?? "";
  }

  async start({ retryForMs = 0 } = {}): Promise<void> {
    const startedAt = performance.now();
    for (;;) {
      const run = await this.#launch();
      if (await this.#becomesReady(run, startedAt + START_WITHIN_MS)) return;
      if (!run.ended) {
        await run.end("SIGKILL");
        throw this.#failure(`was not ready within ${START_WITHIN_MS} ms`, run);
      }
      if (performance.now() > startedAt + retryForMs) throw this.#failure("ended while it started", run);
      await sleep(RETRY_RESTART_EVERY_MS);
    }
  }

  async #launch(): Promise<Run> {
    const run = await Run.start(this.#options.launch(this.port, this.folder));
    this.#run = run;
    this.#guard.watch(run.pid);
    run.exited.then(() => this.#guard.forget());
    return run;
  }

  async #becomesReady(run: Run, deadline: number): Promise<boolean> {
    while (!run.ended && performance.now() < deadline) {
      if ((await this.#options.probe(this.port)) && !run.ended) return true;
      await sleep(PROBE_EVERY_MS);
    }
    return false;
  }

  #failure(what: string, run: Run): Error {
    return new Error(`${this.#options.name} on port ${this.port} ${what}. Its last words:\n${run.log}`);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.#run?.end(signal);
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.start({ retryForMs: RETRY_RESTART_FOR_MS });
  }

  pause(): void {
    if (this.#run?.ended === false) this.#run.pause();
  }

  resume(): void {
    if (this.#run?.ended === false) this.#run.resume();
  }

  async stop(): Promise<void> {
    this.resume();
    await this.kill(this.#options.stopSignal);
    const container = this.#options.launch(this.port, this.folder).container;
    if (container !== undefined) docker("volume", "rm", container);
    // Children of a killed server may write a last file while the folder goes.
    if (this.#options.folder === undefined)
      await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    this.#guard.release();
    if (this.#options.port === undefined) giveBack(this.port);
  }
}

/** Starts a server and waits until it answers. */
export const startServer = async (options: ServerOptions): Promise<RunningServer> => {
  for (let tries = 1; ; tries++) {
    const folder = options.folder ?? temporaryFolder(options.name, options.owner);
    if (options.folder === undefined) await options.prepare?.(folder);
    const server = new RealServer(options, options.port ?? (await freePort()), folder);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.stop();
      if (options.port !== undefined || tries === PORTS_TO_TRY) throw error;
    }
  }
};

/** Runs an image as a child process, so that it starts, ends and speaks as a local server does. */
export const dockerLaunch = (
  image: string,
  {
    port,
    folder,
    innerPort,
    innerData,
    env = [],
    args = [],
  }: {
    port: number;
    folder: string;
    innerPort: number;
    innerData: string;
    env?: readonly string[];
    args?: readonly string[];
  },
): Launch => {
  const container = basename(folder);
  const settings = ["--name", container, "-p", `127.0.0.1:${port}:${innerPort}`, "-v", `${container}:${innerData}`];
  return { command: "docker", args: ["run", "--rm", ...settings, ...env.flatMap((e) => ["-e", e]), image, ...args], container };
};
