/** What every failure of Molecart carries over the mesh. The field names are the framework's: `code` is the HTTP status,
 *  `type` the stable upper-case code that clients see as `code` in problem+json. Whether a repeat can help is said by the
 *  base class and nowhere else. */
export abstract class MolecartError extends Error {
  abstract readonly retryable: boolean;
  readonly code: number;
  readonly type: string;
  readonly data?: unknown;

  constructor(type: string, status: number, message: string, data?: unknown, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = status;
    this.type = type;
    this.data = data;
  }
}

/** The business says no: a repeat of the same call would be refused again. A durable event refused so is a dead letter at once. */
export class Refusal extends MolecartError {
  readonly retryable = false;
}

/** Not now: something that is not there yet or is busy. A repeat can succeed and is counted as an attempt. */
export class NotYet extends MolecartError {
  readonly retryable = true;
}

/** The infrastructure under us failed (database, broker, provider out of reach). Never the message's fault: a consumer
 *  pauses and probes, and no attempt is counted. */
export class Unavailable extends MolecartError {
  readonly retryable = true;
  constructor(what: string, options?: ErrorOptions) {
    super("UNAVAILABLE", 503, `${what} is not available`, { what }, options);
  }
}

/** The time that the caller waits is over: it was not begun, or its answer comes too late for anybody. A repeat has no time left
 *  either; whoever set the time may try again. */
export class DeadlineExceeded extends MolecartError {
  readonly retryable = false;
  /** `waitedMs`: how long an answer was waited for; 0 where nothing was begun. */
  constructor(what: string, waitedMs = 0) {
    super("DEADLINE_EXCEEDED", 504, `There is no time left for ${what}`, { waitedMs });
  }
}

/** A setting is missing or wrong. Names the variable; thrown at start only. */
export class ConfigurationError extends MolecartError {
  readonly retryable = false;
  constructor(variable: string, problem: string) {
    super("CONFIGURATION", 500, `${variable}: ${problem}`, { variable });
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The stable code of any error, ours or the framework's. */
export const codeOf = (error: unknown): string => {
  const { type, name } = (error ?? {}) as { type?: unknown; name?: unknown };
  return typeof type === "string" && type !== "" ? type : typeof name === "string" ? name : "UNKNOWN";
};
