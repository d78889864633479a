import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { type Database, openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { systemClock } from "@molecart/mixins/lib/clock.ts";
import type { Kysely } from "kysely";
import { up as users } from "../../services/users/migrations/0001_users.ts";
import { up as identity } from "../../services/users/migrations/0002_identity.ts";
import { KeyRing } from "../../services/users/signing-key.operations.ts";
import { newSigningKey, sealingKey } from "../../services/users/signing-key.ts";
import { findAccountByEmail } from "../../services/users/user.repository.ts";
import type { UsersTables } from "../../services/users/user.table.ts";
import { describeWith } from "../support/servers/describe-with.ts";
import { type PostgresServer, startPostgres } from "../support/servers/postgres.ts";
import { removeDataDirs, temporaryDataDir } from "../support/worlds.ts";

const AT = "2026-01-01T00:00:00.000Z";
const SECRET = "0123456789abcdef0123456789abcdef";

for (const kind of ["sqlite", "postgres"] as const) {
  describeWith(kind === "postgres" ? ["postgres"] : [], `A ${kind} store of users of before sessions had names`, () => {
    let server: PostgresServer | undefined;
    let database: Database<UsersTables & MessagingTables>;

    beforeAll(async () => {
      if (kind === "postgres") server = await startPostgres();
    });
    afterAll(async () => {
      await server?.stop();
      removeDataDirs();
    });
    afterEach(() => database.close());

    test("keeps its accounts, which are open, and the key that signs", async () => {
      const url = await server?.createDatabase("old");
      database = openDatabase({ name: "old", file: `${temporaryDataDir()}/old.db`, url, poolSize: 2 });
      const { db } = database;
      const bare = db as unknown as Kysely<never>;
      await users(bare, kind);
      const account = { id: "u-1", email: "ada@example.org", name: "Ada", password_hash: "x", roles: '["customer"]' };
      await db
        .insertInto("account")
        .values({ ...account, created_at: AT, updated_at: AT })
        .execute();
      const key = await newSigningKey(1, sealingKey(SECRET), AT);
      await db
        .insertInto("signing_key")
        .values({
          kid: key.kid,
          generation: 1,
          algorithm: key.algorithm,
          private_jwk: key.sealedPrivateJwk,
          public_jwk: JSON.stringify(key.publicJwk),
          created_at: AT,
        } as never)
        .execute();
      await identity(bare, kind);

      const found = await findAccountByEmail(db, "ada@example.org");
      expect(found).toMatchObject({ id: "u-1", roles: ["customer"], tokenVersion: 1, disabledAt: null });
      const ring = new KeyRing(systemClock, { keySecret: SECRET, keySecretFile: "/none/users.secret" });
      expect(await ring.signer(db)).toMatchObject({ kid: key.kid });
    });
  });
}
