import { afterEach, describe, expect, test } from "@jest/globals";
import type { Revocation } from "@molecart/mixins/contracts/users.ts";
import { isoTime, ManualClock } from "@molecart/mixins/lib/clock.ts";
import { type Pulled, type PullParams, Revocations } from "../../../../services/api/revocations.ts";
import { eventually } from "../../../support/eventually.ts";

const START = Date.parse("2026-03-01T12:00:00Z");
const until = isoTime(START + 960_000);
const session = (id: string): Revocation => ({ kind: "session", id, version: 0, until });
const user = (id: string, version: number): Revocation => ({ kind: "user", id, version, until });
const token = (userId: string, sessionId: string | undefined, tokenVersion: number) => ({ userId, sessionId, tokenVersion });

const opened: Revocations[] = [];
afterEach(() => Promise.all(opened.splice(0).map((one) => one.stop())));

/** A list before users, as the test plays it. */
const stage = (pages: readonly (readonly Revocation[])[] = [[]]) => {
  const clock = new ManualClock(START);
  const users = { pages, asked: [] as PullParams[], down: false };
  const told = { kids: [] as (readonly string[])[], revoked: [] as Revocation[], stale: [] as unknown[] };
  const revocations = new Revocations({
    clock,
    pull: async (params): Promise<Pulled> => {
      users.asked.push(params);
      if (users.down) throw new Error("users is down");
      const page = Number(params.cursor ?? 0);
      const nextCursor = page + 1 < users.pages.length ? String(page + 1) : null;
      return { items: users.pages[page] ?? [], nextCursor, asOf: isoTime(clock.now()), kids: ["one"] };
    },
    onKids: (kids) => told.kids.push(kids),
    onRevoked: (item) => told.revoked.push(item),
    onStale: (error) => told.stale.push(error),
  });
  opened.push(revocations);
  return { clock, users, told, revocations };
};

describe("A token", () => {
  test.each<[string, readonly Revocation[], ReturnType<typeof token>, boolean]>([
    ["nothing has ended", [], token("ada", "s1", 1), false],
    ["its session has ended", [session("s1")], token("ada", "s1", 1), true],
    ["another session has ended", [session("s2")], token("ada", "s1", 1), false],
    ["a user of its session's name has ended", [user("s1", 9)], token("ada", "s1", 1), false],
    ["its user's lower versions have ended", [user("ada", 2)], token("ada", "s1", 1), true],
    ["its user's lower versions have ended and it is newer", [user("ada", 2)], token("ada", "s1", 2), false],
    ["another user's have ended", [user("bob", 2)], token("ada", "s1", 1), false],
    ["it names no session and its user's have ended", [user("ada", 2)], token("ada", undefined, 0), true],
    ["it names no session and none of its user have ended", [session("s1")], token("ada", undefined, 0), false],
  ])("where %s", async (_, items, one, refused) => {
    const { revocations } = stage([items]);
    await revocations.ready();
    expect(revocations.has(one)).toBe(refused);
  });

  test("is refused as soon as it is told, in whatever order it is told", async () => {
    const { revocations, told } = stage();
    await revocations.ready();
    revocations.add([user("ada", 5)]);
    revocations.add([user("ada", 3)]);
    expect(revocations.has(token("ada", "s1", 4))).toBe(true);
    expect(revocations.has(token("ada", "s1", 5))).toBe(false);
    expect(told.revoked).toEqual([user("ada", 5)]);
  });

  test("has ended by another way when its revocation is forgotten", async () => {
    const { revocations, clock, users } = stage([[session("s1")]]);
    revocations.start();
    await revocations.ready();
    expect(revocations.has(token("ada", "s1", 1))).toBe(true);
    users.pages = [[]];
    clock.advance(960_000);
    await eventually(() => expect(revocations.has(token("ada", "s1", 1))).toBe(false));
  });
});

describe("The list", () => {
  test("is had whole before the first answer, page by page, in one go for all who wait", async () => {
    const { revocations, users, told } = stage([[session("s1")], [session("s2")], [session("s3")]]);
    await Promise.all([revocations.ready(), revocations.ready(), revocations.ready()]);
    expect(users.asked).toEqual([{}, { cursor: "1" }, { cursor: "2" }]);
    for (const id of ["s1", "s2", "s3"]) expect(revocations.has(token("ada", id, 1))).toBe(true);
    expect(told.kids).toEqual([["one"]]);
  });

  test("heals by itself what a broadcast has missed", async () => {
    const { revocations, users } = stage();
    revocations.start();
    await revocations.ready();
    users.pages = [[session("s1")]];
    await eventually(() => expect(revocations.has(token("ada", "s1", 1))).toBe(true));
    expect(users.asked.at(-1)).toEqual({ since: isoTime(START) });
  });

  test("that was never had makes the error of users known, and is asked for again", async () => {
    const { revocations, users } = stage();
    users.down = true;
    await expect(revocations.ready()).rejects.toThrow("users is down");
    users.down = false;
    await revocations.ready();
  });

  test("is kept while users is away, which is told once", async () => {
    const { revocations, users, told } = stage([[session("s1")]]);
    await revocations.ready();
    users.down = true;
    revocations.start();
    await eventually(() => expect(users.asked.length).toBeGreaterThanOrEqual(3));
    expect(told.stale).toHaveLength(1);
    await revocations.ready();
    expect(revocations.has(token("ada", "s1", 1))).toBe(true);
    expect(revocations.has(token("bob", "s2", 1))).toBe(false);
  });
});
