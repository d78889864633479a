import { contract } from "@molecart/mixins/contracts/contract.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { type DatabaseProps, database } from "@molecart/mixins/database.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import type { Inbox } from "@molecart/mixins/messaging/inbox.ts";
import type { Job } from "@molecart/mixins/messaging/job-runner.ts";
import type { SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import type { Service, ServiceSchema } from "moleculer";

export interface LedgerTables {
  note: { order_id: string; text: string };
}
type Tables = LedgerTables & MessagingTables;
export type LedgerWork = SqlWork<Tables>;

/** What a test wants the service's steps to do. */
export interface LedgerScript {
  onExpired?(work: LedgerWork, orderId: string): Promise<void>;
  onJob?(job: Job<LedgerWork>): Promise<void>;
}

export interface LedgerService extends Service, DatabaseProps<Tables> {
  inbox: Inbox<LedgerWork>;
}

/** The smallest service with a store of its own: notes each order of which it hears, or does what the test's script says. */
export const ledgerService = (script: LedgerScript, name = "ledger"): ServiceSchema =>
  implement(contract({ name, version: 1, actions: {}, events: {}, errors: {} }), {
    mixins: [database<LedgerTables>({ name, migrations: new URL("./migrations/", import.meta.url) })],
    actions: {},
    durable: {
      "reservation.expired": {
        maxAttempts: 3,
        backoff: { firstMs: 20, maxMs: 50, factor: 2 },
        async handler({ params: { orderId }, locals: { work } }) {
          await work.trx.insertInto("note").values({ order_id: orderId, text: "heard" }).execute();
          await script.onExpired?.(work, orderId);
        },
      },
    },
    jobs: {
      remind: {
        backoff: { firstMs: 20, maxMs: 50, factor: 2 },
        leaseMs: 300,
        async handler(job: Job<LedgerWork>) {
          await script.onJob?.(job);
        },
      },
    },
  });

export const notes = async (service: LedgerService): Promise<string[]> =>
  (await service.database.db.selectFrom("note").selectAll().orderBy("order_id").execute()).map(
    (row) => `${row.order_id}: ${row.text}`,
  );
