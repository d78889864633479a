import { mkdirSync } from "node:fs";
import type { ShopAddresses } from "@molecart/client/demo/customer.ts";
import type { RunningServer } from "../support/servers/process.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";
import type { Supervised } from "./supervised.ts";
import type { ProviderFact } from "./webhooks.ts";

/** A shop that faults can be done to. */
export interface World {
  brokers: readonly Member[];
  servers: ReadonlyMap<string, RunningServer>;
  /** As `verify` reads the stores: past the proxies. */
  env: Record<string, string>;
  addresses: ShopAddresses;
  webhookSecret: string;
  /** What customers order; some of it is scarce. */
  skus: readonly string[];
  providerFacts(): Promise<ProviderFact[]>;
  /** Copies the servers' data and last words into the folder. */
  keepEvidence(folder: string): Promise<void>;
  close(): Promise<void>;
}

export interface Member {
  process: Supervised;
  services: readonly string[];
  /** By server: the way on which this broker reaches it. */
  links: ReadonlyMap<string, TcpProxy>;
}

/** What a world tells while it runs. */
export interface Witness {
  folder: string;
  onDeath(broker: string, died: { signal: NodeJS.Signals | null; code: number | null }): void;
  onReady(broker: string, afterMs: number): void;
}

/** One answer after the other, as a load balancer without health checks. */
export const inTurn = (addresses: readonly string[]): (() => string) => {
  let next = 0;
  return () => addresses[next++ % addresses.length] as string;
};

export const foldersIn = (folder: string) => {
  const of = (name: string) => {
    const path = `${folder}/${name}`;
    mkdirSync(path, { recursive: true });
    return path;
  };
  return { logs: of("logs"), faults: of("faults"), data: of("data") };
};

/** Deadlines so short that a jump of the clock passes them, and patience so short that the provider exceeds it. */
export const SETTINGS = {
  HOST: "127.0.0.1",
  LOG_LEVEL: "warn",
  RATE_LIMIT: "off",
  PAYMENTS_SANDBOX_LATE_MS: "1000",
  PAYMENTS_PROVIDER_TIMEOUT_MS: "1500",
  ORDERS_PAYMENT_DUE_SECONDS: "60",
  INVENTORY_RESERVATION_SECONDS: "45",
  NOTIFICATIONS_TRANSPORT: "files",
};
