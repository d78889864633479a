import { type Environment, type EnvironmentReader, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { readTlsFiles } from "@molecart/mixins/lib/tls-config.ts";

const MAX_PROVIDER_TIMEOUT_MS = 10_000;

/** A job asks the provider twice at most; the rest is for the database. */
export const PROVIDER_LEASE_MS = 2 * MAX_PROVIDER_TIMEOUT_MS + 10_000;

/** As many characters as 128 bits of hex have. */
const MIN_SECRET_LENGTH = 32;

const corsOrigins = (read: EnvironmentReader): readonly string[] => {
  const origins = read.text("PAYMENTS_CORS_ORIGINS", "*").split(",");
  return Object.freeze(
    origins.map((text) => {
      const origin = text.trim();
      if (origin !== "*" && URL.parse(origin)?.origin !== origin)
        throw new ConfigurationError("PAYMENTS_CORS_ORIGINS", `"${origin}" is not an origin such as https://shop.example.com`);
      return origin;
    }),
  );
};

const webhookSecret = (read: EnvironmentReader): string | undefined => {
  const name = "PAYMENTS_SANDBOX_WEBHOOK_SECRET";
  const secret = read.embedded ? read.raw(name) : read.required(name, "it signs the sandbox provider's webhooks");
  if (secret !== undefined && secret.length < MIN_SECRET_LENGTH)
    throw new ConfigurationError(name, `must have at least ${MIN_SECRET_LENGTH} characters, random ones`);
  return secret;
};

export const paymentsConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    host: read.host,
    /** 0: the system picks a free one. */
    port: read.integer("PAYMENTS_PORT", 3001, { max: 65_535 }),
    /** Absent: plain HTTP, for a proxy that speaks TLS. */
    tls: readTlsFiles(read, "PAYMENTS"),
    corsOrigins: corsOrigins(read),
    provider: read.oneOf("PAYMENTS_PROVIDER", ["sandbox"], "sandbox"),
    /** For one call to the provider. */
    providerTimeoutMs: read.integer("PAYMENTS_PROVIDER_TIMEOUT_MS", 5_000, { min: 50, max: MAX_PROVIDER_TIMEOUT_MS }),
    /** How long a refund without an answer is tried before an operator is to settle it. */
    refundGiveUpMs: read.integer("PAYMENTS_REFUND_GIVE_UP_HOURS", 72, { min: 1, max: 8_760 }) * 3_600_000,
    /** From the end of one reconciliation with the provider to the next. */
    reconcileMs: read.integer("PAYMENTS_RECONCILE_SECONDS", 300, { min: 1, max: 86_400 }) * 1000,
    sandbox: Object.freeze({
      tokenMs: read.integer("PAYMENTS_TOKEN_MINUTES", 30, { min: 1, max: 1_440 }) * 60_000,
      /** How late the card that answers late answers. */
      lateMs: read.integer("PAYMENTS_SANDBOX_LATE_MS", 3_000, { max: 60_000 }),
      /** Absent: generated once into `webhookSecretFile`. Embedded only. */
      webhookSecret: webhookSecret(read),
      webhookSecretFile: `${read.dataDir}/payments-sandbox-webhook.secret`,
    }),
  });
};
export type PaymentsConfig = ReturnType<typeof paymentsConfig>;
