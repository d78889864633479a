import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type Database, openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely } from "kysely";
import { up as first } from "../../services/payments/migrations/0001_payments.ts";
import { up as refusals } from "../../services/payments/migrations/0002_refused_refunds.ts";
import {
  findRefundsOf,
  insertPayment,
  setRefundRefused,
  setRefundSucceeded,
} from "../../services/payments/payment.repository.ts";
import type { PaymentsTables } from "../../services/payments/payment.table.ts";
import { newPayment } from "../../services/payments/payment.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const AT = "2026-01-01T00:00:00.000Z";

for (const kind of ["sqlite", "postgres"] as const) {
  describeWith(kind === "postgres" ? ["postgres"] : [], `A ${kind} store of payments of before refused refunds`, () => {
    let server: PostgresServer | undefined;
    let database: Database<PaymentsTables & MessagingTables>;

    beforeAll(async () => {
      if (kind === "postgres") server = await startPostgres();
    });
    afterAll(async () => {
      await server?.stop();
      removeDataDirs();
    });
    afterEach(() => database.close());

    test("keeps its refunds: one under way can be refused, one that is made stays made, one per cancellation", async () => {
      const url = await server?.createDatabase("old");
      database = openDatabase({ name: "old", file: `${temporaryDataDir()}/old.db`, url, poolSize: 2 });
      const { db } = database;
      await first(db as unknown as Kysely<never>, kind);
      const row = {
        payment_id: "p1",
        order_id: "o1",
        amount: 500,
        currency: "EUR",
        reason: "goodwill",
        created_at: AT,
        updated_at: AT,
      };
      await database.transaction(async (trx) => {
        await insertPayment(trx, newPayment("p1", "o1", AT));
        for (const refund of [
          { ...row, id: "r1", cause: "staff", cause_id: "", status: "succeeded", provider_refund_id: "re_1" },
          { ...row, id: "r2", cause: "cancellation", cause_id: "", status: "pending", provider_refund_id: null },
        ])
          await trx
            .insertInto("refund")
            .values(refund as never)
            .execute();
      });
      await refusals(db as unknown as Kysely<never>, kind);

      expect(await findRefundsOf(db, "o1")).toMatchObject([
        { id: "r1", status: "succeeded", amount: { amount: 500, currency: "EUR" }, round: 0, createdAt: AT },
        { id: "r2", status: "pending", cause: "cancellation", triedSince: AT, refusalCode: null },
      ]);
      await database.transaction(async (trx) => {
        expect(await setRefundRefused(trx, { id: "r1", round: 0 }, "card_closed", AT)).toBe(false);
        expect(await setRefundRefused(trx, { id: "r2", round: 0 }, "card_closed", AT)).toBe(true);
        expect(await setRefundSucceeded(trx, "r2", "re_2", AT)).toBe(true);
      });
      const again = db.insertInto("refund").values({
        ...row,
        id: "r3",
        cause: "cancellation",
        cause_id: "",
        status: "pending",
        provider_refund_id: null,
        tried_since: AT,
        refusal_code: null,
        method: null,
        reference: null,
      });
      await expect(again.execute()).rejects.toThrow(/unique/i);
    });
  });
}
