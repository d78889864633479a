import type { Static, TSchema } from "typebox";
import { carts } from "./carts.ts";
import type { ActionContract, Contract, Params, Result } from "./contract.ts";
import { inventory } from "./inventory.ts";
import { notifications } from "./notifications.ts";
import { operations } from "./operations.ts";
import { orders } from "./orders.ts";
import { payments } from "./payments.ts";
import { products } from "./products.ts";
import { shipping } from "./shipping.ts";
import { users } from "./users.ts";

/** The map of the mesh: what every service offers, sends and refuses. */
export const contracts = { users, products, inventory, carts, orders, payments, shipping, notifications };

type Contracts = (typeof contracts)[keyof typeof contracts];
type UnionToIntersection<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;

type ActionsOf<C> = C extends { name: infer N extends string; version: infer V extends number; actions: infer A }
  ? { [K in keyof A & string as `v${V}.${N}.${K}`]: A[K] } & {
      [K in keyof typeof operations as `v${V}.${N}.${K}`]: (typeof operations)[K];
    }
  : never;

/** Every action of the mesh by its full name, such as `v1.orders.create`. */
export type Actions = UnionToIntersection<ActionsOf<Contracts>>;
export type ActionName = keyof Actions & string;
export type ActionParams<N extends ActionName> = Actions[N] extends infer A extends ActionContract ? Params<A> : never;
export type ActionResult<N extends ActionName> = Actions[N] extends infer A extends ActionContract ? Result<A> : never;

export type ServiceName = keyof typeof contracts;
export const serviceNames = Object.keys(contracts) as ServiceName[];
/** Each of them has an inbox, and with it the actions for operators. */
export const actionsOf = ({ actions }: Contract): Record<string, ActionContract> => ({ ...actions, ...operations });

/** Every durable event of the mesh. */
export type Events = UnionToIntersection<Contracts["events"]>;
export type EventName = keyof Events & string;
export type EventData<N extends EventName> = Events[N] extends infer S extends TSchema ? Static<S> : never;

const eventSchemas = Object.assign({}, ...Object.values(contracts).map((c) => c.events)) as Events;
export const eventNames = Object.keys(eventSchemas) as EventName[];
export const eventSchema = <N extends EventName>(name: N): Events[N] => eventSchemas[name];
export const isEventName = (name: string): name is EventName => Object.hasOwn(eventSchemas, name);

/** Every hint of the mesh: told to those who are there, without a promise. */
export type Hints = UnionToIntersection<Extract<Contracts, { hints: unknown }>["hints"]>;
export type HintName = keyof Hints & string;
export type HintData<N extends HintName> = Hints[N] extends infer S extends TSchema ? Static<S> : never;

/** The service that sends an event. */
export const producerOf = (name: EventName): string => Object.values(contracts).find((c) => Object.hasOwn(c.events, name))!.name;
