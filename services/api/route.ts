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
import { Slug } from "@molecart/mixins/contracts/products.ts";
import type { Scope } from "@molecart/mixins/contracts/users.ts";
import type { PricingRules } from "@molecart/mixins/lib/pricing.ts";
import { type Static, type TSchema, type TUndefined, Type } from "typebox";
import type { CachedKind } from "./answer-cache.ts";
import type { Content } from "./content.ts";
import type { LimitClass } from "./limit-class.ts";

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
  /** Of an API key. */
  keyId?: string;
  /** Of an API key: what it may be used for. Absent: everything that the roles allow. */
  scopes?: readonly Scope[];
}

/** A call to the mesh by its contract. `timeoutMs`: how long an answer is waited for, repeats included; less where the request itself
 *  has less time. */
export type CallMesh = <N extends ActionName>(
  name: N,
  params: ActionParams<N>,
  options?: { timeoutMs?: number },
) => Promise<ActionResult<N>>;

/** What an answer that no single action gives may use. */
export interface Desk {
  call: CallMesh;
  /** Milliseconds that the client still waits. */
  remainingMs(): number;
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
  caller: A extends "customer" | "staff" | "admin" ? Caller : Caller | undefined;
  /** Of the client, as addresses are counted. */
  address: string;
  /** The customer's or the guest's. */
  cartId: A extends "guest-or-customer" ? string : undefined;
  idempotencyKey: K extends "required" | "optional" ? string : undefined;
  /** By If-Match, where the route is conditional; undefined: whatever is there. */
  expectedVersion: number | undefined;
}

interface Common<P extends string, A extends Access, B extends TSchema, Q extends TSchema, K> {
  /** Of its operation in the documents, and of the client's method: as stable as its path. */
  name: string;
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
  /** Takes If-Match with a tag that `versionOf` has made: a change of another version is refused. */
  conditional?: true;
  /** What it is counted with; `read` for GET and `write` for the others where it is absent. */
  limit?: LimitClass;
  /** The gateway keeps the answer, the same for everybody who is not staff, until what it shows of the catalogue changes. It is
   *  asked for in nobody's name, so this is for public routes only. */
  cache?: A extends "public" ? CachedKind : never;
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

/** Server-Sent Events: `data` by the name of its event. */
export interface StreamEvent {
  /** Counts up within the stream. The last event has none: it stands for no step. */
  id?: number;
  event: string;
  data: unknown;
}

/** What a stream tells after an id. */
export interface StreamPart {
  events: StreamEvent[];
  /** The newest id that there is. */
  last: number;
  /** Told after the newest one where nothing more is to come; the stream ends with it. */
  end: StreamEvent | undefined;
}

/** A stream of events about one topic. It is read again when a hint about its topic has come, and now and then. */
export interface StreamRoute<P extends string, A extends "customer" | "staff", E extends Record<string, TSchema>>
  extends Pick<Common<P, A, TUndefined, TUndefined, undefined>, "name" | "path" | "access" | "scope" | "summary"> {
  /** Whose thing it tells of; `read` is given who asks. */
  owner: "viewer";
  /** The actions that it reads. */
  uses: readonly ActionName[];
  /** The schema of the data of each event. */
  events: E;
  topic(request: RouteRequest<P, A, TUndefined, TUndefined, undefined>): string;
  /** What comes after an id; 0 is before the first. Throws what refuses the caller. */
  read(
    call: CallMesh,
    request: RouteRequest<P, A, TUndefined, TUndefined, undefined>,
    after: number,
    viewer: Viewer,
  ): Promise<StreamPart>;
}

/** What the gateway needs of a route whose answer is a stream (`text/event-stream`). */
export interface Stream {
  readonly events: Readonly<Record<string, TSchema>>;
  topic(request: AnyRequest): string;
  read(call: CallMesh, request: AnyRequest, after: number): Promise<StreamPart>;
}

/** For clients that cannot set the Last-Event-ID header. */
export const LastEventId = Type.Integer({ minimum: 0, maximum: 999_999_999 });

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
  extends Pick<Common<P, "staff", TUndefined, Q, undefined>, "name" | "path" | "scope" | "summary" | "query"> {
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
  address: string;
  cartId: string | undefined;
  idempotencyKey: string | undefined;
  expectedVersion?: number | undefined;
};

/** An answer that is the same for everybody until the gateway is another one. */
export interface Page {
  /** Its Content-Type. */
  type: string;
  /** Made at the first need. */
  content(): Content;
  /** In the place of the usual ones. */
  headers?: Readonly<Record<string, string>>;
}

export interface Route {
  readonly name: string;
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
  readonly limit: LimitClass;
  readonly cache: CachedKind | undefined;
  readonly conditional: boolean;
  /** Set where body or answer go through piece by piece: it is used instead of `answer`. */
  readonly transfer?: Transfer;
  readonly uses: readonly ActionName[];
  /** Of a stream: the data of any of its events. */
  readonly result: TSchema;
  /** Set where the answer is a stream: it is read instead of answered. */
  readonly stream?: Stream;
  readonly page?: Page;
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
const erase = (given: any, uses: readonly ActionName[], result: TSchema, answer: Route["answer"]): Route => {
  // Also where a cast has silenced the compiler.
  if (given.cache !== undefined && (given.access !== "public" || given.method !== "GET"))
    throw new TypeError(`${given.method} ${given.path} must not be cached: only what anybody may read`);
  return Object.freeze({
    body: undefined,
    query: undefined,
    ...given,
    path: given.root === true ? given.path : `${API_PREFIX}${given.path}`,
    scope: given.scope,
    owner: given.owner,
    idempotencyKey: given.idempotencyKey,
    limit: given.limit ?? (given.method === "GET" ? "read" : "write"),
    cache: given.cache,
    conditional: given.conditional === true,
    uses,
    result,
    answer,
  });
};

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

/** A route whose answer goes on: Server-Sent Events, to be taken up again by Last-Event-ID. */
export const streamRoute = <const P extends string, A extends "customer" | "staff", const E extends Record<string, TSchema>>(
  route: StreamRoute<P, A, E>,
): Route => {
  const { events, topic, read, ...common } = route;
  const stream = {
    events,
    topic,
    read: (call: CallMesh, request: AnyRequest, after: number) =>
      read(call, request as never, after, ownerParams(route.owner, request.caller).viewer as Viewer),
  } as Stream;
  return erase(
    { ...common, method: "GET", status: 200, query: Exactly({ lastEventId: Type.Optional(LastEventId) }), stream },
    route.uses,
    Type.Union(Object.values(events)),
    () => Promise.reject(new TypeError("A stream is read, not answered")),
  );
};

/** A page or a file that the gateway itself has. */
export const pageRoute = (name: string, path: string, summary: string, page: Page): Route =>
  erase(
    { name, method: "GET", root: true, path, access: "public", status: 200, summary, page },
    [],
    Type.Unknown(),
    async () => null,
  );

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
