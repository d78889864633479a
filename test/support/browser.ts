import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const PROGRAMS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const START_WITHIN_MS = 30_000;
const ANSWER_WITHIN_MS = 20_000;

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** A Chromium of this machine: of TEST_CHROMIUM, else of the PATH. */
export const findBrowser = (): string | undefined => {
  const { TEST_CHROMIUM, PATH = "" } = process.env;
  if (TEST_CHROMIUM) return TEST_CHROMIUM;
  return PROGRAMS.flatMap((name) => PATH.split(delimiter).map((folder) => join(folder, name))).find(isExecutable);
};

/** A suite that needs a browser. Where there is none, the suite is reported as skipped and says so aloud. */
export const describeWithBrowser = (name: string, suite: (program: string) => void): void => {
  const program = findBrowser();
  if (program !== undefined) {
    describe(name, () => suite(program));
    return;
  }
  process.stderr.write(`NOTICE: suite "${name}" does not run, it lacks a browser (TEST_CHROMIUM, or chromium in the PATH)\n`);
  describe.skip(name, () => suite(""));
};

interface Message {
  id?: number;
  method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol's messages are of every shape
  params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: the protocol's messages are of every shape
  result?: any;
  error?: { message: string };
}

/** One page of a real browser, without a window, over its DevTools protocol. */
export class BrowserPage {
  readonly #process: ChildProcess;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve(result: never): void; reject(error: Error): void }>();
  #last = 0;
  /** What the page complained about: refused by its policy, not found, thrown. */
  readonly complaints: string[] = [];
  /** The addresses that it has asked for. */
  readonly requested: string[] = [];

  static async open(program: string, url: string): Promise<BrowserPage> {
    const folder = mkdtempSync(join(tmpdir(), "molecart-browser-"));
    const child = spawn(
      program,
      [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--remote-debugging-port=0",
        `--user-data-dir=${folder}`,
        "--window-size=1300,1600",
        "about:blank",
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    const debuggerUrl = await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("The browser has not started")), START_WITHIN_MS);
      let said = "";
      child.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        const [, found] = /DevTools listening on (ws:\S+)/.exec(said) ?? [];
        if (found === undefined) return;
        clearTimeout(timer);
        resolve(found);
      });
    });
    const targets = (await (await fetch(`http://${new URL(debuggerUrl).host}/json/list`)).json()) as {
      type: string;
      webSocketDebuggerUrl: string;
    }[];
    const target = targets.find(({ type }) => type === "page") as (typeof targets)[number];
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    const page = new BrowserPage(child, folder, socket);
    for (const domain of ["Page", "Runtime", "Log", "Network"]) await page.send(`${domain}.enable`);
    await page.goTo(url);
    return page;
  }

  constructor(child: ChildProcess, folder: string, socket: WebSocket) {
    this.#process = child;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#hear(JSON.parse(String(data))));
  }

  #hear({ id, method, params, result, error }: Message): void {
    if (id !== undefined) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) waiting?.reject(new Error(error.message));
      else waiting?.resolve(result as never);
    }
    if (method === "Runtime.exceptionThrown") this.complaints.push(params.exceptionDetails.exception?.description ?? "thrown");
    if (method === "Log.entryAdded" && params.entry.level === "error") this.complaints.push(params.entry.text);
    if (method === "Network.requestWillBeSent") this.requested.push(params.request.url);
  }

  send<T>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#last;
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method} has no answer`)), ANSWER_WITHIN_MS);
      this.#waiting.set(id, {
        resolve: (result) => {
          clearTimeout(timer);
          resolve(result);
        },
        reject,
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  async goTo(url: string): Promise<void> {
    await this.send("Page.navigate", { url });
    await this.run(
      "new Promise((done) => document.readyState === 'complete' && location.href !== 'about:blank' ? done() : addEventListener('load', () => done()))",
    );
  }

  /** The value of an expression in the page; a promise is awaited. */
  async run<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.send<{
      result: { value: T };
      exceptionDetails?: { exception?: { description?: string }; text: string };
    }>("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  async screenshot(file: string): Promise<void> {
    const { data } = await this.send<{ data: string }>("Page.captureScreenshot", { format: "png" });
    writeFileSync(file, Buffer.from(data, "base64"));
  }

  async close(): Promise<void> {
    this.#socket.close();
    if (this.#process.exitCode === null) {
      const ended = new Promise((resolve) => this.#process.once("exit", resolve));
      this.#process.kill("SIGKILL");
      await ended;
    }
    // Its helpers may still be writing.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}
