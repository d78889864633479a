import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import type { Limiter } from "./limiter.ts";

/** scrypt's cost (RFC 7914): N = 2^ln, block size r, parallelism p. */
interface Cost {
  ln: number;
  r: number;
  p: number;
}

/** 32 MiB and about 65 ms of one core for each guess. Stored with each hash, so that a higher cost later leaves the present
 *  hashes readable. */
const COST: Cost = { ln: 15, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;

interface Parsed extends Cost {
  salt: Buffer;
  hash: Buffer;
}

const base64 = (bytes: Buffer): string => bytes.toString("base64").replace(/=+$/, "");

const PHC = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** The PHC string format: `$scrypt$ln=15,r=8,p=1$<salt>$<hash>`, base64 without padding. */
const format = ({ ln, r, p, salt, hash }: Parsed): string => `$scrypt$ln=${ln},r=${r},p=${p}$${base64(salt)}$${base64(hash)}`;

export const parsePasswordHash = (stored: string): Parsed => {
  const [, ln, r, p, salt, hash] = PHC.exec(stored) ?? [];
  if (salt === undefined || hash === undefined) throw new Error("The stored password hash is not an scrypt PHC string");
  return { ln: Number(ln), r: Number(r), p: Number(p), salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
};

/** In a thread of libuv's pool. NFKC (NIST SP 800-63B): one password, however the keyboard composes its letters. */
const derive = (password: string, salt: Buffer, bytes: number, { ln, r, p }: Cost): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const N = 2 ** ln;
    // scrypt needs 128 * N * r bytes and some more; Node's own limit is just below that for our cost.
    const options = { N, r, p, maxmem: 256 * N * r };
    scrypt(password.normalize("NFKC"), salt, bytes, options, (error, key) => (error ? reject(error) : resolve(key)));
  });

export const hashPassword = async (password: string): Promise<string> => {
  const salt = randomBytes(SALT_BYTES);
  return format({ ...COST, salt, hash: await derive(password, salt, HASH_BYTES, COST) });
};

export const verifyPassword = async (password: string, stored: string): Promise<boolean> => {
  const { salt, hash, ...cost } = parsePasswordHash(stored);
  return timingSafeEqual(await derive(password, salt, hash.length, cost), hash);
};

/** The hash of no password, at the present cost: checked where there is no account, so that the answer takes as long. */
export const decoyHash = (): string => format({ ...COST, salt: randomBytes(SALT_BYTES), hash: randomBytes(HASH_BYTES) });

export interface Passwords {
  hash(password: string): Promise<string>;
  /** Without a stored hash: the same work, and false. */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}

/** Hashing within the bounds of `limiter`: a storm of sign-ins waits or is refused instead of eating the memory. */
export const boundedPasswords = (limiter: Limiter): Passwords => ({
  hash: (password) => limiter.run(() => hashPassword(password)),
  verify: async (password, stored) => {
    const matches = await limiter.run(() => verifyPassword(password, stored ?? decoyHash()));
    return matches && stored !== undefined;
  },
});
