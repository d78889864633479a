import { type Environment, readEnvironment } from "@molecart/mixins/lib/config.ts";

export const inventoryConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    /** From the reservation to the question to orders whether the units are still wanted. */
    reservationMs: read.integer("INVENTORY_RESERVATION_SECONDS", 900, { min: 1, max: 86_400 }) * 1000,
  });
};
