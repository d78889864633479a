import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunningServer } from "../support/servers/process.ts";
import { type Fault, type FaultKind, tell } from "./plan.ts";
import type { Member, World } from "./world.ts";

/** A crash point at which nobody comes by in this time is given up. */
const CRASH_WITHIN_MS = 15_000;

/** Something died at this time. `performance.now()` */
export interface Death {
  at: number;
  who: string;
  kind: FaultKind;
  /** Something else that orders need was down or frozen at that moment too. */
  notAlone: boolean;
}

export interface NemesisOptions {
  world: World;
  plan: readonly Fault[];
  log(line: string): void;
}

/** Does the faults of a plan to a world, each at its moment. */
export class Nemesis {
  readonly #options: NemesisOptions;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #running = new Set<Promise<void>>();
  readonly deaths: Death[] = [];
  /** Servers that something is being done to: one thing at a time. */
  readonly #busy = new Set<string>();
  /** Faults that had their effect. A pause of what is dead has none. */
  readonly done: Fault[] = [];

  constructor(options: NemesisOptions) {
    this.#options = options;
    this.#members = new Map(options.world.brokers.map((member) => [member.process.name, member]));
  }

  /** Resolves when the last fault is over. */
  async play(): Promise<void> {
    const startedAt = performance.now();
    for (const fault of this.#options.plan) {
      await sleep(Math.max(0, startedAt + fault.atMs - performance.now()));
      const running = this.#commit(fault)
        .catch((error) => this.#options.log(`${tell(fault)}: ${String(error)}`))
        .finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
    await Promise.all(this.#running);
  }

  async #commit(fault: Fault): Promise<void> {
    const { log } = this.#options;
    log(tell(fault));
    const happened = await this.#do(fault);
    if (happened) this.done.push(fault);
    else log(`${tell(fault)}: without effect`);
  }

  async #do(fault: Fault): Promise<boolean> {
    switch (fault.kind) {
      case "kill broker": {
        const { process } = this.#member(fault.broker);
        if (!process.kill(fault.downMs)) return false;
        this.#died(fault.broker, fault.kind);
        return true;
      }
      case "crash point":
        return this.#crash(fault);
      case "pause broker": {
        const { process } = this.#member(fault.broker);
        if (!process.pause()) return false;
        await sleep(fault.forMs);
        process.resume();
        return true;
      }
      case "kill server": {
        return this.#alone(fault.server, async (server) => {
          await server.kill();
          this.#died(fault.server, fault.kind);
          await sleep(fault.downMs);
          await server.restart();
        });
      }
      case "lose NATS' disk": {
        return this.#alone("nats", async (server) => {
          await server.kill();
          this.#died("nats", fault.kind);
          await rm(join(server.folder, "jetstream"), { recursive: true, force: true });
          await sleep(fault.downMs);
          await server.restart();
        });
      }
      case "pause server": {
        return this.#alone(fault.server, async (server) => {
          server.pause();
          await sleep(fault.forMs);
          server.resume();
        });
      }
      case "cut connection": {
        const proxy = this.#member(fault.broker).links.get(fault.server);
        if (proxy === undefined || proxy.connections === 0) return false;
        proxy.cut(fault.how);
        await sleep(fault.forMs);
        proxy.heal();
        return true;
      }
      case "disturb deliveries": {
        const { duplicate, delay, maxDelayMs } = fault;
        return this.#during(fault, { deliveries: { duplicate, delay, maxDelayMs } });
      }
      case "clock jump":
        return this.#during(fault, { clockOffsetMs: fault.aheadMs });
      case "provider": {
        const { fails, slow, slowMs, answerLost } = fault;
        return this.#during(fault, { provider: { fails, slow, slowMs, answerLost } });
      }
      default:
        return fault satisfies never;
    }
  }

  async #crash({ broker, point, pass, downMs, kind }: Extract<Fault, { kind: "crash point" }>): Promise<boolean> {
    const { process } = this.#member(broker);
    if (process.faults.crash !== undefined || !process.isRunning) return false;
    process.setFaults({ ...process.faults, crash: { point, pass } });
    const until = performance.now() + CRASH_WITHIN_MS;
    while (performance.now() < until) {
      // The supervisor disarms it when the process has ended.
      if (process.faults.crash === undefined) {
        if (process.wasKilled) return false;
        this.#died(broker, kind);
        return true;
      }
      process.downMs = downMs;
      await sleep(20);
    }
    const { crash: _, ...others } = process.faults;
    process.setFaults(others);
    return false;
  }

  async #during({ broker, forMs }: { broker: string; forMs: number }, settings: Member["process"]["faults"]): Promise<boolean> {
    const { process } = this.#member(broker);
    process.setFaults({ ...process.faults, ...settings });
    await sleep(forMs);
    const left = Object.entries(process.faults).filter(([name]) => !(name in settings));
    process.setFaults(Object.fromEntries(left));
    return true;
  }

  #died(who: string, kind: FaultKind): void {
    const others = this.#options.world.brokers.filter(({ process }) => process.name !== who);
    const notAlone = this.#busy.size > (this.#busy.has(who) ? 1 : 0) || others.some(({ process }) => !process.isUp);
    this.deaths.push({ at: performance.now(), who, kind, notAlone });
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member === undefined) throw new Error(`There is no broker ${name}`);
    return member;
  }

  async #alone(name: string, run: (server: RunningServer) => Promise<void>): Promise<boolean> {
    const server = this.#options.world.servers.get(name);
    if (server === undefined) throw new Error(`There is no server ${name}`);
    if (this.#busy.has(name)) return false;
    this.#busy.add(name);
    try {
      await run(server);
      return true;
    } finally {
      this.#busy.delete(name);
    }
  }
}
