import { payments } from "@molecart/mixins/contracts/payments.ts";
import { MolecartError, Refusal } from "@molecart/mixins/lib/errors.ts";
import type { FieldProblem } from "./card.ts";

/** RFC 9457. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  requestId: string;
  errors: readonly FieldProblem[];
}

/** What can be wrong with a request before anybody looks into what it asks for. */
const refusals = {
  MALFORMED_REQUEST: { status: 400, title: "The request is not HTTP" },
  MALFORMED_JSON: { status: 400, title: "The body is not JSON" },
  NOT_FOUND: { status: 404, title: "No such resource" },
  METHOD_NOT_ALLOWED: { status: 405, title: "The resource does not offer this method" },
  REQUEST_TIMEOUT: { status: 408, title: "The request took too long to arrive" },
  BODY_TOO_LARGE: { status: 413, title: "The body is larger than payments takes" },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: "The body must be JSON" },
  EXPECTATION_FAILED: { status: 417, title: "The expectation cannot be met" },
  VALIDATION_FAILED: { status: 422, title: "The request does not have the expected form" },
  HEADERS_TOO_LARGE: { status: 431, title: "The headers are larger than payments takes" },
} as const;

const INTERNAL = {
  status: 500,
  code: "INTERNAL",
  title: "Payments has failed to answer",
  detail: "Something went wrong in payments",
};
const UNAVAILABLE = {
  status: 503,
  code: "SERVICE_UNAVAILABLE",
  title: "A part of the shop is not available at the moment",
  detail: "Payments is not available. Try again soon",
};

/** Code -> what it means. */
export const titles: Readonly<Record<string, string>> = {
  ...payments.errors,
  ...Object.fromEntries(Object.entries(refusals).map(([code, { title }]) => [code, title])),
  INTERNAL: INTERNAL.title,
  SERVICE_UNAVAILABLE: UNAVAILABLE.title,
};

export class BadRequest extends Refusal {
  constructor(code: keyof typeof refusals, detail: string, problems: readonly FieldProblem[] = []) {
    super(code, refusals[code].status, detail, problems);
  }
}

const meaningOf = (error: unknown): typeof INTERNAL => {
  if (!(error instanceof MolecartError)) return INTERNAL;
  const { code: status, type: code, message: detail } = error;
  if (status >= 400 && status < 500) return { status, code, title: titles[code] ?? code, detail };
  return status === 503 ? UNAVAILABLE : INTERNAL;
};

/** What a client is told. The text of a refusal was written for clients; of anything else they learn only that it happened. */
export const problemOf = (error: unknown, requestId: string): Problem => {
  const { status, code, title, detail } = meaningOf(error);
  const { data } = (error ?? {}) as { data?: unknown };
  return {
    type: `urn:molecart:problem:${code.toLowerCase().replaceAll("_", "-")}`,
    title,
    status,
    code,
    detail,
    requestId,
    errors: status < 500 && Array.isArray(data) ? (data as FieldProblem[]) : [],
  };
};
