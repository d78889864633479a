import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import type { Kysely } from "kysely";
import type { SigningKey } from "./signing-key.ts";
import type { UsersTables } from "./user.table.ts";

type Tables = UsersTables & MessagingTables;
type Db = Kysely<Tables>;

/** Expired ones too; the newest first. */
export const findSigningKeys = async (db: Db): Promise<SigningKey[]> => {
  const rows = await db.selectFrom("signing_key").selectAll().orderBy("generation", "desc").execute();
  return rows.map((row) => ({
    kid: row.kid,
    generation: row.generation,
    algorithm: row.algorithm,
    sealedPrivateJwk: row.private_jwk,
    publicJwk: row.public_jwk,
    createdAt: row.created_at,
    signsFrom: row.signs_from,
    notAfter: row.not_after,
  }));
};

/** Does nothing, and answers false, if another broker has made this generation's key. */
export const insertSigningKey = async (db: Db, key: SigningKey): Promise<boolean> => {
  const { numInsertedOrUpdatedRows } = await db
    .insertInto("signing_key")
    .values({
      kid: key.kid,
      generation: key.generation,
      algorithm: key.algorithm,
      private_jwk: key.sealedPrivateJwk,
      public_jwk: JSON.stringify(key.publicJwk),
      created_at: key.createdAt,
      signs_from: key.signsFrom,
      not_after: key.notAfter,
    })
    .onConflict((conflict) => conflict.column("generation").doNothing())
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
};

/** Ends the keys before `generation` at this time, if they do not end before. */
export const setOlderEnd = async (db: Db, generation: number, notAfter: string): Promise<void> => {
  await db
    .updateTable("signing_key")
    .set({ not_after: notAfter })
    .where("generation", "<", generation)
    .where(({ eb, or }) => or([eb("not_after", "is", null), eb("not_after", ">", notAfter)]))
    .execute();
};

/** Nothing that they have signed is accepted any more. The newest stays: the next generation follows from it. */
export const deleteEndedKeys = async (db: Db, now: string): Promise<void> => {
  await db
    .deleteFrom("signing_key")
    .where("not_after", "<=", now)
    .where("generation", "<", (query) => query.selectFrom("signing_key").select(({ fn }) => fn.max("generation").as("newest")))
    .execute();
};
