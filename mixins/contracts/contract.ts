import type { Static, TSchema } from "typebox";

export interface ActionContract {
  params: TSchema;
  result: TSchema;
  /** A repeat with the same params has no further effect, so the broker may retry it on another node. */
  idempotent?: true;
}

export interface Contract {
  name: string;
  version: number;
  actions: Record<string, ActionContract>;
  /** What the service tells the world: event name -> payload. */
  events: Record<string, TSchema>;
  /** What it says in passing, name -> payload: to whoever is there, and lost on whoever is not. Whoever acts on one also looks
   *  by himself now and then. */
  hints?: Record<string, TSchema>;
  /** Stable code -> what it means to a client. */
  errors: Record<string, string>;
  /** Action -> the codes of `errors` that it may answer, with their HTTP status. Of an action that is not named here, clients
   *  are told that it may answer any code of its service. */
  refusals?: Record<string, Record<string, number | readonly number[]>>;
  /** The durable events that the service handles, its own and others'. */
  handles?: readonly string[];
}

/** Keeps the literal types of a contract, so that names, params, results and payloads can be derived from the one value. */
export const contract = <const C extends Contract>(value: C): C => value;

export type Params<A extends ActionContract> = Static<A["params"]>;
export type Result<A extends ActionContract> = Static<A["result"]>;
