import { createHash } from "node:crypto";
import type { Failure } from "./inbox.ts";

/** From the most to the least particular: what an earlier rule has replaced, a later one does not see any more. */
const VARIABLE: readonly [RegExp, string][] = [
  [/"[^"]*"|'[^']*'|`[^`]*`|“[^”]*”/g, "<text>"],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, "<id>"],
  // A word with a digit in it is an id, a SKU, a time or a number.
  [/\b[\w.:-]*\d[\w.:-]*/g, "<id>"],
  [/\s+/g, " "],
];

/** The message without what differs from one failure to the next of its kind. */
export const normaliseMessage = (message: string): string =>
  VARIABLE.reduce((text, [pattern, placeholder]) => text.replace(pattern, placeholder), message).trim();

/** Tells alike failures: the same for the same cause, whatever it concerned. 64 bits. */
export const fingerprintOf = (service: string, event: string, { code, message }: Failure): string =>
  createHash("sha256")
    .update(JSON.stringify([service, event, code, normaliseMessage(message)]))
    .digest("hex")
    .slice(0, 16);
