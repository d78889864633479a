import { readFileSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Clock } from "./lib/clock.ts";
import { ConfigurationError } from "./lib/errors.ts";
import type { Delivery } from "./messaging/event-bus.ts";

/** Between every two steps of the relay, of a delivery, of a job, of an order's acceptance and of a call to the provider. */
export const CRASH_POINTS = [
  "relay.claimed",
  "relay.published",
  "relay.stamped",
  "delivery.taken",
  "work.before-commit",
  "work.committed",
  "delivery.before-ack",
  "delivery.acked",
  "job.claimed",
  "job.before-complete",
  "job.completed",
  "order.accepted-before-answer",
  "provider.before-call",
  "provider.answered",
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];

/** What the provider does to a call: it refuses with an error, answers late, or does it and its answer is lost. */
export type ProviderFault = "fails" | "slow" | "answer lost";

/** What a file of faults may hold. Everything is optional; an empty object is calm. Chances are from 0 to 1. */
export interface FaultSettings {
  /** The process dies as by SIGKILL when it comes to the point for the `pass`th time from now on. */
  crash?: { point: CrashPoint; pass: number };
  /** Of events: handed to the handler twice at the same time, or late, and so also out of order. */
  deliveries?: { duplicate: number; delay: number; maxDelayMs: number };
  provider?: { fails: number; slow: number; slowMs: number; answerLost: number };
  /** How far the services' clock is ahead of the system's. */
  clockOffsetMs?: number;
}

type Take = (delivery: Delivery) => Promise<void>;

/** Faults on purpose, for the chaos suite. Without the variable FAULTS every field is absent, so that a use such as
 *  `faults.crashPoint?.("relay.claimed")` costs one look at a frozen object and can do nothing. */
export interface Faults {
  readonly crashPoint?: (point: CrashPoint) => void;
  readonly disturb?: (take: Take) => Take;
  readonly provider?: { readonly slowMs: number; next(): ProviderFault | undefined };
  readonly clock?: Clock;
}

const REREAD_MS = 100;

/** The file may be written at this moment, or not be there yet: calm until it can be read. */
const readSettings = (file: string): FaultSettings | undefined => {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as FaultSettings;
  } catch {
    return undefined;
  }
};

/** The same event once more, while the first is in hand. Only the first ends the delivery. */
const copyOf = ({ message }: Delivery): Delivery => ({ message, ack() {}, retry() {}, extend() {} });

const openFaults = (file: string): Faults => {
  let settings: FaultSettings = {};
  let passesLeft = 0;
  const reread = (): void => {
    const read = readSettings(file) ?? settings;
    if (JSON.stringify(read) === JSON.stringify(settings)) return;
    if (JSON.stringify(read.crash) !== JSON.stringify(settings.crash)) passesLeft = read.crash?.pass ?? 0;
    settings = read;
  };
  reread();
  setInterval(reread, REREAD_MS).unref();
  // Nobody shall run a shop like this without knowing it.
  writeSync(2, `FAULTS are enabled: ${file}\n`);

  const happens = (chance: number | undefined): boolean => chance !== undefined && Math.random() < chance;

  return Object.freeze<Faults>({
    crashPoint: (point) => {
      if (settings.crash?.point !== point || --passesLeft > 0) return;
      writeSync(2, `FAULT crash at ${point}\n`);
      process.kill(process.pid, "SIGKILL");
    },
    disturb: (take) => async (delivery) => {
      const { duplicate, delay, maxDelayMs = 0 } = settings.deliveries ?? {};
      if (happens(delay)) await sleep(Math.random() * maxDelayMs);
      const twice = happens(duplicate);
      await Promise.all([take(delivery), ...(twice ? [take(copyOf(delivery))] : [])]);
    },
    provider: {
      get slowMs() {
        return settings.provider?.slowMs ?? 0;
      },
      next: () => {
        if (happens(settings.provider?.fails)) return "fails";
        if (happens(settings.provider?.slow)) return "slow";
        return happens(settings.provider?.answerLost) ? "answer lost" : undefined;
      },
    },
    clock: { now: () => Date.now() + (settings.clockOffsetMs ?? 0) },
  });
};

const read = (file: string | undefined): Faults => {
  if (file === undefined || file === "") return Object.freeze({});
  if (!file.startsWith("/")) throw new ConfigurationError("FAULTS", "is not the absolute path of a file of faults");
  return openFaults(file);
};

/** Read once from FAULTS, the path of a JSON file whose content may change while the process runs. */
export const faults: Faults = read(process.env.FAULTS);
