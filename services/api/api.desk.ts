import { Deadline } from "@molecart/mixins/lib/deadline.ts";
import { messageOf } from "@molecart/mixins/lib/errors.ts";
import type { DeadlineLocals } from "@molecart/mixins/middlewares/deadlines.ts";
import { ClientGone } from "./api.errors.ts";
import type { GatewayRequest } from "./api.exchange.ts";
import type { CallMesh, Desk } from "./route.ts";

/** The mesh as one request sees it: its calls carry the request's id and trace, and what is left of its time. */
export class MeshDesk implements Desk {
  readonly #req: GatewayRequest;
  readonly #deadline: Deadline;
  readonly #waiting = new Set<(error: ClientGone) => void>();
  #abandoned = false;

  constructor(req: GatewayRequest, deadline: Deadline) {
    this.#req = req;
    this.#deadline = deadline;
    // Calls inherit it from their parent.
    (req.$ctx.locals as DeadlineLocals).deadline = deadline;
  }

  call: CallMesh = async (name, params, { timeoutMs } = {}) => {
    if (this.#abandoned) throw new ClientGone();
    this.#deadline.check(name);
    const options = timeoutMs === undefined ? undefined : { deadline: Deadline.in(timeoutMs) };
    return this.#unlessGone(this.#req.$ctx.call(name, params as object, options)) as never;
  };

  /** What others may wait for as well: it goes on when this request's client has gone, or has no time left. */
  async await<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#deadline;
    signal.throwIfAborted();
    let expire: () => void = () => {};
    const expired = new Promise<never>((_, reject) => {
      expire = () => reject(signal.reason);
    });
    signal.addEventListener("abort", expire, { once: true });
    try {
      return await this.#unlessGone(Promise.race([work, expired]));
    } finally {
      signal.removeEventListener("abort", expire);
    }
  }

  async #unlessGone<T>(work: PromiseLike<T>): Promise<T> {
    let leave: (error: ClientGone) => void = () => {};
    const left = new Promise<never>((_, reject) => {
      leave = reject;
    });
    this.#waiting.add(leave);
    try {
      return await Promise.race([work, left]);
    } finally {
      this.#waiting.delete(leave);
    }
  }

  remainingMs(): number {
    return this.#deadline.remainingMs;
  }

  /** The client has gone. What has begun goes on to its own end, unheard; nothing more is begun. */
  abandon(): void {
    this.#abandoned = true;
    for (const leave of this.#waiting) leave(new ClientGone());
  }

  reportPart(part: string, error: unknown): void {
    const { edge, requestId, route } = this.#req.exchange;
    edge.logger.warn("Answered without a part", { part, route: route?.path, requestId, error: messageOf(error) });
  }

  async checkHealth() {
    const { status, checks } = await this.#req.exchange.edge.checkHealth();
    // The errors are for operators.
    const states = Object.entries(checks).map(([name, check]) => [name, { status: check.status }] as const);
    return { status, checks: Object.fromEntries(states) };
  }
}

/** The mesh for an answer that several requests will get: none of them can end it for the others. */
export const sharedDesk = (req: GatewayRequest): Desk => {
  const { edge, requestId, traceparent } = req.exchange;
  const own = req.exchange.desk as MeshDesk;
  return {
    call: edge.callMesh({ requestId, traceparent }),
    remainingMs: () => edge.config.requestTimeoutMs,
    reportPart: (part, error) => own.reportPart(part, error),
    checkHealth: () => own.checkHealth(),
  };
};
