import { forUpdate } from "@molecart/mixins/database/for-update.ts";
import type { Kysely, Selectable, Transaction } from "kysely";
import type { Tables } from "./payment.repository.ts";
import type { SandboxChargeTable, SandboxRefundTable, SandboxTokenTable } from "./sandbox.table.ts";

type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

export const insertToken = async (trx: Trx, token: SandboxTokenTable): Promise<void> => {
  await trx.insertInto("sandbox_token").values(token).execute();
};

/** Tokens that nobody has used in time are of no use to anybody. */
export const deleteExpiredTokens = async (trx: Trx, now: string): Promise<void> => {
  await trx.deleteFrom("sandbox_token").where("used_by", "is", null).where("expires_at", "<=", now).execute();
};

export const lockToken = (trx: Trx, token: string): Promise<Selectable<SandboxTokenTable> | undefined> =>
  trx.selectFrom("sandbox_token").selectAll().where("token", "=", token).$call(forUpdate(trx)).executeTakeFirst();

export const setTokenUsed = async (trx: Trx, token: string, idempotencyKey: string): Promise<void> => {
  await trx.updateTable("sandbox_token").set({ used_by: idempotencyKey }).where("token", "=", token).execute();
};

/** Whether the card of a charge refuses refunds. */
export const refusesRefunds = async (trx: Trx, idempotencyKey: string): Promise<boolean> => {
  const token = await trx
    .selectFrom("sandbox_token")
    .select("token")
    .where("used_by", "=", idempotencyKey)
    .where("behaviour", "=", "refuses_refunds")
    .executeTakeFirst();
  return token !== undefined;
};

export const findCharge = (db: Db, idempotencyKey: string): Promise<Selectable<SandboxChargeTable> | undefined> =>
  db.selectFrom("sandbox_charge").selectAll().where("idempotency_key", "=", idempotencyKey).executeTakeFirst();

/** Answers false when there is a charge with this key. */
export const insertCharge = async (trx: Trx, charge: SandboxChargeTable): Promise<boolean> => {
  const inserted = await trx
    .insertInto("sandbox_charge")
    .values(charge)
    .onConflict((conflict) => conflict.column("idempotency_key").doNothing())
    .returning("idempotency_key")
    .executeTakeFirst();
  return inserted !== undefined;
};

export const lockCharge = (trx: Trx, chargeId: string): Promise<Selectable<SandboxChargeTable> | undefined> =>
  trx.selectFrom("sandbox_charge").selectAll().where("charge_id", "=", chargeId).$call(forUpdate(trx)).executeTakeFirst();

export const findRefunds = (trx: Trx, chargeId: string): Promise<Selectable<SandboxRefundTable>[]> =>
  trx.selectFrom("sandbox_refund").selectAll().where("charge_id", "=", chargeId).execute();

export const insertRefund = async (trx: Trx, refund: SandboxRefundTable): Promise<void> => {
  await trx.insertInto("sandbox_refund").values(refund).execute();
};
