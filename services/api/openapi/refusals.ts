import type { Contract } from "@molecart/mixins/contracts/contract.ts";
import { contracts } from "@molecart/mixins/contracts/index.ts";
import { operationErrors, operationRefusals } from "@molecart/mixins/contracts/operations.ts";
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

/** What any request may be refused for. */
const ofAll = [
  edge(400, "MALFORMED_REQUEST"),
  edge(400, "INVALID_REQUEST_TIMEOUT"),
  edge(401, "UNAUTHENTICATED"),
  edge(408, "REQUEST_TIMEOUT"),
  edge(414, "URI_TOO_LONG"),
  edge(417, "EXPECTATION_FAILED"),
  edge(431, "HEADERS_TOO_LARGE"),
  edge(500, "INTERNAL"),
  // Also where no service is called: the keys of access tokens are those of one.
  edge(503, "SERVICE_UNAVAILABLE"),
];

const ofStreams = [edge(400, "INVALID_LAST_EVENT_ID"), edge(429, "TOO_MANY_STREAMS"), edge(503, "TOO_MANY_STREAMS")];

/** What the edge refuses before it asks any service, or in their place. */
const edgeRefusals = (route: Route): PossibleRefusal[] => {
  const takesBody = route.method !== "GET";
  // Sent to whoever asks, however he asks.
  const isPage = route.page !== undefined;
  const isStream = route.stream !== undefined;
  return [
    ...(takesBody ? [edge(400, "MALFORMED_JSON")] : []),
    ...(route.path.includes("{") ? [edge(400, "MALFORMED_URL")] : []),
    ...(route.access === "guest-or-customer" ? [edge(400, "INVALID_CART_TOKEN")] : []),
    ...(route.idempotencyKey === "required" ? [edge(400, "IDEMPOTENCY_KEY_REQUIRED")] : []),
    // Also where anybody may come: an API key is refused wherever it has not the scope.
    ...(isPage ? [] : [edge(403, "FORBIDDEN"), edge(422, "VALIDATION_FAILED"), edge(504, "DEADLINE_EXCEEDED")]),
    ...(takesBody || isPage || isStream ? [] : [edge(406, "NOT_ACCEPTABLE")]),
    ...(takesBody ? [edge(413, "BODY_TOO_LARGE"), edge(415, "UNSUPPORTED_MEDIA_TYPE")] : []),
    ...(route.limit === "none" ? [] : [edge(429, "RATE_LIMITED")]),
    ...(isStream ? ofStreams : []),
    ...ofAll,
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

/** Every problem that a route may answer, by status, each code once. */
export const refusalsOf = (route: Route): Map<string, PossibleRefusal[]> => {
  const all = [...(ownRefusals[route.path] ?? route.uses.flatMap(actionRefusals)), ...edgeRefusals(route)];
  const byStatus = new Map<string, PossibleRefusal[]>();
  for (const refusal of all) {
    const status = String(refusal.status);
    const known = byStatus.get(status) ?? [];
    if (!known.some(({ code }) => code === refusal.code)) byStatus.set(status, [...known, refusal]);
  }
  return new Map([...byStatus].sort(([a], [b]) => (a < b ? -1 : 1)));
};
