import { type Environment, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";
import type { ThrottleRules } from "./throttle.ts";

/** As many characters as 128 bits of hex have. */
const MIN_SECRET_LENGTH = 32;
const MIN_ADMIN_PASSWORD_LENGTH = 10;
const DAY_MS = 86_400_000;

/** A lock of half a minute at first, which doubles with each further try up to a quarter of an hour: about a hundred guesses a
 *  day, and an owner who is locked out by somebody else waits for minutes. */
const throttle = (allowedTries: number): ThrottleRules =>
  Object.freeze({ allowedTries, firstLockMs: 30_000, maxLockMs: 900_000, forgetAfterMs: 3_600_000 });

export const usersConfig = (env: Environment) => {
  const read = readEnvironment(env);
  const keySecret = read.embedded
    ? read.raw("USERS_KEY_SECRET")
    : read.required("USERS_KEY_SECRET", "it encrypts the private keys that sign access tokens");
  if (keySecret !== undefined && keySecret.length < MIN_SECRET_LENGTH)
    throw new ConfigurationError("USERS_KEY_SECRET", `must have at least ${MIN_SECRET_LENGTH} characters, random ones`);
  const adminEmail = read.raw("USERS_ADMIN_EMAIL");
  const adminPassword =
    adminEmail === undefined
      ? undefined
      : read.required("USERS_ADMIN_PASSWORD", "USERS_ADMIN_EMAIL names the first administrator");
  if (adminPassword !== undefined && adminPassword.length < MIN_ADMIN_PASSWORD_LENGTH)
    throw new ConfigurationError("USERS_ADMIN_PASSWORD", `must have at least ${MIN_ADMIN_PASSWORD_LENGTH} characters`);
  return Object.freeze({
    /** Made at the start when the shop has no such account. */
    admin: adminEmail === undefined ? undefined : Object.freeze({ email: adminEmail, password: adminPassword as string }),
    embedded: read.embedded,
    issuer: read.text("USERS_TOKEN_ISSUER", "molecart"),
    audience: read.text("USERS_TOKEN_AUDIENCE", "molecart"),
    accessTokenSeconds: read.integer("USERS_ACCESS_TOKEN_SECONDS", 900, { min: 1, max: 86_400 }),
    refreshTokenMs: read.integer("USERS_REFRESH_TOKEN_DAYS", 30, { min: 1, max: 365 }) * DAY_MS,
    hashing: Object.freeze({
      // One of the four threads of libuv's pool stays free for files and names.
      concurrency: read.integer("USERS_HASHING_CONCURRENCY", 3, { min: 1, max: 64 }),
      maxWaiting: read.integer("USERS_HASHING_QUEUE", 100, { max: 10_000 }),
      // With the hash itself this is within a caller's patience (5 s), however slow the machine: nobody is worked for who has gone.
      maxWaitMs: read.integer("USERS_HASHING_WAIT_MS", 2_500, { min: 1, max: 60_000 }),
    }),
    signingKeys: Object.freeze({
      rotateAfterMs: read.integer("USERS_KEY_ROTATION_DAYS", 30, { min: 1, max: 3_650 }) * DAY_MS,
      // Gateways look at the keys every few seconds, and at once for a key that they do not know.
      overlapMs: read.integer("USERS_KEY_OVERLAP_SECONDS", 600, { min: 1, max: 86_400 }) * 1_000,
    }),
    resetTokenMs: read.integer("USERS_RESET_TOKEN_MINUTES", 30, { min: 1, max: 1_440 }) * 60_000,
    throttle: Object.freeze({
      account: throttle(read.integer("USERS_LOCK_ACCOUNT_TRIES", 10, { min: 1, max: 1_000 })),
      address: throttle(read.integer("USERS_LOCK_ADDRESS_TRIES", 50, { min: 1, max: 100_000 })),
    }),
    /** Absent: generated once into `keySecretFile`. Embedded only. */
    keySecret,
    keySecretFile: `${read.dataDir}/users.secret`,
    demoLoginsFile: `${read.dataDir}/demo-logins.json`,
  });
};
export type UsersConfig = ReturnType<typeof usersConfig>;
