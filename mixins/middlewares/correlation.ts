import type { Context, Middleware } from "moleculer";
import { isTraceparent, newTraceparent, withCorrelation } from "../lib/correlation.ts";

interface Meta {
  traceparent?: string;
}

/** Request id and trace context follow the work: from the context into logs, events and jobs, without being passed by hand. */
export const correlation = (): Middleware => {
  const wrap = (next: (ctx: Context) => Promise<unknown>) => (ctx: Context<unknown, Meta>) => {
    if (!isTraceparent(ctx.meta.traceparent)) ctx.meta.traceparent = newTraceparent();
    return withCorrelation({ requestId: ctx.requestID ?? ctx.id, traceparent: ctx.meta.traceparent }, () => next(ctx));
  };
  return { name: "Correlation", localAction: wrap, localEvent: wrap } as unknown as Middleware;
};
