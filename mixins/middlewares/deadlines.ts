import type { ActionSchema, CallingOptions, Context, Middleware, ServiceBroker } from "moleculer";
import { Deadline } from "../lib/deadline.ts";
import { codeOf, DeadlineExceeded } from "../lib/errors.ts";
import { Lateness } from "../lib/lateness.ts";

/** What the wrapper puts into `ctx.locals` of an action: until when its caller waits. Absent where nobody does. */
export interface DeadlineLocals {
  deadline?: Deadline;
}

declare module "moleculer" {
  interface CallingOptions {
    /** The caller waits no longer than this, repeats included. `timeout` is how long one attempt may take. */
    deadline?: Deadline;
  }
}

/** Which run of which process has sent a call, and when by its monotonic clock. */
const SENDER = "molecart-sender";
const SENT_AT = "molecart-sent-at";

/** Timers may be a little early. */
const TIMER_TOLERANCE_MS = 5;

interface Options extends CallingOptions {
  timeout?: number;
  parentCtx?: Context;
  /** How long one attempt may take when the caller has all the time. */
  patienceMs?: number;
}
interface Call extends Omit<Context, "options" | "locals" | "headers"> {
  options: Options;
  locals: DeadlineLocals;
  headers: Record<string, unknown>;
}
type Next = (ctx: Call) => Promise<unknown>;

const earlier = (one: Deadline | undefined, other: Deadline | undefined): Deadline | undefined =>
  one === undefined || (other !== undefined && other.at < one.at) ? other : one;

/** No call outlives its caller's. The framework hands the remaining time on to nested calls and ends the wait; this adds that
 *
 *  - attempts share the time: a repeat on another node gets what is left of the caller's, not all of it again;
 *  - one attempt waits no longer than the usual, so that there is something left for a repeat when a node is frozen;
 *  - a call that reaches its callee late (queues, a process that stood still) has only what is left, and is refused unbegun when
 *    nothing is: nobody would hear of what it does. What was begun is never broken off by force;
 *  - the handler sees its deadline in `ctx.locals.deadline`, with an AbortSignal for reads that can be broken off.
 *
 *  Event handlers and jobs have no caller who waits. */
export const deadlines = (): Middleware => {
  const lateness = new Lateness();
  let sender = "";
  let broker: ServiceBroker;

  /** Until when the one who called waits; undefined where nobody has said. */
  const callersDeadline = (ctx: Call, { timeout = 0, parentCtx, deadline }: Options): Deadline | undefined => {
    const isFromAfar = ctx.nodeID !== broker.nodeID && ctx.endpoint?.local === true;
    if (!isFromAfar) return earlier((parentCtx as unknown as Call | undefined)?.locals.deadline, deadline);
    if (timeout <= 0) return undefined;
    const { [SENDER]: from, [SENT_AT]: sentAt } = ctx.headers;
    const now = performance.now();
    const lateMs = typeof from === "string" && typeof sentAt === "number" ? lateness.of(from, sentAt, now) : 0;
    return new Deadline(now + timeout - lateMs);
  };

  const wrap =
    (isRemote: boolean) =>
    (next: Next, action: ActionSchema & { timeout?: number }): Next =>
    async (ctx) => {
      const name = action.name as string;
      const usualMs = action.timeout ?? broker.options.requestTimeout ?? 0;
      // A repeat is a copy of the first attempt's context with the same options; the caller's object is left as it is.
      if (ctx.options.patienceMs === undefined) ctx.options = { ...ctx.options, patienceMs: ctx.options.timeout ?? usualMs };
      const { options } = ctx;
      const callers = callersDeadline(ctx, options);
      let waitMs = options.patienceMs as number;
      if (callers !== undefined) {
        const leftMs = callers.remainingMs;
        if (leftMs <= 0) throw new DeadlineExceeded(name);
        waitMs = Math.min(waitMs > 0 ? waitMs : leftMs, usualMs > 0 ? usualMs : leftMs, leftMs);
      }
      // Set for each attempt: the framework's Timeout and its nested calls go by it.
      options.timeout = waitMs;
      if (waitMs > 0) ctx.locals = { ...ctx.locals, deadline: Deadline.in(waitMs) };
      if (isRemote) ctx.headers = { ...ctx.headers, [SENDER]: sender, [SENT_AT]: performance.now() };
      try {
        return await next(ctx);
      } catch (error) {
        const isOver = callers !== undefined && callers.remainingMs <= TIMER_TOLERANCE_MS;
        const code = codeOf(error);
        if (!isOver || (code !== "REQUEST_TIMEOUT" && code !== "REQUEST_SKIPPED")) throw error;
        // Circuits are opened by those who were silent, not by those who have called them.
        const nodeID = (error as { data?: { nodeID?: string } }).data?.nodeID;
        throw Object.assign(new DeadlineExceeded(name, code === "REQUEST_TIMEOUT" ? waitMs : 0), { nodeID });
      }
    };

  return {
    name: "Deadlines",
    created(created: ServiceBroker) {
      broker = created;
      sender = created.instanceID;
    },
    localAction: wrap(false),
    remoteAction: wrap(true),
  } as unknown as Middleware;
};
