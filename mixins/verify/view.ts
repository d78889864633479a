import { isEventName, producerOf } from "../contracts/index.ts";
import { consumerName } from "../messaging/event-bus.ts";
import type { Facts, InboxFact, MessagingFacts, OrderFact, OutboxFact, Units } from "./facts.ts";

/** What has become of an event at one of its consumers.
 *
 *    processed, discarded   settled
 *    failed, waiting        noted by the consumer, and to be tried again
 *    on its way             the bus has it for the consumer
 *    dead                   a dead letter
 *    lost                   the consumer knows nothing of it, and the bus has nothing for the consumer */
export type DeliveryState = "processed" | "discarded" | "failed" | "waiting" | "on its way" | "dead" | "lost";

export interface Delivery {
  event: OutboxFact;
  consumer: string;
  state: DeliveryState;
  noted?: InboxFact;
}

/** The facts, with the ways through them that the invariants go. */
export interface View extends Facts {
  /** Milliseconds since the epoch. */
  now: number;
  /** Every published event at each of its consumers, how many; and those that are not simply processed. */
  deliveries: { checked: number; unsettled: Delivery[] };
  ordersById: ReadonlyMap<string, OrderFact>;
  eventsById: ReadonlyMap<string, OutboxFact>;
  /** What a service has sent about an aggregate. */
  sent(service: string, aggregateId: string, type: string): readonly OutboxFact[];
  /** The types of the events of an aggregate that a service has processed. */
  processed(service: string, aggregateId: string): ReadonlySet<string>;
  /** Whether everything that was sent about an order has arrived, and nothing works on it now. What must be true in the end is
   *  asked of such orders; that something is under way, or stuck, is told by itself. */
  isAtRest(orderId: string): boolean;
  /** Whether the order is so old that events of it may have been taken out, so that one that is missing says nothing. */
  isTrimmed(orderId: string): boolean;
  /** Whether the event is so old that its sender may have taken it out. */
  mayBeTrimmed(eventId: string): boolean;
  /** Whether the service's store has a job for the aggregate. */
  hasJob(service: string, aggregateId: string): boolean;
  /** `order M-7KQ2 (0192…)`. */
  nameOf(orderId: string): string;
}

/** A broker may note an event, or trim its notes, some time off the moment that it was sent. */
const KEEP_MARGIN_MS = 3_600_000;

export const groupBy = <T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
};

export const unitsOf = (lines: Iterable<Units>): Map<string, number> => {
  const units = new Map<string, number>();
  for (const { sku, quantity } of lines) units.set(sku, (units.get(sku) ?? 0) + quantity);
  return new Map([...units].sort(([a], [b]) => (a < b ? -1 : 1)));
};

export const sameUnits = (a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean =>
  a.size === b.size && [...a].every(([sku, quantity]) => b.get(sku) === quantity);

const hasBeen = (order: OrderFact, status: OrderFact["status"]): boolean =>
  order.status === status || order.history.some((entry) => entry.status === status);

/** Whether the units and the money of an order have changed hands: it was confirmed, and not cancelled afterwards. */
export const isSold = (order: OrderFact): boolean => hasBeen(order, "confirmed") && !hasBeen(order, "cancelled");
export const isCancelled = (order: OrderFact): boolean => hasBeen(order, "cancelled");
export const isOpen = (order: OrderFact): boolean => !hasBeen(order, "confirmed") && !hasBeen(order, "cancelled");

/** Whether the sender of such events keeps them after sending, so that one that is not there was never sent. */
export const isKept = (facts: Facts, type: string): boolean =>
  isEventName(type) && facts.messaging.get(producerOf(type))?.outboxIsKept === true;

const stateOfNoted = ({ status }: InboxFact): DeliveryState => {
  switch (status) {
    case "processed":
    case "discarded":
    case "failed":
    case "dead":
      return status;
    default:
      return "waiting";
  }
};

const mayBeForgotten = (event: OutboxFact, { inboxKeepsMs, trimmedBefore }: MessagingFacts, now: number): boolean => {
  const createdAt = Date.parse(event.createdAt);
  if (inboxKeepsMs !== null && createdAt < now - inboxKeepsMs + KEEP_MARGIN_MS) return true;
  return trimmedBefore != null && createdAt < Date.parse(trimmedBefore) + KEEP_MARGIN_MS;
};

/** Whether the bus has lost the event, and its sender will send it again or has not noticed yet. */
const isSentAgain = ({ seq }: OutboxFact, { stream }: MessagingFacts, { storeId }: Facts["bus"]): boolean => {
  if (stream == null || storeId === undefined) return false;
  return stream.id !== storeId || (seq > stream.resendAfter && seq <= stream.resendUntil);
};

/** UUIDv7: the first twelve digits are milliseconds. NaN for any other id. */
const timeOf = (eventId: string): number =>
  /^[\da-f]{8}-[\da-f]{4}-7/.test(eventId) ? Number.parseInt(eventId.slice(0, 8) + eventId.slice(9, 13), 16) : Number.NaN;

const judgeDeliveries = (facts: Facts, now: number): View["deliveries"] => {
  const unsettled: Delivery[] = [];
  const unknown = new Map<string, Delivery[]>();
  const inboxes = new Map(
    [...facts.messaging].map(([service, { inbox }]) => [service, new Map(inbox.map((noted) => [noted.eventId, noted]))]),
  );
  let checked = 0;
  for (const sender of facts.messaging.values()) {
    for (const event of sender.outbox) {
      if (event.publishedAt === null) continue;
      for (const consumer of facts.consumersOf.get(event.type) ?? []) {
        const messaging = facts.messaging.get(consumer);
        if (messaging === undefined) continue;
        checked += 1;
        const noted = inboxes.get(consumer)?.get(event.eventId);
        if (noted !== undefined) {
          const state = stateOfNoted(noted);
          if (state !== "processed") unsettled.push({ event, consumer, state, noted });
        } else if (isSentAgain(event, sender, facts.bus)) {
          unsettled.push({ event, consumer, state: "on its way" });
        } else if (!mayBeForgotten(event, messaging, now)) {
          const name = consumerName({ service: consumer, event: event.type as never });
          const missing = unknown.get(name) ?? [];
          unknown.set(name, missing);
          missing.push({ event, consumer, state: "lost" });
        }
      }
    }
  }
  for (const [name, missing] of unknown) unsettled.push(...askBus(facts, name, missing));
  return { checked, unsettled };
};

/** Which of a consumer's missing events the bus still has for it. Where the bus tells only how many, the newest may be these. */
const askBus = (facts: Facts, name: string, missing: Delivery[]): Delivery[] => {
  const backlog = facts.bus.consumers.get(name);
  if (backlog === undefined) return missing.map((delivery) => ({ ...delivery, state: "on its way" }));
  const { count, eventIds } = backlog;
  if (eventIds !== null)
    return missing.map((delivery) => ({ ...delivery, state: eventIds.has(delivery.event.eventId) ? "on its way" : "lost" }));
  const oldestFirst = missing.sort((a, b) => (a.event.createdAt < b.event.createdAt ? -1 : 1));
  return oldestFirst.map((delivery, index) => ({ ...delivery, state: index < missing.length - count ? "lost" : "on its way" }));
};

export const viewOf = (facts: Facts, now: number): View => {
  const deliveries = judgeDeliveries(facts, now);
  const ordersById = new Map((facts.orders?.orders ?? []).map((order) => [order.id, order]));
  const restless = new Set<string>();
  const eventsById = new Map<string, OutboxFact>();
  const sent = new Map<string, OutboxFact[]>();
  const processed = new Map<string, Set<string>>();
  const withJobs = new Set<string>();

  for (const { event } of deliveries.unsettled) restless.add(event.aggregateId);
  for (const [service, { outbox, inbox, jobs }] of facts.messaging) {
    for (const event of outbox) {
      eventsById.set(event.eventId, event);
      if (event.publishedAt === null) restless.add(event.aggregateId);
      const key = `${service} ${event.aggregateId} ${event.type}`;
      const known = sent.get(key);
      if (known === undefined) sent.set(key, [event]);
      else known.push(event);
    }
    for (const { aggregateId, status, type } of inbox) {
      if (status !== "processed") restless.add(aggregateId);
      const key = `${service} ${aggregateId}`;
      const types = processed.get(key) ?? new Set();
      processed.set(key, types);
      if (status === "processed") types.add(type);
    }
    for (const { aggregateId, dueAt, attempts } of jobs) {
      withJobs.add(`${service} ${aggregateId}`);
      // One that is not due yet and was never begun is a deadline; any other is work in hand.
      if (dueAt <= now || attempts > 0) restless.add(aggregateId);
    }
  }

  const trimmedBefore = Math.max(
    ...[...facts.messaging.values()].map((messaging) =>
      messaging.trimmedBefore == null ? 0 : Date.parse(messaging.trimmedBefore) + KEEP_MARGIN_MS,
    ),
    0,
  );

  return {
    ...facts,
    now,
    deliveries,
    ordersById,
    eventsById,
    sent: (service, aggregateId, type) => sent.get(`${service} ${aggregateId} ${type}`) ?? [],
    processed: (service, aggregateId) => processed.get(`${service} ${aggregateId}`) ?? new Set(),
    isAtRest: (orderId) => !restless.has(orderId),
    isTrimmed: (orderId) => Date.parse(ordersById.get(orderId)?.createdAt ?? "") < trimmedBefore,
    mayBeTrimmed: (eventId) => timeOf(eventId) < trimmedBefore,
    hasJob: (service, aggregateId) => withJobs.has(`${service} ${aggregateId}`),
    nameOf: (orderId) => {
      const order = ordersById.get(orderId);
      return order === undefined ? `order ${orderId}` : `order ${order.number} (${orderId})`;
    },
  };
};
