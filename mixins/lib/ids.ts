import { randomBytes } from "node:crypto";
import { v7 } from "uuid";

/** UUIDv7 (RFC 9562): sorts by time of creation, so that primary-key indexes grow at one end. */
export const newId = (): string => v7();

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A number that people read aloud: no I, L, O, U (Crockford base 32). 40 random bits; a unique key catches the rest. */
export const newNumber = (prefix: string): string => {
  const letters = [...randomBytes(8)].map((byte) => CROCKFORD[byte & 31]).join("");
  return `${prefix}-${letters.slice(0, 4)}-${letters.slice(4)}`;
};

/** An unguessable token, URL-safe. 32 bytes: 256 bits. */
export const newToken = (bytes = 32): string => randomBytes(bytes).toString("base64url");
