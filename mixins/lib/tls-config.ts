import type { EnvironmentReader } from "./config.ts";
import { ConfigurationError } from "./errors.ts";

/** PEM files: a certificate with its chain, and its private key. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** The setting that names the certificate, for error messages. */
  readonly variable: string;
}

/** The files of `<PREFIX>_TLS_CERT_FILE` and `<PREFIX>_TLS_KEY_FILE`; undefined where neither is set. One without the other is a
 *  mistake: a listener that speaks plain HTTP unawares would send tokens in the open. */
export const readTlsFiles = (read: EnvironmentReader, prefix: string): TlsFiles | undefined => {
  const [cert, key] = [`${prefix}_TLS_CERT_FILE`, `${prefix}_TLS_KEY_FILE`];
  const [certFile, keyFile] = [read.raw(cert), read.raw(key)];
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined) throw new ConfigurationError(cert, `must be set together with ${key}`);
  if (keyFile === undefined) throw new ConfigurationError(key, `must be set together with ${cert}`);
  return Object.freeze({ certFile, keyFile, variable: cert });
};
