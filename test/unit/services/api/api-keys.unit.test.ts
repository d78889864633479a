import { describe, expect, test } from "@jest/globals";
import type { ApiKeyHolder } from "@molecart/mixins/contracts/users.ts";
import { hashApiKey, newApiKey } from "@molecart/mixins/lib/api-key.ts";
import { isoTime, ManualClock } from "@molecart/mixins/lib/clock.ts";
import { ApiKeys, type KeyUse } from "../../../../services/api/api-keys.ts";

const START = Date.parse("2026-03-01T12:00:00Z");
const until = isoTime(START + 960_000);
const key = newApiKey();
const holder: ApiKeyHolder = {
  id: "key-1",
  userId: "ada",
  email: "ada@example.com",
  name: "Ada",
  roles: ["customer"],
  scopes: ["orders:read"],
  expiresAt: null,
};
const refused = { type: "UNAUTHENTICATED", code: 401 };

const stage = (first: ApiKeyHolder | null = holder) => {
  const clock = new ManualClock(START);
  const users = { holder: first, asked: [] as string[], noted: [] as KeyUse[][], down: false, gate: Promise.resolve() };
  const notNoted: unknown[] = [];
  const keys = new ApiKeys({
    clock,
    find: async (keyHash) => {
      users.asked.push(keyHash);
      const answer = users.holder;
      await users.gate;
      return answer;
    },
    note: async (uses) => {
      if (users.down) throw new Error("users is down");
      users.noted.push(uses);
    },
    onNotNoted: (error) => notNoted.push(error),
  });
  return { clock, users, keys, notNoted };
};

describe("An API key", () => {
  test("says who calls and for what, by its hash, with one look-up for all who come at once and for seconds", async () => {
    const { keys, users, clock } = stage();
    const callers = await Promise.all([keys.identify(key), keys.identify(key)]);
    const { userId, email, name, roles, scopes, id: keyId } = holder;
    expect(callers).toEqual(Array(2).fill({ userId, email, name, roles, scopes, keyId }));
    clock.advance(9_999);
    await keys.identify(key);
    expect(users.asked).toEqual([hashApiKey(key)]);
    clock.advance(1);
    await keys.identify(key);
    expect(users.asked).toHaveLength(2);
  });

  test("that is mistyped, or made up without a checksum, costs no look-up", async () => {
    const { keys, users } = stage();
    for (const wrong of ["", "mck_x", `${key.slice(0, -1)}x`, `${key}${key}`])
      await expect(keys.identify(wrong)).rejects.toMatchObject(refused);
    expect(users.asked).toEqual([]);
  });

  test("that opens nothing is refused, and not looked up for each request", async () => {
    const { keys, users } = stage(null);
    for (let n = 0; n < 3; n++) await expect(keys.identify(key)).rejects.toMatchObject(refused);
    expect(users.asked).toHaveLength(1);
  });

  test("ends at its time, also while it is remembered", async () => {
    const { keys, clock } = stage({ ...holder, expiresAt: isoTime(START + 5_000) });
    await keys.identify(key);
    clock.advance(5_000);
    await expect(keys.identify(key)).rejects.toMatchObject(refused);
  });

  test.each([
    ["the key has", { kind: "api-key", id: "key-1" }],
    ["its owner's rights have", { kind: "user", id: "ada" }],
  ] as const)("is looked up again when %s ended", async (_, what) => {
    const { keys, users } = stage();
    await keys.identify(key);
    users.holder = null;
    keys.forget({ ...what, version: 1, until });
    await expect(keys.identify(key)).rejects.toMatchObject(refused);
  });

  test("of others is remembered when somebody's key or session ends", async () => {
    const { keys, users } = stage();
    await keys.identify(key);
    keys.forget({ kind: "api-key", id: "key-2", version: 0, until });
    keys.forget({ kind: "session", id: "key-1", version: 0, until });
    await keys.identify(key);
    expect(users.asked).toHaveLength(1);
  });

  test("that was revoked while it was looked up is not remembered", async () => {
    const { keys, users } = stage();
    let open = () => {};
    users.gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const asking = keys.identify(key);
    await new Promise(setImmediate);
    users.holder = null;
    keys.forget({ kind: "api-key", id: "key-1", version: 0, until });
    open();
    await asking;
    await expect(keys.identify(key)).rejects.toMatchObject(refused);
  });
});

describe("The use of keys", () => {
  test("is noted in one batch, with the latest time of each", async () => {
    const { keys, users, clock } = stage();
    await keys.identify(key);
    clock.advance(1_000);
    await keys.identify(key);
    expect(users.noted).toEqual([]);
    await keys.noteUses();
    await keys.noteUses();
    expect(users.noted).toEqual([[{ id: "key-1", at: isoTime(START + 1_000) }]]);
  });

  test("is noted later when users is away, and at the latest when the gateway stops", async () => {
    const { keys, users, notNoted } = stage();
    await keys.identify(key);
    users.down = true;
    await keys.noteUses();
    expect(notNoted).toHaveLength(1);
    users.down = false;
    await keys.stop();
    expect(users.noted).toEqual([[{ id: "key-1", at: isoTime(START) }]]);
  });
});
