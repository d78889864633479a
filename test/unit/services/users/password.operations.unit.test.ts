import { expect, test } from "@jest/globals";
import { ManualClock } from "@molecart/mixins/lib/clock.ts";
import { forgotPassword } from "../../../../services/users/password.operations.ts";
import type { UsersDesk } from "../../../../services/users/session.operations.ts";

test("a forgotten password is noted without a look at the accounts: no answer and no time can tell of them", async () => {
  const scheduled: object[] = [];
  const work = {
    schedule: async (job: object) => void scheduled.push(job),
    get trx() {
      throw new Error("It has looked");
    },
  };
  // A desk without a database.
  const desk = { clock: new ManualClock(7), transaction: (run: (w: unknown) => unknown) => run(work) } as unknown as UsersDesk;
  for (const email of ["ada@example.org", " ADA@example.org", "nobody@example.org"])
    expect(await forgotPassword(desk, { email })).toEqual({});
  const [first, again, other] = scheduled as { id: string }[];
  expect(first).toMatchObject({ kind: "password-forgotten", dueAt: 7, data: { email: "ada@example.org" } });
  expect(again).toEqual(first);
  expect(other?.id).not.toBe(first?.id);
});
