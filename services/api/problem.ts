import { contracts } from "@molecart/mixins/contracts/index.ts";
import { operationErrors } from "@molecart/mixins/contracts/operations.ts";
import { MolecartError } from "@molecart/mixins/lib/errors.ts";
import { type EdgeCode, EdgeRefusal, edgeErrors, type InvalidField } from "./api.errors.ts";

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  requestId: string;
  errors?: InvalidField[];
}

export interface ProblemAnswer {
  problem: Problem;
  headers: Readonly<Record<string, string>>;
  /** Nobody's wish was refused: something does not work, and an operator wants to know. */
  isFault: boolean;
}

const titles: Record<string, string> = Object.assign(
  {},
  ...Object.values(contracts).map(({ errors }) => errors),
  operationErrors,
  edgeErrors,
);

/** Of a service that is newer than this gateway. */
const inWords = (code: string): string => code.charAt(0) + code.slice(1).toLowerCase().replaceAll("_", " ");

/** The least that the header can say: a process that was killed is back, or known to be away, in a second or two. */
const RETRY_AFTER_SECONDS = "1";

interface Meaning {
  code: EdgeCode;
  status: number;
  detail: string;
  headers?: Readonly<Record<string, string>>;
}

const unavailable: Meaning = {
  code: "SERVICE_UNAVAILABLE",
  status: 503,
  detail: "A part of the shop is not available. Try again soon",
  headers: { "Retry-After": RETRY_AFTER_SECONDS },
};
const malformedUrl: Meaning = { code: "MALFORMED_URL", status: 400, detail: "The address has a wrong %-escape" };
const malformedJson: Meaning = { code: "MALFORMED_JSON", status: 400, detail: "The body is not a JSON object" };
const unsupported: Meaning = {
  code: "UNSUPPORTED_MEDIA_TYPE",
  status: 415,
  detail: "Send the body as application/json in UTF-8, not compressed",
};
const deadlineExceeded: Meaning = {
  code: "DEADLINE_EXCEEDED",
  status: 504,
  detail: "The shop did not answer in time. Whether anything was done is not known: repeat the request, an order under its key",
};
const internal: Meaning = { code: "INTERNAL", status: 500, detail: "Something went wrong in the shop" };

/** What the framework and its body parser mean, by the `type` of their errors. */
const frameworkErrors: Record<string, Meaning> = {
  SERVICE_NOT_FOUND: unavailable,
  SERVICE_NOT_AVAILABLE: unavailable,
  REQUEST_TIMEOUT: unavailable,
  REQUEST_REJECTED: unavailable,
  REQUEST_SKIPPED: unavailable,
  QUEUE_FULL: unavailable,
  BROKER_DISCONNECTED: unavailable,
  UNABLE_DECODE_PARAM: malformedUrl,
  "entity.parse.failed": malformedJson,
  "entity.too.large": { code: "BODY_TOO_LARGE", status: 413, detail: "The body is larger than is taken here" },
  "encoding.unsupported": unsupported,
  "charset.unsupported": unsupported,
  "request.aborted": { ...malformedJson, detail: "The request was broken off" },
  "request.size.invalid": { ...malformedJson, detail: "The body is not as long as its Content-Length says" },
};

interface AnyError {
  type?: unknown;
  data?: unknown;
}

/** A service has refused the params that the gateway made of the request. */
const fieldsOf = (data: unknown): InvalidField[] =>
  (Array.isArray(data) ? data : []).map(({ field, message }: { field?: unknown; message?: unknown }) => ({
    path: String(field ?? ""),
    message: String(message ?? "is not valid"),
  }));

const answer = (
  { code, status, detail, headers = {} }: Omit<Meaning, "code"> & { code: string },
  requestId: string,
  errors?: InvalidField[],
): ProblemAnswer => ({
  problem: {
    type: `urn:molecart:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    title: titles[code] ?? inWords(code),
    status,
    code,
    detail,
    requestId,
    ...(errors && { errors }),
  },
  headers,
  isFault: status >= 500,
});

/** A service that asks for patience says how much. */
const retryAfter = ({ code, data }: MolecartError): Readonly<Record<string, string>> => {
  const { retryAfterSeconds } = (data ?? {}) as { retryAfterSeconds?: unknown };
  return code === 429 && typeof retryAfterSeconds === "number" ? { "Retry-After": String(retryAfterSeconds) } : {};
};

/** What a client is told of an error. The text of a refusal was written for clients; of anything else they learn only that it
 *  happened, as its message may name hosts, queries or data of others. */
export const problemOf = (error: unknown, requestId: string): ProblemAnswer => {
  if (error instanceof EdgeRefusal) {
    const fields = error.type === "VALIDATION_FAILED" ? (error.data as InvalidField[]) : undefined;
    return answer({ code: error.type, status: error.code, detail: error.message, headers: error.headers }, requestId, fields);
  }
  if (error instanceof MolecartError) {
    if (error.code >= 400 && error.code < 500)
      return answer({ code: error.type, status: error.code, detail: error.message, headers: retryAfter(error) }, requestId);
    if (error.type === "DEADLINE_EXCEEDED") return answer(deadlineExceeded, requestId);
    return answer(error.code === 503 ? unavailable : internal, requestId);
  }
  const { type, data } = (error ?? {}) as AnyError;
  if (type === "VALIDATION_ERROR")
    return answer({ code: "VALIDATION_FAILED", status: 422, detail: "Some fields are not valid" }, requestId, fieldsOf(data));
  const known = typeof type === "string" && Object.hasOwn(frameworkErrors, type) ? frameworkErrors[type] : undefined;
  return answer(known ?? internal, requestId);
};

/** Whether the shop could not be asked, as against: it has answered, be it with a refusal. */
export const isOutage = (error: unknown): boolean => problemOf(error, "").problem.status === 503;
