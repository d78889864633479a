import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import { newToken } from "./ids.ts";

/** `mck_`, 256 random bits in base64url, and a CRC-32 of the rest in hex. Leaked keys can be searched for by the beginning, and a
 *  mistyped one is known as such without a look-up. */
const API_KEY = /^(mck_[A-Za-z0-9_-]{43})([0-9a-f]{8})$/;
const SHOWN_LENGTH = "mck_".length + 8;

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, "0");

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
export const hashApiKey = (key: string): string => createHash("sha256").update(key).digest("hex");
