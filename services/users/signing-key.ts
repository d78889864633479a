import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";

/** What the key set shows of a key. A type, not an interface: the contract takes any record. */
export type PublicJwk = { kty: string; crv: string; x: string; kid: string; alg: string; use: string };

export interface SigningKey {
  kid: string;
  generation: number;
  algorithm: string;
  /** The private key, sealed. */
  sealedPrivateJwk: string;
  publicJwk: PublicJwk;
  createdAt: string;
  /** From when on it signs. It is published before, so that everybody knows it by then. */
  signsFrom: string;
  notAfter: string | null;
}

/** A key in the form that signs. */
export interface Signer {
  kid: string;
  algorithm: string;
  key: CryptoKey;
}

/** Whether tokens of this key are accepted. */
export const isValid = ({ notAfter }: SigningKey, now: string): boolean => notAfter === null || notAfter > now;

export const maySign = (key: SigningKey, now: string): boolean => key.signsFrom <= now && isValid(key, now);

/** The generation after all of `keys`. */
export const nextGeneration = (keys: readonly SigningKey[]): number =>
  1 + Math.max(0, ...keys.map(({ generation }) => generation));

const ALGORITHM = "EdDSA";
const IV_BYTES = 12;
const SEAL_VERSION = "v1";

/** The key that seals private keys, from the setting's text: HKDF-SHA256 (RFC 5869). The text must be random: it is spread,
 *  not strengthened. */
export const sealingKey = (secret: string): Buffer =>
  Buffer.from(hkdfSync("sha256", secret, "", "molecart users signing keys", 32));

/** Makes the tokens of password resets. Of the same setting as the sealing key, and independent of it. */
export const resetTokenKey = (secret: string): Buffer =>
  Buffer.from(hkdfSync("sha256", secret, "", "molecart users password resets", 32));

/** AES-256-GCM. The key id is authenticated too, so that a sealed key cannot be moved to another row. */
export const seal = (plain: string, kid: string, key: Buffer): string => {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(kid));
  const sealed = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  return [SEAL_VERSION, ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString("base64url"))].join(".");
};

/** Throws when the key, the key id or the sealed text is another one. */
export const unseal = (text: string, kid: string, key: Buffer): string => {
  const [version, ...parts] = text.split(".");
  const [iv, sealed, tag] = parts.map((part) => Buffer.from(part, "base64url"));
  if (version !== SEAL_VERSION || iv === undefined || sealed === undefined || tag === undefined)
    throw new Error(`The private key of ${kid} is not sealed in a known way`);
  const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: 16 }).setAAD(Buffer.from(kid)).setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed), decipher.final()]).toString("utf8");
};

/** A new Ed25519 key. Its id is its thumbprint (RFC 7638). */
export const newSigningKey = async (generation: number, secret: Buffer, at: string, signsFrom = at): Promise<SigningKey> => {
  const { publicKey, privateKey } = await generateKeyPair(ALGORITHM, { crv: "Ed25519", extractable: true });
  const { kty, crv, x } = (await exportJWK(publicKey)) as { kty: string; crv: string; x: string };
  const kid = await calculateJwkThumbprint({ kty, crv, x } as JWK);
  return {
    kid,
    generation,
    algorithm: ALGORITHM,
    sealedPrivateJwk: seal(JSON.stringify(await exportJWK(privateKey)), kid, secret),
    publicJwk: { kty, crv, x, kid, alg: ALGORITHM, use: "sig" },
    createdAt: at,
    signsFrom,
    notAfter: null,
  };
};

export const toSigner = async ({ kid, algorithm, sealedPrivateJwk }: SigningKey, secret: Buffer): Promise<Signer> => {
  const jwk = JSON.parse(unseal(sealedPrivateJwk, kid, secret)) as JWK;
  return { kid, algorithm, key: (await importJWK(jwk, algorithm)) as CryptoKey };
};
