import type { IncomingMessage } from "node:http";

/** Calls `late` when a request's body is not there in time; answers how to call that off. */
export const startBodyDeadline = (req: IncomingMessage, timeoutMs: number, late: () => void): (() => void) => {
  const timer = setTimeout(() => {
    if (!req.complete) late();
  }, timeoutMs);
  const stop = (): void => clearTimeout(timer);
  req.once("end", stop).once("close", stop);
  return stop;
};
