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
}

/** Keeps the literal types of a contract, so that names, params, results and payloads can be derived from the one value. */
export const contract = <const C extends Contract>(value: C): C => value;

export type Params<A extends ActionContract> = Static<A["params"]>;
export type Result<A extends ActionContract> = Static<A["result"]>;
