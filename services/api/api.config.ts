import { type Environment, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";

const parseOrigins = (text: string): readonly string[] =>
  text
    .split(",")
    .map((origin) => origin.trim())
    .filter((origin) => origin !== "")
    .map((origin) => {
      // An origin is compared as text with what browsers send: a path or a trailing slash would never match.
      if (!URL.canParse(origin) || new URL(origin).origin !== origin)
        throw new ConfigurationError("API_CORS_ORIGINS", `"${origin}" is not an origin such as https://shop.example`);
      return origin;
    });

export const apiConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    host: read.host,
    /** 0 takes any free port. */
    port: read.integer("API_PORT", 3000, { max: 65_535 }),
    /** Web pages of these origins may use the API from a browser. */
    corsOrigins: parseOrigins(read.text("API_CORS_ORIGINS", "")),
    authRateLimit: Object.freeze({
      enabled: read.oneOf("RATE_LIMIT", ["on", "off"], "on") === "on",
      perMinute: read.integer("API_AUTH_RATE_LIMIT", 20, { min: 1 }),
    }),
    /** What a request may take in all; a client may ask for less. */
    requestTimeoutMs: read.integer("API_REQUEST_TIMEOUT_MS", 10_000, { min: 100, max: 30_000 }),
    streams: Object.freeze({
      perGateway: read.integer("API_STREAMS_MAX", 1_000, { min: 1 }),
      perCaller: read.integer("API_STREAMS_PER_USER", 10, { min: 1 }),
      /** Between two looks for what no hint has told of; half of it to one and a half. */
      pollMs: read.integer("API_STREAMS_POLL_SECONDS", 15, { min: 1, max: 300 }) * 1000,
      /** Sign of life, and a look at who reads. */
      heartbeatMs: read.integer("API_STREAMS_HEARTBEAT_SECONDS", 15, { min: 1, max: 60 }) * 1000,
    }),
    /** As `users` signs them. */
    token: Object.freeze({
      issuer: read.text("USERS_TOKEN_ISSUER", "molecart"),
      audience: read.text("USERS_TOKEN_AUDIENCE", "molecart"),
    }),
    pricing: readPricingRules(read),
  });
};
export type ApiConfig = ReturnType<typeof apiConfig>;
