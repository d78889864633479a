import { Degraded } from "@molecart/mixins/health.ts";
import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { ServiceBroker } from "moleculer";
import type { Route } from "./route.ts";

interface Registry {
  getServiceList(options: { onlyAvailable: boolean; skipInternal: boolean }): { fullName: string }[];
}

/** `v1.orders.create` -> `v1.orders` */
const serviceOf = (action: string): string => action.slice(0, action.lastIndexOf("."));

/** The gateway starts its work when it has seen every service of its routes, one check per service, so that a missing one is
 *  named. A service that goes away later takes its own routes with it and leaves the others: the shop is degraded, not down. */
export const readinessChecks = (broker: ServiceBroker, routes: readonly Route[]): Record<string, () => Promise<void>> => {
  const registry = broker.registry as unknown as Registry;
  const names = [...new Set(routes.flatMap(({ uses }) => uses.map(serviceOf)))].sort();
  const seen = new Set<string>();
  return Object.fromEntries(
    names.map((name) => [
      `service ${name}`,
      async () => {
        const visible = registry.getServiceList({ onlyAvailable: true, skipInternal: true });
        if (visible.some(({ fullName }) => fullName === name)) seen.add(name);
        else if (seen.has(name)) throw new Degraded(`service ${name}`);
        else throw new Unavailable(`service ${name}`);
      },
    ]),
  );
};
