import type { Contract } from "@molecart/mixins/contracts/contract.ts";
import { contracts } from "@molecart/mixins/contracts/index.ts";
import { operationErrors, operationRefusals } from "@molecart/mixins/contracts/operations.ts";
import type { TSchema } from "typebox";
import { type EdgeCode, edgeErrors } from "../api.errors.ts";
import type { Route } from "../route.ts";

/** A problem that a route may answer. */
export interface PossibleRefusal {
  /** `4XX` where the contract does not say which. */
  status: number | "4XX";
  code: string;
  meaning: string;
}

const edge = (status: number, code: EdgeCode): PossibleRefusal => ({ status, code, meaning: edgeErrors[code] });

/** What any request may be refused for. A code that this edge does not know is not told. */
const ofAll: Readonly<Record<string, number>> = {
  MALFORMED_REQUEST: 400,
  INVALID_REQUEST_TIMEOUT: 400,
  UNAUTHENTICATED: 401,
  NOT_ACCEPTABLE: 406,
  REQUEST_TIMEOUT: 408,
  URI_TOO_LONG: 414,
  EXPECTATION_FAILED: 417,
  VALIDATION_FAILED: 422,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  // Also where no service is called: the keys of access tokens are those of one.
  SERVICE_UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

const isEdgeCode = (code: string): code is EdgeCode => Object.hasOwn(edgeErrors, code);

/** The events of a route whose answer goes on (Server-Sent Events): name -> data. */
export const streamOf = (route: Route): Readonly<Record<string, TSchema>> | undefined =>
  (route as Route & { stream?: { events: Record<string, TSchema> } }).stream?.events;

/** What an API key must be good for to use a route; undefined where none may. */
export const scopeOf = (route: Route): string | undefined => (route as Route & { scope?: string }).scope;

/** Being signed in is not enough. */
const isForSome = ({ access }: Route): boolean => !["public", "guest-or-customer", "customer"].includes(access);

/** What a route is counted against, if anything. */
const isLimited = (route: { limited?: boolean; limit?: string }): boolean =>
  route.limited === true || (route.limit !== undefined && route.limit !== "none");

/** What the edge refuses before it asks any service, or in their place. */
const edgeRefusals = (route: Route, withKeys: boolean): PossibleRefusal[] => {
  const takesBody = route.method !== "GET";
  const stream: (readonly [status: number, code: string])[] = [
    [400, "INVALID_LAST_EVENT_ID"],
    [429, "TOO_MANY_STREAMS"],
    [503, "TOO_MANY_STREAMS"],
  ];
  const general = [...Object.entries(ofAll).map(([code, status]) => [status, code] as const), ...(streamOf(route) ? stream : [])];
  return [
    ...(takesBody ? [edge(400, "MALFORMED_JSON")] : []),
    ...(route.path.includes("{") ? [edge(400, "MALFORMED_URL")] : []),
    ...(route.access === "guest-or-customer" ? [edge(400, "INVALID_CART_TOKEN")] : []),
    ...(route.idempotencyKey === "required" ? [edge(400, "IDEMPOTENCY_KEY_REQUIRED")] : []),
    // A key is refused wherever it has not the scope.
    ...(isForSome(route) || withKeys ? [edge(403, "FORBIDDEN")] : []),
    ...(takesBody ? [edge(413, "BODY_TOO_LARGE"), edge(415, "UNSUPPORTED_MEDIA_TYPE")] : []),
    ...(isLimited(route) ? [edge(429, "RATE_LIMITED")] : []),
    ...general.flatMap(([status, code]) => (isEdgeCode(code) ? [edge(status, code)] : [])),
  ];
};

/** `v1.orders.create`: what its contract says that it may answer. */
const actionRefusals = (action: string): PossibleRefusal[] => {
  const [, service, name] = action.split(".") as [string, keyof typeof contracts, string];
  const { refusals, errors, actions }: Contract = contracts[service];
  if (!Object.hasOwn(actions, name)) {
    const codes = operationRefusals[name as keyof typeof operationRefusals];
    return Object.entries(codes).map(([code, status]) => ({
      status,
      code,
      meaning: operationErrors[code as keyof typeof operationErrors],
    }));
  }
  const declared = refusals?.[name];
  if (declared === undefined) return Object.entries(errors).map(([code, meaning]) => ({ status: "4XX", code, meaning }));
  return Object.entries(declared).map(([code, status]) => ({ status, code, meaning: errors[code] as string }));
};

/** Answers that the gateway puts together say themselves what they may refuse: what one of their calls refuses is often not
 *  the end of them. */
const ownRefusals: Readonly<Record<string, readonly PossibleRefusal[]>> = {
  "/api/v1/me/overview": [],
  "/api/v1/products/{id}/detail": actionRefusals("v1.products.get"),
  "/api/v1/admin/sagas/{id}": [edge(404, "NOT_FOUND")],
  ...Object.fromEntries(
    ["/api/v1/admin/dead-letters/{id}", "/api/v1/admin/dead-letters/{id}/replay"].map((path) => [
      path,
      actionRefusals("v1.orders.deadLetter"),
    ]),
  ),
  "/api/v1/admin/dead-letters/groups/{fingerprint}/replay": [],
};

/** Every problem that a route may answer, by status, each code once. `withKeys`: API keys are in use. */
export const refusalsOf = (route: Route, withKeys: boolean): Map<string, PossibleRefusal[]> => {
  const all = [...(ownRefusals[route.path] ?? route.uses.flatMap(actionRefusals)), ...edgeRefusals(route, withKeys)];
  const byStatus = new Map<string, PossibleRefusal[]>();
  for (const refusal of all) {
    const status = String(refusal.status);
    const known = byStatus.get(status) ?? [];
    if (!known.some(({ code }) => code === refusal.code)) byStatus.set(status, [...known, refusal]);
  }
  return new Map([...byStatus].sort(([a], [b]) => (a < b ? -1 : 1)));
};
