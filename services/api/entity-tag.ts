import { hash } from "node:crypto";

/** Weak: it speaks for the content, not for the bytes on the wire (RFC 9110, 8.8.3). */
export const entityTag = (body: string): string => `W/"${hash("sha1", body, "base64url")}"`;

/** Whether the client has this already; by weak comparison, as If-None-Match asks for (RFC 9110, 13.1.2). */
export const isKnown = (ifNoneMatch: string | undefined, tag: string): boolean => {
  if (ifNoneMatch === undefined) return false;
  const opaque = tag.replace(/^W\//, "");
  return ifNoneMatch.split(",").some((candidate) => {
    const text = candidate.trim();
    return text === "*" || text.replace(/^W\//, "") === opaque;
  });
};
