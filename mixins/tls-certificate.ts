import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { ConfigurationError, messageOf } from "./lib/errors.ts";
import type { TlsFiles } from "./lib/tls-config.ts";

export interface Certificate {
  cert: Buffer;
  key: Buffer;
  minVersion: "TLSv1.2";
}

/** How soon a renewed certificate is used. By reading, not by the file system's notices: orchestrators exchange folders by
 *  links, which notices do not follow. */
const WATCH_EVERY_MS = 10_000;

/** Throws ConfigurationError where the files cannot be read or do not belong together. Never tells their content. */
export const readCertificate = async ({ certFile, keyFile, variable }: TlsFiles): Promise<Certificate> => {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    const certificate: Certificate = { cert, key, minVersion: "TLSv1.2" };
    createSecureContext(certificate);
    return certificate;
  } catch (error) {
    throw new ConfigurationError(variable, `the certificate and its key cannot be used: ${messageOf(error)}`);
  }
};

const fingerprintOf = ({ cert, key }: Certificate): string => createHash("sha256").update(cert).update(key).digest("base64");

/** Hands over a certificate each time that its files have changed, and at SIGHUP. One that cannot be used, such as half of a
 *  renewal, is reported and left alone: the old one stays. Connections that are open keep theirs. */
export const watchCertificate = (
  files: TlsFiles,
  initial: Certificate,
  use: (certificate: Certificate) => void,
  onError: (error: Error) => void,
): { stop(): void } => {
  let known = fingerprintOf(initial);
  let looking = false;
  let reported = "";
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      const certificate = await readCertificate(files);
      const fingerprint = fingerprintOf(certificate);
      if (fingerprint !== known) use(certificate);
      known = fingerprint;
      reported = "";
    } catch (error) {
      // Once for each mistake, not at each look.
      if (messageOf(error) !== reported) onError(error as Error);
      reported = messageOf(error);
    } finally {
      looking = false;
    }
  };
  const hangUp = (): void => void look();
  const timer = setInterval(() => void look(), WATCH_EVERY_MS).unref();
  process.on("SIGHUP", hangUp);
  return {
    stop: () => {
      clearInterval(timer);
      process.off("SIGHUP", hangUp);
    },
  };
};
