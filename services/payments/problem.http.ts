import { STATUS_CODES } from "node:http";
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

/** What can be wrong with a request before anybody looks into it: status -> code. */
const codes = {
  400: "BAD_REQUEST",
  404: "NOT_FOUND",
  405: "METHOD_NOT_ALLOWED",
  408: "REQUEST_TIMEOUT",
  413: "PAYLOAD_TOO_LARGE",
  415: "UNSUPPORTED_MEDIA_TYPE",
  417: "EXPECTATION_FAILED",
  422: "VALIDATION_ERROR",
  431: "HEADERS_TOO_LARGE",
} as const;

export class BadRequest extends Refusal {
  constructor(status: keyof typeof codes, detail: string, problems: readonly FieldProblem[] = []) {
    super(codes[status], status, detail, problems);
  }
}

/** What a client is told. Of our own faults only that there was one. */
export const problemOf = (error: unknown, requestId: string): Problem => {
  const known = error instanceof MolecartError && (error.code < 500 || error.code === 503) ? error : undefined;
  const status = known?.code ?? 500;
  const unavailable = status === 503 ? "The service is not available at the moment" : undefined;
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    code: known?.type ?? "INTERNAL_ERROR",
    detail: unavailable ?? known?.message ?? "Something went wrong on our side",
    requestId,
    errors: Array.isArray(known?.data) ? (known.data as FieldProblem[]) : [],
  };
};
