import { createHash } from "node:crypto";

export interface PasswordReset {
  id: string;
  accountId: string;
  tokenHash: string;
  createdAt: string;
  expiresAt: string;
  closedAt: string | null;
}

/** As with refresh tokens: 256 bits need no slow hash. */
export const hashResetToken = (token: string): string => createHash("sha256").update(token).digest("hex");

export const isOpen = ({ expiresAt, closedAt }: PasswordReset, now: string): boolean => closedAt === null && expiresAt > now;

/** Somebody who asks more often, or for somebody else, fills a mailbox; the last mail's link is good meanwhile. */
export const MAX_RESETS_PER_HOUR = 5;
