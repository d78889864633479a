import { setTimeout as sleep } from "node:timers/promises";
import { Role } from "@molecart/mixins/contracts/common.ts";
import type { Clock } from "@molecart/mixins/lib/clock.ts";
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from "jose";
import { Unauthenticated } from "./api.errors.ts";
import type { ApiKeys } from "./api-keys.ts";
import type { Revocations, TokenIdentity } from "./revocations.ts";
import type { Caller } from "./route.ts";

/** Asymmetric ones only: with HS256 among them, the public key would be a secret to sign with. */
const ALGORITHMS = ["EdDSA", "ES256"];

/** The keys are asked for at most so often, as anybody can make up key ids. Who brings one waits as long. */
const FETCH_PAUSE_MS = 1_000;
/** A key that users has withdrawn is refused here after this time; later only while users is away. */
const KEYS_MAX_AGE_MS = 300_000;
const RENEWAL_PAUSE_MS = 10_000;
/** Verified tokens that are remembered: a signature check costs more than the rest of the gateway's work on a request. */
const MAX_REMEMBERED = 5_000;

export interface AuthenticatorOptions {
  issuer: string;
  audience: string;
  clock: Clock;
  /** The public keys of users, by a call to it. */
  fetchKeys(): Promise<JSONWebKeySet>;
  /** Keys are at hand but could not be renewed. */
  onStaleKeys(error: unknown): void;
  /** Tokens that have ended before their time. */
  revocations: Pick<Revocations, "ready" | "has">;
  apiKeys: Pick<ApiKeys, "identify">;
}

interface Remembered {
  caller: Caller;
  token: TokenIdentity;
  expiresAtMs: number;
}

interface KeySet {
  text: string;
  kids: readonly (string | undefined)[];
  find: ReturnType<typeof createLocalJWKSet>;
}

const isRole = (value: unknown): value is Role => (Role.enum as unknown[]).includes(value);

const callerOf = ({ sub, email, name, roles, sid }: JWTPayload): Caller => {
  if (typeof sub !== "string" || sub === "" || typeof email !== "string" || typeof name !== "string" || !Array.isArray(roles))
    throw new Unauthenticated("The access token does not say whose it is");
  // A role that this version does not know gives no right.
  return { userId: sub, email, name, roles: roles.filter(isRole), ...(typeof sid === "string" && { sessionId: sid }) };
};

const identityOf = ({ userId, sessionId }: Caller, { ver }: JWTPayload): TokenIdentity => ({
  userId,
  sessionId,
  tokenVersion: typeof ver === "number" ? ver : 0,
});

const refusal = (error: unknown): unknown => {
  if (error instanceof errors.JWTExpired) return new Unauthenticated("The access token has expired");
  return error instanceof errors.JOSEError ? new Unauthenticated("The access token is not valid") : error;
};

/** Tells who calls, by the access token or an API key. A token's signature is checked here against the public keys of users, which are
 *  fetched at the first need and when a token names a key that is not among them. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  readonly #remembered = new Map<string, Remembered>();
  #keys: KeySet | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #renewAtMs = Number.POSITIVE_INFINITY;
  #fetching: Promise<void> | undefined;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** The caller by the Authorization or the X-API-Key header; undefined where there is neither. What is not valid is refused,
   *  also where nobody need be known: the client believes that it is signed in. */
  async identify(authorization: string | undefined, apiKey?: string | string[]): Promise<Caller | undefined> {
    if (apiKey !== undefined) {
      if (authorization !== undefined || typeof apiKey !== "string")
        throw new Unauthenticated("Send either an access token or an API key, and one of it");
      return this.#options.apiKeys.identify(apiKey);
    }
    if (authorization === undefined) return undefined;
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
    if (token === undefined) throw new Unauthenticated("The Authorization header is not a bearer token");
    const { revocations, clock } = this.#options;
    this.#renewOldKeys();
    const known = this.#remembered.get(token);
    const found = known !== undefined && clock.now() < known.expiresAtMs ? known : await this.#verify(token);
    await revocations.ready();
    if (revocations.has(found.token)) throw new Unauthenticated("The access token was revoked");
    return found.caller;
  }

  /** Users has other keys than those that are known here. */
  expectKids(kids: readonly string[]): void {
    if (this.#keys === undefined) return;
    const known = this.#keys.kids;
    if (known.length === kids.length && kids.every((kid) => known.includes(kid))) return;
    this.#fetch().catch(this.#options.onStaleKeys);
  }

  async #verify(token: string): Promise<Remembered> {
    if (this.#keys === undefined) await this.#fetch();
    try {
      return await this.#check(token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw refusal(error);
      // The key may be newer than ours.
      await this.#fetch();
      return await this.#check(token).catch((second) => {
        throw refusal(second);
      });
    }
  }

  async #check(token: string): Promise<Remembered> {
    const { issuer, audience, clock } = this.#options;
    const keys = this.#keys as KeySet;
    const { payload } = await jwtVerify(token, keys.find, {
      algorithms: ALGORITHMS,
      issuer,
      audience,
      requiredClaims: ["sub", "exp"],
      currentDate: new Date(clock.now()),
    });
    const caller = callerOf(payload);
    const found = { caller, token: identityOf(caller, payload), expiresAtMs: (payload.exp as number) * 1000 };
    // Not where the keys were exchanged meanwhile: the token's may have been withdrawn.
    if (keys === this.#keys) this.#remember(token, found);
    return found;
  }

  #remember(token: string, entry: Remembered): void {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value as string);
    this.#remembered.set(token, entry);
  }

  /** Nobody waits for it: old keys are better than none while users is away. */
  #renewOldKeys(): void {
    const { clock, onStaleKeys } = this.#options;
    if (this.#fetching !== undefined || clock.now() < this.#renewAtMs) return;
    this.#renewAtMs = clock.now() + RENEWAL_PAUSE_MS;
    this.#fetch().catch(onStaleKeys);
  }

  /** One fetch at a time, whoever waits for it. */
  #fetch(): Promise<void> {
    this.#fetching ??= this.#fetchAfterPause().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetchAfterPause(): Promise<void> {
    const { clock, fetchKeys } = this.#options;
    const pauseMs = Math.min(this.#askedAtMs + FETCH_PAUSE_MS - clock.now(), FETCH_PAUSE_MS);
    if (pauseMs > 0) await sleep(pauseMs);
    this.#askedAtMs = clock.now();
    const jwks = await fetchKeys();
    this.#renewAtMs = clock.now() + KEYS_MAX_AGE_MS;
    const text = JSON.stringify(jwks);
    if (text === this.#keys?.text) return;
    this.#keys = { text, kids: jwks.keys.map(({ kid }) => kid), find: createLocalJWKSet(jwks) };
    this.#remembered.clear();
  }
}
