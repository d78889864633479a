import type { ActionSchema, Context, Middleware, Service } from "moleculer";
import { asDatabaseError } from "../database/database-errors.ts";

/** Names an outage of a service's store as what it is, wherever in an action it was met: callers and clients are told that a
 *  repeat may succeed, and nothing of the driver's words. */
export const storeOutages = (): Middleware =>
  ({
    name: "StoreOutages",
    localAction(next: (ctx: Context) => Promise<unknown>, action: ActionSchema & { service: Service }) {
      return (ctx: Context) =>
        next(ctx).catch((error: unknown) => {
          throw asDatabaseError(action.service.name, error);
        });
    },
  }) as unknown as Middleware;
