import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";

/** What ties together everything that one request causes, over services, events and restarts. */
export interface Correlation {
  requestId: string;
  /** W3C trace context, `00-<trace id>-<parent id>-<flags>`. */
  traceparent: string;
}

const storage = new AsyncLocalStorage<Correlation>();

export const currentCorrelation = (): Correlation | undefined => storage.getStore();

export const withCorrelation = <T>(correlation: Correlation, work: () => T): T => storage.run(correlation, work);

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const hex = (bytes: number): string => randomBytes(bytes).toString("hex");

export const newTraceparent = (): string => `00-${hex(16)}-${hex(8)}-01`;

export const isTraceparent = (value: unknown): value is string =>
  typeof value === "string" && TRACEPARENT.test(value) && !/^00-0{32}|-0{16}-/.test(value);

export const traceIdOf = (traceparent: string): string | undefined => TRACEPARENT.exec(traceparent)?.[1];
