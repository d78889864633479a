import type { ActionParams, ActionResult } from "@molecart/mixins/contracts/index.ts";
import type { Revocation } from "@molecart/mixins/contracts/users.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { decodeCursor, isText, page } from "@molecart/mixins/lib/cursor.ts";
import { findRecentFamilies } from "./refresh-token.repository.ts";
import { findRevocations, insertRevocations, type RevocationPosition } from "./revocation.repository.ts";
import type { UsersDesk, UsersWork } from "./session.operations.ts";
import { raiseTokenVersion } from "./user.repository.ts";
import type { UsersConfig } from "./users.config.ts";

type Rules = Pick<UsersConfig, "accessTokenSeconds">;

/** Clocks of brokers may differ by this much, and transactions take as long. */
const MARGIN_MS = 60_000;
/** A pull looks back this far behind the last one: a revocation of a clock that is behind, or of a transaction that was slow,
 *  is found by the next pull all the same. */
const OVERLAP_MS = 30_000;
/** 150 bytes each: far below what the transport takes. */
const PAGE = 1_000;

/** When the last access token has expired that was issued until now. */
const untilOf = (now: string, { accessTokenSeconds }: Rules): string =>
  isoTime(Date.parse(now) + accessTokenSeconds * 1000 + MARGIN_MS);

/** Ends the access tokens of sessions. To be announced after the commit. */
export const revokeSessions = async (work: UsersWork, rules: Rules, sessionIds: readonly string[]): Promise<Revocation[]> => {
  const until = untilOf(work.now, rules);
  const revocations = sessionIds.map((id): Revocation => ({ kind: "session", id, version: 0, until }));
  await insertRevocations(work.trx, revocations, work.now);
  return revocations;
};

/** Ends the access tokens of all sessions of an account but `exceptId`, with the account locked. Only those of late can have one
 *  that is still good. */
export const revokeOtherSessions = async (
  work: UsersWork,
  rules: Rules,
  accountId: string,
  exceptId: string | undefined,
): Promise<Revocation[]> => {
  const since = isoTime(Date.parse(work.now) - rules.accessTokenSeconds * 1000 - MARGIN_MS);
  const families = await findRecentFamilies(work.trx, accountId, since);
  return revokeSessions(
    work,
    rules,
    families.filter((id) => id !== exceptId),
  );
};

/** Ends all access tokens that an account has by now. Its sessions get new ones by their refresh tokens, if those are good. */
export const revokeUserTokens = async (work: UsersWork, rules: Rules, accountId: string): Promise<Revocation[]> => {
  const version = await raiseTokenVersion(work.trx, accountId);
  const revocations: Revocation[] = [{ kind: "user", id: accountId, version, until: untilOf(work.now, rules) }];
  await insertRevocations(work.trx, revocations, work.now);
  return revocations;
};

/** Makes gateways forget what they know of an API key. */
export const revokeKey = async (work: UsersWork, rules: Rules, keyId: string): Promise<Revocation[]> => {
  const revocations: Revocation[] = [{ kind: "api-key", id: keyId, version: 0, until: untilOf(work.now, rules) }];
  await insertRevocations(work.trx, revocations, work.now);
  return revocations;
};

const isPosition = (value: unknown): value is RevocationPosition =>
  Array.isArray(value) && value.length === 3 && value.every(isText);

export const listRevocations = async (
  { database, clock, keys }: UsersDesk,
  { since, cursor }: ActionParams<"v1.users.revocations">,
): Promise<ActionResult<"v1.users.revocations">> => {
  const { db } = database;
  // Before the look: what is committed meanwhile is found by the next one.
  const asOf = isoTime(clock.now());
  const [found, publicKeys] = await Promise.all([
    findRevocations(db, {
      now: asOf,
      since: since && isoTime(Date.parse(since) - OVERLAP_MS),
      after: cursor === undefined ? undefined : decodeCursor(cursor, isPosition),
      limit: PAGE + 1,
    }),
    keys.publicKeys(db),
  ]);
  const { items, nextCursor } = page(found, PAGE, ({ revokedAt, kind, id }) => [revokedAt, kind, id]);
  return { items: items.map(({ revokedAt: _, ...item }) => item), nextCursor, asOf, kids: publicKeys.map(({ kid }) => kid) };
};
