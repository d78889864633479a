import { createHash } from "node:crypto";
import { newToken } from "./ids.ts";

/** `mck_`, 256 random bits in base64url, and the beginning of the SHA-256 of these in hex. Leaked keys can be searched for by the beginning, and a
 *  mistyped one is known as such without a look-up. */
const API_KEY = /^(mck_[A-Za-z0-9_-]{43})([0-9a-f]{8})$/;
const SHOWN_LENGTH = "mck_".length + 8;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const checksum = (body: string): string => sha256(body).slice(0, 8);

export const newApiKey = (): string => {
  const body = `mck_${newToken(32)}`;
  return body + checksum(body);
};

export const isApiKey = (text: string): boolean => {
  const [, body, sum] = API_KEY.exec(text) ?? [];
  return body !== undefined && sum === checksum(body);
};

/** What of a key may be shown and logged: 208 of its bits stay unknown. */
export const apiKeyPrefix = (key: string): string => key.slice(0, SHOWN_LENGTH);

/** SHA-256, hex. Enough for 256 random bits: there is nothing to guess from. */
export const hashApiKey = (key: string): string => sha256(key);
