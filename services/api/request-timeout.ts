import { InvalidRequestTimeout } from "./api.errors.ts";

const SECONDS = /^\d{1,5}(\.\d{1,3})?$/;
/** RFC 7240, 4.3. */
const WAIT = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,5})"?\s*(?=[,;]|$)/i;

interface Headers {
  [name: string]: string | string[] | undefined;
}

/** How long this client waits for its answer, and the shop works on it: at most `maxMs`, or what `Request-Timeout: 0.5` or
 *  `Prefer: wait=2` asks for, both in seconds. A preference that cannot be read is none, as its RFC wants. */
export const requestTimeoutMs = (headers: Headers, maxMs: number): number => {
  const timeout = headers["request-timeout"];
  const wait = WAIT.exec(String(headers.prefer ?? ""))?.[1];
  if (timeout === undefined && wait === undefined) return maxMs;
  if (timeout !== undefined && (typeof timeout !== "string" || !SECONDS.test(timeout) || Number(timeout) === 0))
    throw new InvalidRequestTimeout();
  const asked = [timeout, wait].map((seconds) => Number(seconds ?? 0) * 1000).filter((ms) => ms > 0);
  return Math.min(maxMs, ...asked);
};
