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
    notAfter: row.not_after,
  }));
};

/** Does nothing if another broker has made this generation's key. */
export const insertSigningKey = async (db: Db, key: SigningKey): Promise<void> => {
  await db
    .insertInto("signing_key")
    .values({
      kid: key.kid,
      generation: key.generation,
      algorithm: key.algorithm,
      private_jwk: key.sealedPrivateJwk,
      public_jwk: JSON.stringify(key.publicJwk),
      created_at: key.createdAt,
      not_after: key.notAfter,
    })
    .onConflict((conflict) => conflict.column("generation").doNothing())
    .execute();
};
