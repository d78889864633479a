import { Exactly, Id, type Role, Sku } from "@molecart/mixins/contracts/common.ts";
import {
  type ActionName,
  type ActionParams,
  type ActionResult,
  type Actions,
  actionsOf,
  contracts,
} from "@molecart/mixins/contracts/index.ts";
import { Fingerprint } from "@molecart/mixins/contracts/operations.ts";
import { Slug } from "@molecart/mixins/contracts/products.ts";
import type { PricingRules } from "@molecart/mixins/lib/pricing.ts";
import { type Static, type TSchema, type TUndefined, Type } from "typebox";

/** Who may use a route. Staff may use what customers may. */
export type Access = "public" | "guest-or-customer" | "customer" | "staff";
export type IdempotencyKeyUse = "required" | "optional";
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** Who calls, as the access token says. */
export interface Caller {
  userId: string;
  email: string;
  name: string;
  roles: Role[];
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
export const pathSchemas = { id: Id, sku: Sku, slug: Slug, fingerprint: Fingerprint };
type PathName = keyof typeof pathSchemas;
type NamesIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

/** A request as its route sees it: authenticated, admitted and validated. */
export interface RouteRequest<P extends string, A extends Access, B extends TSchema, Q extends TSchema, K> {
  path: { [N in NamesIn<P>]: string };
  body: Static<B>;
  query: Static<Q>;
  caller: A extends "customer" | "staff" ? Caller : Caller | undefined;
  /** The customer's or the guest's. */
  cartId: A extends "guest-or-customer" ? string : undefined;
  idempotencyKey: K extends "required" | "optional" ? string : undefined;
  /** By If-Match, where the route is conditional; undefined: whatever is there. */
  expectedVersion: number | undefined;
}

interface Common<P extends string, A extends Access, B extends TSchema, Q extends TSchema, K> {
  method: Method;
  /** Below /api/v1, or from the root where `root` is set. */
  path: NamesIn<P> extends PathName ? P : never;
  root?: true;
  access: A;
  /** Of a success. */
  status: 200 | 201 | 202 | 204;
  summary: string;
  body?: B;
  query?: Q;
  /** Optional: a request without one is taken for a new one. */
  idempotencyKey?: K;
  /** Takes If-Match with a tag that `versionOf` has made: a change of another version is refused. */
  conditional?: true;
  /** Counted against the limit of requests that try passwords or tokens. */
  limited?: true;
}

export interface ActionRoute<P extends string, A extends Access, N extends ActionName, B extends TSchema, Q extends TSchema, K>
  extends Common<P, A, B, Q, K> {
  action: N;
  params(request: RouteRequest<P, A, B, Q, K>): ActionParams<N>;
  /** The answer to a guest who has no cart. Where it is absent, the guest gets one. */
  withoutCart?(rules: PricingRules): ActionResult<N>;
  /** The version of what is answered; the answer then has a strong ETag. */
  versionOf?(result: ActionResult<N>): number;
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

/** A body that is too large to be there at once. */
export interface Upload {
  /** Where in the whole it begins. */
  offset: number;
  /** The whole ends with it. */
  complete: boolean;
  body: AsyncIterable<Buffer>;
}

/** What the gateway needs of a route whose body or answer goes through it piece by piece. */
export type Transfer =
  | { kind: "upload"; take(call: CallMesh, request: AnyRequest, upload: Upload): Promise<unknown> }
  | {
      kind: "download";
      types: readonly string[];
      file(request: AnyRequest): { type: string; fileName: string };
      pieces(call: CallMesh, request: AnyRequest): AsyncIterable<string>;
    };

interface TransferRoute<P extends string, Q extends TSchema>
  extends Pick<Common<P, "staff", TUndefined, Q, undefined>, "path" | "summary" | "query"> {
  /** The actions that it calls. */
  uses: readonly ActionName[];
}

/** Any body (the media type is not looked at), from `Upload-Offset` on (0 where it is absent); `Upload-Complete: ?0` says that
 *  more of it will come in another request. */
export interface UploadRoute<P extends string, Q extends TSchema, R extends TSchema> extends TransferRoute<P, Q> {
  result: R;
  take(call: CallMesh, request: RouteRequest<P, "staff", TUndefined, Q, undefined>, upload: Upload): Promise<Static<R>>;
}

export interface DownloadRoute<P extends string, Q extends TSchema> extends TransferRoute<P, Q> {
  /** The media types that it may answer. */
  types: readonly string[];
  file(request: RouteRequest<P, "staff", TUndefined, Q, undefined>): { type: string; fileName: string };
  pieces(call: CallMesh, request: RouteRequest<P, "staff", TUndefined, Q, undefined>): AsyncIterable<string>;
}

/** Any request and any route, once the compiler has seen that they fit together. */
export type AnyRequest = {
  path: Record<string, string>;
  body: unknown;
  query: unknown;
  caller: Caller | undefined;
  cartId: string | undefined;
  idempotencyKey: string | undefined;
  expectedVersion?: number | undefined;
};

export interface Route {
  readonly method: Method;
  /** From the root: `/api/v1/products/{id}`. */
  readonly path: string;
  readonly access: Access;
  readonly status: number;
  readonly summary: string;
  readonly body: TSchema | undefined;
  readonly query: TSchema | undefined;
  readonly idempotencyKey: IdempotencyKeyUse | undefined;
  readonly limited: boolean;
  readonly conditional: boolean;
  /** Set where body or answer go through piece by piece: it is used instead of `answer`. */
  readonly transfer?: Transfer;
  readonly uses: readonly ActionName[];
  readonly result: TSchema;
  answer(desk: Desk, request: AnyRequest): Promise<unknown>;
  withoutCart?(rules: PricingRules): unknown;
  location?(result: unknown): string;
  versionOf?(result: unknown): number;
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
    idempotencyKey: given.idempotencyKey,
    limited: given.limited === true,
    conditional: given.conditional === true,
    uses,
    result,
    answer,
  });

/** A route that one action of the mesh serves. */
export const actionRoute = <
  const P extends string,
  A extends Access,
  N extends ActionName,
  B extends TSchema = TUndefined,
  Q extends TSchema = TUndefined,
  K extends IdempotencyKeyUse | undefined = undefined,
>(
  route: ActionRoute<P, A, N, B, Q, K>,
): Route => {
  const { action, params, under, location } = route;
  const call = (desk: Desk, request: AnyRequest) => desk.call(action, params(request as RouteRequest<P, A, B, Q, K>));
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

const transferRoute = (given: object, transfer: unknown, uses: readonly ActionName[], result: TSchema): Route =>
  erase({ access: "staff", status: 200, ...given, transfer }, uses, result, () =>
    Promise.reject(new TypeError("A transfer is not answered at once")),
  );

/** A route that takes a body of any size, for staff. */
export const uploadRoute = <const P extends string, R extends TSchema, Q extends TSchema = TUndefined>(
  route: UploadRoute<P, Q, R>,
): Route => {
  const { uses, result, take, ...given } = route;
  return transferRoute({ ...given, method: "PATCH" }, { kind: "upload", take }, uses, result);
};

/** A route that answers a file of any size, for staff. */
export const downloadRoute = <const P extends string, Q extends TSchema = TUndefined>(route: DownloadRoute<P, Q>): Route => {
  const { uses, types, file, pieces, ...given } = route;
  return transferRoute({ ...given, method: "GET" }, { kind: "download", types, file, pieces }, uses, Type.String());
};
