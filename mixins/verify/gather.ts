import { access } from "node:fs/promises";
import type { ServiceSchema } from "moleculer";
import { installedServices } from "../launch.ts";
import type { Auditor } from "./auditor.ts";
import { readBus } from "./bus.ts";
import type { Facts, MessagingFacts, ServiceFacts } from "./facts.ts";
import type { StoreReader } from "./stores.ts";

const SERVICES = new URL("../../services/", import.meta.url);

interface Installed {
  name: string;
  /** The events that it must hear of. */
  durable: string[];
  /** Absent in a service without a store. */
  auditor: Auditor | undefined;
}

const load = async (name: string): Promise<Installed> => {
  const { default: schema } = (await import(new URL(`${name}/${name}.service.ts`, SERVICES).href)) as { default: ServiceSchema };
  const events = Object.entries((schema.events ?? {}) as Record<string, { durable?: unknown }>);
  const file = new URL(`${name}/${name}.audit.ts`, SERVICES);
  const hasAuditor = await access(file).then(
    () => true,
    () => false,
  );
  return {
    name,
    durable: events.filter(([, { durable }]) => durable !== undefined && durable !== false).map(([event]) => event),
    auditor: hasAuditor ? ((await import(file.href)) as { default: Auditor }).default : undefined,
  };
};

export const loadInstalled = async (): Promise<Installed[]> => Promise.all((await installedServices()).map(load));

const consumersOf = (services: readonly Installed[]): Map<string, string[]> => {
  const consumers = new Map<string, string[]>();
  for (const { name, durable } of services)
    for (const event of durable) consumers.set(event, [...(consumers.get(event) ?? []), name]);
  return consumers;
};

/** Reads every store once. The bus comes first: what it has handed over by then stands in the inboxes that are read after it. */
export const gatherFacts = async (services: readonly Installed[], stores: StoreReader): Promise<Facts> => {
  const bus = await readBus(stores);
  const messaging = new Map<string, MessagingFacts>();
  const domain: Partial<ServiceFacts> = {};
  for (const { name, auditor } of services) {
    if (auditor === undefined) continue;
    const { messaging: own, ...facts } = await auditor(stores);
    messaging.set(name, own);
    Object.assign(domain, facts);
  }
  return { ...domain, messaging, consumersOf: consumersOf(services), bus };
};
