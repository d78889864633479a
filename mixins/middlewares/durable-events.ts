import type { Context, Endpoint, EventSchema, Middleware, Service, ServiceBroker } from "moleculer";
import moleculer from "moleculer";
import type { EventName } from "../contracts/index.ts";
import type { Backoff } from "../lib/backoff.ts";
import { withCorrelation } from "../lib/correlation.ts";
import { messageOf } from "../lib/errors.ts";
import { EventConsumer } from "../messaging/consumer.ts";
import type { Envelope } from "../messaging/envelope.ts";
import type { Inbox, Outcome, Passage } from "../messaging/inbox.ts";
import { Releaser } from "../messaging/releaser.ts";
import { runtimeOf } from "../runtime.ts";

export interface DurableOptions {
  backoff?: Backoff;
  /** Events in hand at the same time on one broker. */
  concurrency?: number;
  maxAttempts?: number;
}

declare module "moleculer" {
  interface EventSchema {
    /** Delivered by the event bus: at least once, over any restart, with one effect. */
    durable?: boolean | DurableOptions;
  }
}

/** A service with durable handlers has an inbox, by one of the store mixins. */
export interface DurableService extends Service {
  inbox: Inbox<unknown>;
}

/** What the wrapper puts into `ctx.locals` of a durable handler. */
export interface DurableLocals<Work = unknown> {
  envelope: Envelope;
  passage: Passage;
  work: Work;
}

interface LocalEventEndpoint extends Endpoint {
  local: boolean;
  event: EventSchema & { service: DurableService; name: string; handler(ctx: Context): Promise<unknown> };
}
interface EventCatalog {
  events: { name: string; endpoints: LocalEventEndpoint[] }[];
}
const catalogOf = (broker: ServiceBroker): EventCatalog => (broker.registry as unknown as { events: EventCatalog }).events;

/** Hands a delivered event to the service's handler through the framework's own chain, so that validation, metrics, tracing
 *  and error handling apply to it as to any event. */
export const deliver = async (service: DurableService, envelope: Envelope, passage: Passage = "arrival"): Promise<Outcome> => {
  const { broker } = service;
  const endpoint = catalogOf(broker)
    .events.find((list) => list.name === envelope.type && list.endpoints.some((e) => e.local && e.event.service === service))
    ?.endpoints.find((e) => e.local && e.event.service === service);
  if (endpoint === undefined) throw new Error(`${service.fullName} has no handler for ${envelope.type}`);
  const { requestId, traceparent } = envelope;
  // The payload is copied: validation and handlers may change what they are given, and a retry must see the original.
  const context = moleculer.Context.create(
    broker,
    endpoint as never,
    structuredClone(envelope.data) as never,
    {
      requestID: requestId,
      meta: { traceparent },
    } as never,
  ) as Context;
  Object.assign(context, { eventName: envelope.type, eventType: "emit", locals: { envelope, passage } });
  return withCorrelation({ requestId, traceparent }, () => endpoint.event.handler(context)) as unknown as Promise<Outcome>;
};

const releasers = new WeakMap<Service, Releaser>();

/** An operator has settled a dead letter: what has waited for it can run now. (Other brokers look by themselves.) */
export const releaseParked = (service: Service): void => releasers.get(service)?.wake();

/** Makes event handlers that are marked `durable` steps of a saga: consumed from the event bus, each run inside the inbox. */
export const durableEvents = (): Middleware => {
  const consumers = new Map<Service, EventConsumer[]>();

  const attach = async (service: Service): Promise<void> => {
    if (consumers.has(service)) return;
    const events = Object.entries((service.schema.events ?? {}) as Record<string, EventSchema>).filter(
      ([, event]) => event.durable,
    );
    if (events.length === 0) return;
    const durable = service as DurableService;
    const attached = events.map(
      ([event, { durable: options }]) =>
        new EventConsumer({
          service: service.name,
          event: event as EventName,
          bus: runtimeOf(service.broker).bus,
          inbox: durable.inbox,
          handle: (envelope) => deliver(durable, envelope),
          log: service.logger,
          ...(typeof options === "object" ? options : {}),
        }),
    );
    const releaser = new Releaser({
      inbox: durable.inbox,
      release: (envelope) => deliver(durable, envelope, "release"),
      options: new Map(events.map(([event, { durable: options }]) => [event, typeof options === "object" ? options : {}])),
      onError: (error) => service.logger.warn("Parked events wait", { error: messageOf(error) }),
      log: service.logger,
    });
    consumers.set(service, attached);
    releasers.set(service, releaser);
    releaser.start();
    await Promise.all(attached.map((consumer) => consumer.start()));
  };

  const detach = async (service: Service): Promise<void> => {
    const attached = consumers.get(service) ?? [];
    consumers.delete(service);
    await Promise.all([...attached.map((consumer) => consumer.stop()), releasers.get(service)?.stop()]);
  };

  return {
    name: "DurableEvents",

    localEvent(next: (ctx: Context) => Promise<unknown>, event: EventSchema & { service: DurableService }) {
      if (!event.durable) return next;
      return async (ctx: Context) => {
        const locals = ctx.locals as Partial<DurableLocals>;
        // A plain emit of the same name: a durable handler listens to the bus alone.
        if (locals.envelope === undefined) return undefined;
        return event.service.inbox.process(
          locals.envelope,
          async (work) => {
            locals.work = work;
            await next(ctx);
          },
          locals.passage,
        );
      };
    },

    async starting(broker: ServiceBroker) {
      const runtime = runtimeOf(broker);
      if (runtime.busInUse) await runtime.bus.start();
    },
    async started(broker: ServiceBroker) {
      await Promise.all(broker.services.map(attach));
    },
    async serviceStarted(service: Service) {
      if (service.broker.started) await attach(service);
    },
    serviceStopping: detach,
    async stopping(broker: ServiceBroker) {
      await Promise.all(broker.services.map(detach));
    },
    async stopped(broker: ServiceBroker) {
      const runtime = runtimeOf(broker);
      if (runtime.busInUse) await runtime.bus.stop();
    },
  } as unknown as Middleware;
};
