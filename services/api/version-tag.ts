import { hash } from "node:crypto";
import { PreconditionFailed, ValidationFailed } from "./api.errors.ts";

/** Strong: the version of what is told, and the very bytes that tell it (a release may add a field without a write). */
export const versionTag = (version: number, body: string): string => `"${version}-${hash("sha1", body, "base64url")}"`;

const VERSION_TAG = /^"(\d{1,15})-[\w-]*"$/;

/** The version that a change is made for, by If-Match; undefined where any will do. Strong comparison (RFC 9110, 13.1.1): a weak
 *  tag, or one that this API has not given out, matches nothing. */
export const readIfMatch = (header: string | undefined): number | undefined => {
  const tag = header?.trim();
  if (tag === undefined || tag === "*") return undefined;
  if (/"\s*,/.test(tag)) throw new ValidationFailed([{ path: "If-Match", message: 'must be one entity tag, or "*"' }]);
  const version = VERSION_TAG.exec(tag)?.[1];
  if (version === undefined) throw new PreconditionFailed();
  return Number(version);
};
