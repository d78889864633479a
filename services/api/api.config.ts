import { type Environment, type EnvironmentReader, REDIS, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import { readPricingRules } from "@molecart/mixins/lib/pricing-config.ts";
import { readTlsFiles } from "@molecart/mixins/lib/tls-config.ts";
import { forwardedHeaders, parseProxies } from "./client-address.http.ts";
import { readLimits } from "./limit-class.ts";

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

const MINUTE_MS = 60_000;
const MEGABYTE = 1024 * 1024;

const readSocketLimits = (read: EnvironmentReader) => {
  const receiveTimeoutMs = read.integer("API_RECEIVE_TIMEOUT_MS", 30_000, { min: 100, max: 10 * MINUTE_MS });
  return Object.freeze({
    /** From the first byte of a request, or the opening of its connection, to the end of its headers. */
    headersTimeoutMs: Math.min(
      read.integer("API_HEADERS_TIMEOUT_MS", 10_000, { min: 100, max: 10 * MINUTE_MS }),
      // Node takes no later end of the headers than of the whole.
      receiveTimeoutMs,
    ),
    /** And to the end of its body. */
    receiveTimeoutMs,
    /** For how long a part of an answer may wait until the client reads it. */
    answerTimeoutMs: read.integer("API_ANSWER_TIMEOUT_MS", 30_000, { min: 100, max: 10 * MINUTE_MS }),
    keepAliveMs: read.integer("API_KEEP_ALIVE_MS", 65_000, { max: 10 * MINUTE_MS }),
    maxConnections: read.integer("API_MAX_CONNECTIONS", 10_000, { min: 1, max: 1_000_000 }),
  });
};

export const apiConfig = (env: Environment) => {
  const read = readEnvironment(env);
  return Object.freeze({
    host: read.host,
    /** 0 takes any free port. */
    port: read.integer("API_PORT", 3000, { max: 65_535 }),
    tls: readTlsFiles(read, "API"),
    sockets: readSocketLimits(read),
    /** Web pages of these origins may use the API from a browser. */
    corsOrigins: parseOrigins(read.text("API_CORS_ORIGINS", "")),
    /** Whose X-Forwarded-For is believed; undefined: nobody's. */
    proxies: parseProxies(read.text("API_TRUSTED_PROXIES", "")),
    forwardedHeader: read.oneOf("API_FORWARDED_HEADER", forwardedHeaders, "x-forwarded-for"),
    /** Requests per minute, by class; undefined: no limits. */
    limits: read.oneOf("RATE_LIMIT", ["on", "off"], "on") === "on" ? readLimits(read) : undefined,
    /** Where gateways share their counts. */
    redisUrl: read.url("REDIS_URL", REDIS),
    namespace: read.text("NAMESPACE", "molecart"),
    /** Of catalogue reads. */
    cache: Object.freeze({
      maxAgeMs: read.integer("API_CACHE_SECONDS", 30, { max: 3_600 }) * 1000,
      staleMs: read.integer("API_CACHE_STALE_SECONDS", 600, { max: 86_400 }) * 1000,
      maxBytes: read.integer("API_CACHE_MEGABYTES", 32, { min: 1, max: 4_096 }) * MEGABYTE,
    }),
    /** What a request may take in all once it is there; a client may ask for less. */
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
    /** Of a whole file, over all the requests that bring it. */
    uploadLimitBytes: read.integer("API_UPLOAD_LIMIT_MB", 1_024, { min: 1, max: 1_000_000 }) * 1024 * 1024,
    pricing: readPricingRules(read),
  });
};
export type ApiConfig = ReturnType<typeof apiConfig>;
