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
    /** As `users` signs them. */
    token: Object.freeze({
      issuer: read.text("USERS_TOKEN_ISSUER", "molecart"),
      audience: read.text("USERS_TOKEN_AUDIENCE", "molecart"),
    }),
    /** Of a whole file, over all the requests that bring it. */
    uploadLimitBytes: read.integer("API_UPLOAD_LIMIT_MB", 1_024, { min: 1, max: 1_000_000 }) * 1024 * 1024,
    pricing: readPricingRules(read),
  });
};
export type ApiConfig = ReturnType<typeof apiConfig>;
