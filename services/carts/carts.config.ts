import { type Environment, REDIS, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";
import { messagingKeepMs } from "@molecart/mixins/messaging/housekeeper.ts";

export const cartsConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    pricing: readPricingRules(read),
    /** Absent: embedded, in `file`. */
    redisUrl: read.url("REDIS_URL", REDIS),
    namespace: read.text("NAMESPACE", "molecart"),
    keepMs: messagingKeepMs(read),
    file: `${read.dataDir}/carts.db`,
  });
};
