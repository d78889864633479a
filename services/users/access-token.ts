import type { User } from "@molecart/mixins/contracts/users.ts";
import { newId } from "@molecart/mixins/lib/ids.ts";
import { SignJWT } from "jose";
import type { Signer } from "./signing-key.ts";

export interface AccessTokenRules {
  issuer: string;
  audience: string;
  accessTokenSeconds: number;
}

/** The session that a token belongs to, and the version of its account's tokens: gateways refuse it by either. */
export interface TokenSession {
  sessionId: string;
  tokenVersion: number;
}

/** A JWT that says who the user is and what the user may do; `sub` is the account's id. Whoever has the public keys can
 *  check it without asking. `now` in milliseconds. */
export const signAccessToken = (
  { id, email, name, roles }: User,
  { kid, algorithm, key }: Signer,
  { issuer, audience, accessTokenSeconds }: AccessTokenRules,
  now: number,
  { sessionId, tokenVersion }: TokenSession,
): Promise<string> => {
  const issuedAt = Math.floor(now / 1000);
  return new SignJWT({ email, name, roles, sid: sessionId, ver: tokenVersion })
    .setProtectedHeader({ alg: algorithm, kid, typ: "JWT" })
    .setIssuer(issuer)
    .setAudience(audience)
    .setSubject(id)
    .setJti(newId())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + accessTokenSeconds)
    .sign(key);
};
