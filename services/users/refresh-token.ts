import { createHash } from "node:crypto";
import { newId, newToken } from "@molecart/mixins/lib/ids.ts";

export interface RefreshToken {
  id: string;
  familyId: string;
  accountId: string;
  tokenHash: string;
  createdAt: string;
  expiresAt: string;
}

/** SHA-256 is enough for 256 random bits: there is nothing to guess from. */
export const hashToken = (token: string): string => createHash("sha256").update(token).digest("hex");

/** A new token, as the client gets it and as it is stored. Without a family it begins one. */
export const newRefreshToken = (
  accountId: string,
  { now, lifetimeMs, familyId }: { now: string; lifetimeMs: number; familyId?: string },
): { token: string; stored: RefreshToken } => {
  const token = newToken();
  const id = newId();
  const expiresAt = new Date(Date.parse(now) + lifetimeMs).toISOString();
  return {
    token,
    stored: { id, familyId: familyId ?? id, accountId, tokenHash: hashToken(token), createdAt: now, expiresAt },
  };
};
