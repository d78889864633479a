import { PostgresAdapter, type Transaction } from "kysely";

/** `query.$call(forUpdate(trx))` locks the rows until the transaction ends. SQLite needs no row locks: its transaction is the
 *  only one. */
export const forUpdate =
  <DB>(trx: Transaction<DB>) =>
  <Q extends { forUpdate(): Q }>(query: Q): Q =>
    trx.getExecutor().adapter instanceof PostgresAdapter ? query.forUpdate() : query;
