import type { Cart } from "@molecart/mixins/contracts/carts.ts";
import { newToken } from "@molecart/mixins/lib/ids.ts";
import { type PricingRules, totalsOf } from "@molecart/mixins/lib/pricing.ts";
import { InvalidCartToken } from "./api.errors.ts";

/** 24 random bytes, base64url: a token that a client could make up short enough to be guessed is none. */
export const CART_TOKEN = /^[A-Za-z0-9_-]{32}$/;
const TOKEN_BYTES = 24;

export const newCartToken = (): string => newToken(TOKEN_BYTES);
export const guestCart = (token: string): string => `guest:${token}`;
export const customerCart = (userId: string): string => `user:${userId}`;

/** The token of the X-Cart-Token header; undefined where a guest has none yet. */
export const readCartToken = (header: string | string[] | undefined): string | undefined => {
  if (header === undefined || header === "") return undefined;
  if (typeof header !== "string" || !CART_TOKEN.test(header)) throw new InvalidCartToken();
  return header;
};

export const emptyCart = (rules: PricingRules): Cart => ({ lines: [], saved: [], totals: totalsOf([], rules) });
