import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { newId, newToken } from "@molecart/mixins/lib/ids.ts";
import type { PaymentsConfig } from "./payments.config.ts";

const hasCode = (error: unknown, code: string): boolean => (error as { code?: unknown }).code === code;

/** Made aside and linked into its place, which fails when somebody else was first: whole or not there, and readable by its
 *  owner alone. */
const createSecret = (file: string): void => {
  const aside = `${file}.${newId()}`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(aside, newToken(), { flag: "wx", mode: 0o600, flush: true });
  try {
    linkSync(aside, file);
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error;
  } finally {
    unlinkSync(aside);
  }
};

/** What the sandbox signs its webhooks with: as configured, or generated at the first start. */
export const sandboxWebhookSecret = ({ webhookSecret, webhookSecretFile }: PaymentsConfig["sandbox"]): string => {
  if (webhookSecret !== undefined) return webhookSecret;
  try {
    return readFileSync(webhookSecretFile, "utf8");
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
    createSecret(webhookSecretFile);
    return readFileSync(webhookSecretFile, "utf8");
  }
};
