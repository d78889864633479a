import { Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { ServiceBroker } from "moleculer";
import type { Route } from "./route.ts";

interface Registry {
  getServiceList(options: { onlyAvailable: boolean; skipInternal: boolean }): { fullName: string }[];
}

/** `v1.orders.create` -> `v1.orders` */
const serviceOf = (action: string): string => action.slice(0, action.lastIndexOf("."));

/** The gateway is of use when it sees the services of its routes; one check per service, so that a missing one is named. */
export const readinessChecks = (broker: ServiceBroker, routes: readonly Route[]): Record<string, () => Promise<void>> => {
  const registry = broker.registry as unknown as Registry;
  const names = [...new Set(routes.flatMap(({ uses }) => uses.map(serviceOf)))].sort();
  return Object.fromEntries(
    names.map((name) => [
      `service ${name}`,
      async () => {
        const visible = registry.getServiceList({ onlyAvailable: true, skipInternal: true });
        if (!visible.some(({ fullName }) => fullName === name)) throw new Unavailable(`service ${name}`);
      },
    ]),
  );
};
