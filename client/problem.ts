import type { OperationId, ProblemCode } from "./shop-api.ts";

/** A field of a request that is not as it must be. */
export interface InvalidField {
  path: string;
  message: string;
}

/** What the shop answers where it refuses or fails (RFC 9457). */
export class ShopProblem extends Error {
  readonly status: number;
  /** Stable. UNKNOWN where the answer was not the shop's: of a proxy, say. */
  readonly code: string;
  readonly detail: string;
  /** Name it when you ask for help. */
  readonly requestId: string | undefined;
  readonly fields: readonly InvalidField[];
  /** How long the shop asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(response: Response, body: unknown) {
    const { code = "UNKNOWN", detail = "", requestId, errors = [] } = (isRecord(body) ? body : {}) as Partial<Problem>;
    const fields = errors.map(({ path, message }) => `${path} ${message}`).join("; ");
    super(`${response.status} ${code}: ${[detail, fields].filter((text) => text !== "").join(": ")}`);
    this.name = "ShopProblem";
    this.status = response.status;
    this.code = code;
    this.detail = detail;
    this.requestId = requestId ?? response.headers.get("x-request-id") ?? undefined;
    this.fields = errors;
    const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
    this.retryAfterMs = Number.isFinite(seconds) ? seconds * 1000 : undefined;
  }
}

interface Problem {
  code: string;
  detail: string;
  requestId: string;
  errors: InvalidField[];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** No answer: the shop is not there, or has not answered in time. Whether the request had an effect is not known. */
export class ShopUnreachable extends Error {
  constructor(request: string, options: ErrorOptions) {
    const { cause } = options;
    super(`${request}: no answer (${cause instanceof Error ? cause.message : String(cause)})`, options);
    this.name = "ShopUnreachable";
  }
}

/** Whether an error is this refusal: `isProblem(error, "placeOrder", "CART_EMPTY")`, where the codes of the operation are known to
 *  the compiler. */
export const isProblem = <O extends OperationId>(error: unknown, _operation: O, code: ProblemCode<O>): error is ShopProblem =>
  error instanceof ShopProblem && error.code === code;
