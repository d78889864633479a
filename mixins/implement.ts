import type {
  ActionCacheOptions,
  ActionSchema,
  CallingOptions,
  Context,
  EventSchema,
  Service,
  ServiceBroker,
  ServiceSchema,
} from "moleculer";
import type { ActionContract, Contract, Params, Result } from "./contracts/contract.ts";
import type { ActionName, ActionParams, ActionResult, EventData, EventName } from "./contracts/index.ts";
import { eventSchema } from "./contracts/index.ts";
import { operations } from "./contracts/operations.ts";
import { currentCorrelation } from "./lib/correlation.ts";
import type { Envelope } from "./messaging/envelope.ts";
import type { JobHandler } from "./messaging/job-runner.ts";
import type { DeadlineLocals } from "./middlewares/deadlines.ts";
import type { DurableOptions } from "./middlewares/durable-events.ts";
import { operationHandlers } from "./operations/service-actions.ts";

/** Calls another service by its contract: names, params and results are checked by the compiler. */
export type Call = <N extends ActionName>(name: N, params: ActionParams<N>, options?: CallingOptions) => Promise<ActionResult<N>>;

export interface Meta {
  traceparent?: string;
}

export interface ActionContext<P> extends Omit<Context<P, Meta, DeadlineLocals>, "call"> {
  call: Call;
}

/** `ctx` of a durable handler: the payload, and the transaction that its effect belongs to. */
export interface DurableContext<N extends EventName, Work>
  extends Omit<Context<EventData<N>, Meta, { work: Work; envelope: Envelope<N> }>, "call"> {
  call: Call;
}

/** A mixin that adds `Props` to `this`, and, where it owns a store, says what its unit of work is. */
export interface Mixin<Props = object, Work = never> extends Partial<ServiceSchema> {
  /** It gives the service an inbox, and with it the actions for operators. */
  readonly ownsInbox?: true;
  /** Types only; never there. */
  readonly __types?: { props: Props; work: Work };
}

type MixinList = readonly Mixin<unknown, unknown>[];
type UnionToIntersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;
type PropsOf<M extends MixinList> = UnionToIntersection<
  M[number] extends infer X ? (X extends Mixin<infer P, infer _W> ? P : never) : never
>;
type WorkOf<M extends MixinList> = M[number] extends infer X ? (X extends Mixin<infer _P, infer W> ? W : never) : never;

type ActionHandler<A extends ActionContract> = (ctx: ActionContext<Params<A>>) => Promise<Result<A>> | Result<A>;
type ActionDefinition<A extends ActionContract> =
  | ActionHandler<A>
  | (Pick<ActionSchema, "visibility" | "bulkhead" | "circuitBreaker" | "hooks"> & {
      cache?: boolean | ActionCacheOptions;
      /** Milliseconds; the broker's request timeout otherwise. */
      timeout?: number;
      handler: ActionHandler<A>;
    });

type DurableDefinition<N extends EventName, Work> = DurableOptions & {
  handler(ctx: DurableContext<N, Work>): Promise<void>;
};

export interface Definition<C extends Contract, V, Methods, M extends MixinList> {
  mixins?: M;
  settings?: ServiceSchema["settings"];
  dependencies?: ServiceSchema["dependencies"];
  /** The service's own state, made anew for each broker: configuration, clients, caches. May throw a configuration error. */
  vars?: (broker: ServiceBroker) => V;
  methods?: Methods;
  actions: { [K in keyof C["actions"]]: ActionDefinition<C["actions"][K]> };
  /** Steps of sagas: durable, exactly one effect. */
  durable?: { [N in EventName]?: DurableDefinition<N, WorkOf<M>> };
  /** Ordinary events of the framework: fire and forget. */
  events?: Record<string, EventSchema>;
  /** Work that is due at a time; see the database mixin. */
  jobs?: Record<string, JobHandler<WorkOf<M>>>;
  created?(): void;
  started?(): Promise<void>;
  stopped?(): Promise<void>;
}

/** Every service can call others, also outside of a context (from a job or a timer). */
export interface Caller {
  call: Call;
}

/** Makes the Moleculer schema of a service from its contract and the code behind it. The contract gives name, version,
 *  params and payload schemas; `ctx` and `this` are typed from it and from the mixins. A service with an inbox also offers what
 *  operators need; see contracts/operations.ts. */
export const implement = <const C extends Contract, V = object, Methods = object, const M extends MixinList = readonly []>(
  contract: C,
  definition: Definition<C, V, Methods, M> & ThisType<Service & Caller & V & Methods & PropsOf<M>>,
): ServiceSchema => {
  const { mixins, settings, dependencies, vars, methods, actions, durable, events, jobs, created, started, stopped } = definition;

  const hasInbox = mixins?.some(({ ownsInbox }) => ownsInbox === true) ?? false;
  const offered: Record<string, ActionContract> = { ...(hasInbox && operations), ...contract.actions };
  const handlers = { ...(hasInbox && operationHandlers), ...actions } as Record<string, ActionDefinition<ActionContract>>;
  const actionSchemas = Object.entries(offered).map(([name, { params, idempotent }]) => {
    const action = handlers[name] as ActionDefinition<ActionContract>;
    // The framework asks only plain functions or objects of them; repeats on another node are safe where the contract says so.
    const rest = typeof action === "function" ? { handler: action } : action;
    return [name, { params, retryPolicy: { enabled: idempotent === true }, ...rest }];
  });
  const durableSchemas = Object.entries(durable ?? {}).map(([name, step]) => {
    const { handler, ...options } = step as DurableDefinition<EventName, unknown>;
    return [name, { params: eventSchema(name as EventName), durable: options, handler }];
  });

  return {
    name: contract.name,
    version: contract.version,
    mixins: mixins as ServiceSchema["mixins"],
    settings: settings ?? {},
    ...(dependencies === undefined ? {} : { dependencies }),
    methods: {
      ...(methods as ServiceSchema["methods"]),
      call(this: Service, name: string, params: unknown, options: CallingOptions = {}) {
        const correlation = currentCorrelation();
        return this.broker.call(name, params as object, {
          ...(correlation && { requestID: correlation.requestId, meta: { traceparent: correlation.traceparent } }),
          ...options,
        });
      },
    },
    actions: Object.fromEntries(actionSchemas),
    events: { ...events, ...Object.fromEntries(durableSchemas) },
    ...(jobs === undefined ? {} : { jobs }),
    created(this: Service) {
      Object.assign(this, vars?.(this.broker));
      created?.call(this as never);
    },
    started(this: Service) {
      return started?.call(this as never);
    },
    stopped(this: Service) {
      return stopped?.call(this as never);
    },
  } as unknown as ServiceSchema;
};
