import type { Mixin } from "@molecart/mixins/implement.ts";
import { messageOf, Unavailable } from "@molecart/mixins/lib/errors.ts";
import type { Inbox } from "@molecart/mixins/messaging/inbox.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { Service, ServiceBroker } from "moleculer";
import { openRedisStore } from "./cart.redis-store.ts";
import { openSqliteStore } from "./cart.sqlite-store.ts";
import type { CartStore, CartWork } from "./cart.store.ts";
import { cartsConfig } from "./carts.config.ts";

export interface CartStoreProps {
  store: CartStore;
  inbox: Inbox<CartWork>;
}

interface Owned extends Service, CartStoreProps {
  openStore(): Promise<CartStore>;
  healthChecks: Record<string, () => Promise<void>>;
}

/** Gives the service its store: Redis where REDIS_URL is set, a SQLite file otherwise. Opens it when the service starts and
 *  closes it when it stops. */
export const cartStore = (): Mixin<CartStoreProps, CartWork> =>
  ({
    ownsInbox: true,

    created(this: Owned) {
      const broker = this.broker as ServiceBroker;
      const { env, clock, bus } = runtimeOf(broker);
      const { redisUrl, namespace, file, keepMs } = cartsConfig(env);
      const log = this.logger;

      this.openStore = () =>
        redisUrl === undefined
          ? openSqliteStore({
              file,
              clock,
              keepMs,
              onPurgeError: (error) => log.warn("Expired carts wait for their removal", { error: messageOf(error) }),
            })
          : openRedisStore({ url: redisUrl, namespace, clientName: `${broker.nodeID}-carts`, clock, log });

      this.healthChecks = {
        ...this.healthChecks,
        [redisUrl === undefined ? "carts database" : "redis"]: async () => {
          if (this.store === undefined) throw new Unavailable("the store of carts");
          await this.store.ping();
        },
        events: () => bus.ping(),
      };
    },

    async started(this: Owned) {
      this.store = await this.openStore();
      this.inbox = this.store.inbox;
    },

    async stopped(this: Owned) {
      await this.store?.close();
    },
  }) as unknown as Mixin<CartStoreProps, CartWork>;
