import { setTimeout as sleep } from "node:timers/promises";
import type { Delivery, EventBus } from "@molecart/mixins/messaging/event-bus.ts";
import type { Random } from "./random.ts";

export interface Unruliness {
  /** Of a delivery that waits before it is handed over, and of how long: others overtake it. */
  delayed: number;
  longestDelayMs: number;
  /** Of one that is put back first, and comes again later. */
  putBack: number;
  /** Of one that comes twice, at the same moment or one after the other. */
  repeated: number;
  /** Of an ack that is lost: the event is handed out again although its effect is there. */
  ackLost: number;
}

const CONCURRENCY = 64;

/** Makes a bus deliver as badly as it may: late, in another order, repeatedly. Before its broker starts. */
export const makeUnruly = (bus: EventBus, random: Random, rates: Unruliness): { calm(): void } => {
  const subscribe = bus.subscribe.bind(bus);
  let calm = false;
  const happens = (rate: number): boolean => !calm && random.chance(rate);
  bus.subscribe = (options) => {
    const take = async (delivery: Delivery): Promise<void> => {
      if (happens(rates.putBack)) return delivery.retry(random.below(rates.longestDelayMs));
      if (happens(rates.delayed)) await sleep(random.below(rates.longestDelayMs));
      if (!happens(rates.repeated)) return options.onDelivery(faulty(delivery));
      const copy: Delivery = { message: delivery.message, ack() {}, retry() {}, extend() {} };
      const first = options.onDelivery(copy);
      if (random.chance(0.5)) await first;
      await Promise.all([first, options.onDelivery(faulty(delivery))]);
    };
    const faulty = (delivery: Delivery): Delivery => ({
      message: delivery.message,
      ack: () => (happens(rates.ackLost) ? delivery.retry(random.below(rates.longestDelayMs)) : delivery.ack()),
      retry: (delayMs) => delivery.retry(delayMs),
      extend: () => delivery.extend(),
    });
    return subscribe({ ...options, concurrency: CONCURRENCY, onDelivery: take });
  };
  return {
    calm: () => {
      calm = true;
    },
  };
};
