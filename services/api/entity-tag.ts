import { hash } from "node:crypto";

/** Weak: it speaks for the content, not for the bytes on the wire, which differ by compression (RFC 9110, 8.8.3). */
export const entityTag = (body: string): string => `W/"${hash("sha1", body, "base64url")}"`;

/** Of the same content in a coding. A strong tag speaks for the very bytes, so each coding has its own (RFC 9110, 8.8.3.3). */
export const tagIn = (tag: string, coding: string | undefined): string =>
  coding === undefined || tag.startsWith("W/") ? tag : `${tag.slice(0, -1)}-${coding}"`;

/** A tag may hold commas, so the list is not split at them. */
const TAGS = /(?:W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g;

/** Whether the client has this already; by weak comparison, as If-None-Match asks for (RFC 9110, 13.1.2). */
export const isKnown = (ifNoneMatch: string | undefined, tag: string): boolean => {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  const opaque = tag.slice(tag.indexOf('"') + 1, -1);
  for (const [, candidate] of ifNoneMatch.matchAll(TAGS)) if (candidate === opaque) return true;
  return false;
};
