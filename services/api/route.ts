import { Exactly, Id, type Role, Sku, type Viewer } from "@molecart/mixins/contracts/common.ts";
import {
  type ActionName,
  type ActionParams,
  type ActionResult,
  type Actions,
  actionsOf,
  contracts,
} from "@molecart/mixins/contracts/index.ts";
import { Fingerprint } from "@molecart/mixins/contracts/operations.ts";
import type { Scope } from "@molecart/mixins/contracts/users.ts";
import type { PricingRules } from "@molecart/mixins/lib/pricing.ts";
import type { Static, TSchema, TUndefined } from "typebox";

/** Who may use a route. Staff may use what customers may, and admins what staff may. */
export type Access = "public" | "guest-or-customer" | "customer" | "staff" | "admin";
/** Whose thing a route names; the caller's identity is put into the call for it, in one place. `self`: a thing of the caller's own,
 *  by `userId`. `viewer`: of its owner or for staff to see, by `viewer`. Services answer others as if it did not exist. */
export type Owner = "self" | "viewer";
export type IdempotencyKeyUse = "required" | "optional";
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Who calls, as the access token or the API key says. */
export interface Caller {
  userId: string;
  email: string;
  name: string;
  roles: Role[];
  /** Of an access token. */
  sessionId?: string;
  /** Of an API key: what it may be used for. Absent: everything that the roles allow. */
  scopes?: readonly Scope[];
}

/** A call to the mesh by its contract. */
export type CallMesh = <N extends ActionName>(name: N, params: ActionParams<N>) => Promise<ActionResult<N>>;

/** What an answer that no single action gives may use. */
export interface Desk {
  call: CallMesh;
  /** A part of an answer was left out. */
  reportPart(part: string, error: unknown): void;
  /** Of this node: what its services need, and whether the gateway sees the services of its routes. */
  checkHealth(): Promise<{
    status: "ok" | "degraded" | "unavailable";
    checks: Record<string, { status: "ok" | "degraded" | "failed" }>;
  }>;
}

/** The schema of each name that a path may hold. */
export const pathSchemas = { id: Id, sku: Sku, fingerprint: Fingerprint };
type PathName = keyof typeof pathSchemas;
type NamesIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

/** A request as its route sees it: authenticated, admitted and validated. */
export interface RouteRequest<P extends string, A extends Access, B extends TSchema, Q extends TSchema, K> {
  path: { [N in NamesIn<P>]: string };
  body: Static<B>;
  query: Static<Q>;
  caller: A extends "customer" | "staff" | "admin" ? Caller : Caller | undefined;
  /** Of the client, as addresses are counted. */
  address: string;
  /** The customer's or the guest's. */
  cartId: A extends "guest-or-customer" ? string : undefined;
  idempotencyKey: K extends "required" | "optional" ? string : undefined;
}

interface Common<P extends string, A extends Access, B extends TSchema, Q extends TSchema, K> {
  method: Method;
  /** Below /api/v1, or from the root where `root` is set. */
  path: NamesIn<P> extends PathName ? P : never;
  root?: true;
  access: A;
  /** What an API key must be good for to use it. Absent: it is closed to API keys. */
  scope?: Scope;
  /** Of a success. */
  status: 200 | 201 | 202 | 204;
  summary: string;
  body?: B;
  query?: Q;
  /** Optional: a request without one is taken for a new one. */
  idempotencyKey?: K;
  /** Counted against the limit of requests that try passwords or tokens. */
  limited?: true;
}

/** What is put into the params by `owner`. */
interface OwnedBy {
  self: "userId";
  viewer: "viewer";
}
type ParamsBeside<N extends ActionName, O> = O extends Owner ? Omit<ActionParams<N>, OwnedBy[O]> : ActionParams<N>;

export interface ActionRoute<
  P extends string,
  A extends Access,
  N extends ActionName,
  B extends TSchema,
  Q extends TSchema,
  K,
  O = undefined,
> extends Common<P, A, B, Q, K> {
  action: N;
  owner?: O;
  params(request: RouteRequest<P, A, B, Q, K>): ParamsBeside<N, O>;
  /** The answer to a guest who has no cart. Where it is absent, the guest gets one. */
  withoutCart?(rules: PricingRules): ActionResult<N>;
  /** Where the result is to be found, below /api/v1. */
  location?(result: ActionResult<N>): string;
  /** The result stands in the answer under this name; where it is absent, the result is the answer. */
  under?: string;
}

export interface AnswerRoute<P extends string, A extends Access, B extends TSchema, Q extends TSchema, R extends TSchema>
  extends Common<P, A, B, Q, undefined> {
  /** The actions that the answer is made of. */
  uses: readonly ActionName[];
  result: R;
  answer(desk: Desk, request: RouteRequest<P, A, B, Q, undefined>): Promise<Static<R>>;
  /** A status other than `status`, by the answer. */
  statusOf?(result: Static<R>): number;
}

/** Any request and any route, once the compiler has seen that they fit together. */
export type AnyRequest = {
  path: Record<string, string>;
  body: unknown;
  query: unknown;
  caller: Caller | undefined;
  address: string;
  cartId: string | undefined;
  idempotencyKey: string | undefined;
};

export interface Route {
  readonly method: Method;
  /** From the root: `/api/v1/products/{id}`. */
  readonly path: string;
  readonly access: Access;
  readonly scope: Scope | undefined;
  readonly owner: Owner | undefined;
  readonly status: number;
  readonly summary: string;
  readonly body: TSchema | undefined;
  readonly query: TSchema | undefined;
  readonly idempotencyKey: IdempotencyKeyUse | undefined;
  readonly limited: boolean;
  readonly uses: readonly ActionName[];
  readonly result: TSchema;
  answer(desk: Desk, request: AnyRequest): Promise<unknown>;
  withoutCart?(rules: PricingRules): unknown;
  location?(result: unknown): string;
  statusOf?(result: unknown): number;
}

const actions = Object.assign(
  {},
  ...Object.values(contracts).map((contract) =>
    Object.fromEntries(
      Object.entries(actionsOf(contract)).map(([action, definition]) => [
        `v${contract.version}.${contract.name}.${action}`,
        definition,
      ]),
    ),
  ),
) as Actions;

export const API_PREFIX = "/api/v1";

// biome-ignore lint/suspicious/noExplicitAny: the parts were checked against each other where they were given
const erase = (given: any, uses: readonly ActionName[], result: TSchema, answer: Route["answer"]): Route =>
  Object.freeze({
    body: undefined,
    query: undefined,
    ...given,
    path: given.root === true ? given.path : `${API_PREFIX}${given.path}`,
    scope: given.scope,
    owner: given.owner,
    idempotencyKey: given.idempotencyKey,
    limited: given.limited === true,
    uses,
    result,
    answer,
  });

/** Last, so that nothing of the request can stand in its place. */
const ownerParams = (owner: Owner | undefined, caller: Caller | undefined): { userId?: string; viewer?: Viewer } => {
  if (owner === undefined) return {};
  if (caller === undefined) throw new TypeError("A route that names somebody's thing was opened to nobody in particular");
  return owner === "self" ? { userId: caller.userId } : { viewer: { userId: caller.userId, roles: caller.roles } };
};

/** A route that one action of the mesh serves. */
export const actionRoute = <
  const P extends string,
  A extends Access,
  N extends ActionName,
  B extends TSchema = TUndefined,
  Q extends TSchema = TUndefined,
  K extends IdempotencyKeyUse | undefined = undefined,
  O extends Owner | undefined = undefined,
>(
  route: ActionRoute<P, A, N, B, Q, K, O>,
): Route => {
  const { action, params, under, location, owner } = route;
  const call = (desk: Desk, request: AnyRequest) =>
    desk.call(action, {
      ...(params(request as RouteRequest<P, A, B, Q, K>) as object),
      ...ownerParams(owner, request.caller),
    } as unknown as ActionParams<N>);
  const { result } = actions[action];
  if (under === undefined) return erase(route, [action], result, call);
  return erase(
    {
      ...route,
      ...(location && { location: (answer: Record<string, ActionResult<N>>) => location(answer[under] as ActionResult<N>) }),
    },
    [action],
    Exactly({ [under]: result }),
    async (desk, request) => ({ [under]: await call(desk, request) }),
  );
};

/** A route whose answer the gateway puts together. */
export const answerRoute = <
  const P extends string,
  A extends Access,
  R extends TSchema,
  B extends TSchema = TUndefined,
  Q extends TSchema = TUndefined,
>(
  route: AnswerRoute<P, A, B, Q, R>,
): Route => erase(route, route.uses, route.result, route.answer as Route["answer"]);
