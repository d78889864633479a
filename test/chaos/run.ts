import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import { verifyShop } from "@molecart/mixins/verify/index.ts";
import { waitFor } from "../support/eventually.ts";
import { Customers } from "./customers.ts";
import { openEmbeddedWorld } from "./embedded-world.ts";
import { Nemesis } from "./nemesis.ts";
import { planOf } from "./plan.ts";
import { seeded } from "./random.ts";
import { type ChaosReport, reportOf } from "./report.ts";
import { openServedWorld } from "./served-world.ts";
import { Webhooks } from "./webhooks.ts";
import type { Witness, World } from "./world.ts";

export interface ChaosOptions {
  world: "served" | "embedded";
  seed: string;
  orders: number;
  minutes: number;
  /** Faults per minute. */
  rate: number;
  /** Faults of these kinds only. */
  kinds?: readonly string[] | undefined;
  /** Keeps logs and data also of a run that went well. */
  keep: boolean;
  /** A line for whoever watches. */
  say(line: string): void;
}

const open = (kind: ChaosOptions["world"], witness: Witness): Promise<World> =>
  kind === "served" ? openServedWorld(witness) : openEmbeddedWorld(witness);

/** After the last fault: brokers start, leases end, postponed jobs and deadlines come due. */
const CALM_WITHIN_MS = 180_000;
/** What verify waits for events that are still under way. */
const SETTLE_MS = 120_000;

/** Plays customers and a nemesis against a shop, then brings calm, waits until it is quiet, and checks everything. */
export const runChaos = async (options: ChaosOptions): Promise<ChaosReport> => {
  const { world: kind, seed, orders, minutes, rate, kinds, keep, say } = options;
  const folder = mkdtempSync(join(tmpdir(), `molecart-chaos-${kind}-`));
  const startedAt = performance.now();
  const log = (line: string): void => {
    const at = `${((performance.now() - startedAt) / 1000).toFixed(2).padStart(8)} s  ${line}`;
    appendFileSync(join(folder, "faults.log"), `${at}\n`);
    say(at);
  };
  const restarts: number[] = [];
  let began = false;
  const world = await open(kind, {
    folder,
    onDeath: (broker, { signal, code }) => log(`${broker} ended (${signal ?? code})`),
    onReady: (broker, afterMs) => {
      if (began) restarts.push(afterMs);
      log(`${broker} is ready after ${Math.round(afterMs)} ms`);
    },
  });
  began = true;

  try {
    const durationMs = minutes * 60_000;
    const plan = planOf({
      seed,
      durationMs,
      faults: Math.max(1, Math.round(minutes * rate)),
      kinds,
      brokers: world.brokers.map(({ process, services, links }) => ({
        name: process.name,
        services,
        servers: [...links.keys()],
        alone: !world.brokers.some((other) => other.process !== process && services.every((s) => other.services.includes(s))),
      })),
      servers: [...world.servers.keys()],
    });
    const giveUpAt = Date.now() + durationMs + CALM_WITHIN_MS;
    const customers = new Customers({
      addresses: world.addresses,
      skus: world.skus,
      orders,
      overMs: durationMs,
      giveUpAt,
      patienceMs: CALM_WITHIN_MS,
      seed,
    });
    const webhooks = new Webhooks({
      facts: world.providerFacts,
      address: () => world.addresses.payments,
      secret: world.webhookSecret,
      random: seeded(`${seed} webhooks`),
      patienceMs: CALM_WITHIN_MS,
    });
    const nemesis = new Nemesis({ world, plan, log });
    await customers.signUp();
    log(`${orders} orders and ${plan.length} faults in ${minutes} min, seed ${seed}`);
    webhooks.start();
    const playing = customers.play();
    await nemesis.play();
    log("calm");
    const offences = await settle(world, playing, log);
    offences.push(...(await customers.unknownOrders().catch((error) => [messageOf(error)])));
    await webhooks.stop();
    log("quiet");
    const verify = await verifyShop(world.env, { settleMs: SETTLE_MS });
    const report = reportOf({
      world: kind,
      seed,
      seconds: (performance.now() - startedAt) / 1000,
      plan,
      done: nemesis.done,
      deaths: nemesis.deaths,
      tracked: customers.tracked,
      retries: customers.retries,
      restarts,
      webhooks: { sent: webhooks.sent, repeats: webhooks.repeats },
      offences,
      verify,
    });
    if (keep || !report.ok) {
      report.evidence = folder;
      await keepEvidence(world, folder, { orders: customers.tracked, plan, report });
    } else rmSync(folder, { recursive: true, force: true });
    return report;
  } catch (error) {
    log(`broken off: ${messageOf(error)}`);
    await keepEvidence(world, folder, {});
    throw new Error(`The run broke off; what there is of it: ${folder}`, { cause: error });
  } finally {
    await world.close();
  }
};

/** Everything runs again and undisturbed, and every order has its end. Answers what did not come to an end. */
const settle = async (world: World, playing: Promise<void>, log: (line: string) => void): Promise<string[]> => {
  for (const { process, links } of world.brokers) {
    process.resume();
    process.setFaults({});
    for (const proxy of links.values()) proxy.heal();
  }
  const allReady = async () => (await Promise.all(world.brokers.map(({ process }) => process.isReady()))).every(Boolean);
  try {
    await waitFor(allReady, { withinMs: CALM_WITHIN_MS, everyMs: 200, describe: "every broker to be ready again" });
    log("every broker is ready");
    await playing;
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
};

const keepEvidence = async (world: World, folder: string, files: Record<string, unknown>): Promise<void> => {
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(content, null, 2));
  await Promise.all(world.brokers.map(({ process }) => process.close()));
  await world.keepEvidence(folder);
};
