import { openDatabase } from "@molecart/mixins/database/database.ts";
import type { MessagingTables } from "@molecart/mixins/database/messaging.table.ts";
import { MESSAGING_MIGRATIONS, migrate } from "@molecart/mixins/database/migrate.ts";
import { type Clock, isoTime } from "@molecart/mixins/lib/clock.ts";
import { Housekeeper } from "@molecart/mixins/messaging/housekeeper.ts";
import { Poller } from "@molecart/mixins/messaging/poller.ts";
import { SqlInbox } from "@molecart/mixins/messaging/sql-inbox.ts";
import { inSqlWork, type SqlWork } from "@molecart/mixins/messaging/sql-work.ts";
import { type Kysely, sql, type Transaction } from "kysely";
import { IdempotencyKeyReused } from "./cart.errors.ts";
import { type CartStore, cartInbox } from "./cart.store.ts";
import type { CartsTables } from "./cart.table.ts";
import {
  ADDITION_KEEP_MS,
  addLine,
  type Lines,
  lifetimeMs,
  mergeLines,
  moveLine,
  removeLine,
  revisionOf,
  savedOf,
  setLine,
  shown,
  subtractLines,
} from "./cart.ts";

type Tables = CartsTables & MessagingTables;
type Db = Kysely<Tables>;
type Trx = Transaction<Tables>;

export interface SqliteStoreOptions {
  file: string;
  clock: Clock;
  /** How long processed events are remembered; 35 days unless told. */
  keepMs?: number;
  /** Expired carts could not be removed; tried again. */
  onPurgeError(error: unknown): void;
}

const NAME = "carts";
/** An expired cart is not read any more, so nothing depends on how soon it goes. */
const PURGE_EVERY_MS = 3_600_000;

const findLines = async (db: Db, cartId: string, now: number): Promise<Lines> => {
  const row = await db
    .selectFrom("cart")
    .select("lines")
    .where("id", "=", cartId)
    .where("expires_at", ">", now)
    .executeTakeFirst();
  return row?.lines ?? [];
};

const deleteCart = async (db: Db, cartId: string): Promise<void> => {
  await db.deleteFrom("cart").where("id", "=", cartId).execute();
};

/** Above every one before it, also if the file was lost: the clock has gone on meanwhile. */
const nextRevision = async (trx: Trx, now: number): Promise<number> => {
  const { last } = await trx
    .insertInto("cart_revision")
    .values({ id: 1, last: now })
    .onConflict((conflict) => conflict.column("id").doUpdateSet({ last: sql`max(cart_revision.last + 1, excluded.last)` }))
    .returning("last")
    .executeTakeFirstOrThrow();
  return last;
};

const setLines = async (trx: Trx, cartId: string, lines: Lines, now: number): Promise<void> => {
  if (lines.length === 0) {
    await deleteCart(trx, cartId);
    return;
  }
  const values = { lines: JSON.stringify(lines), expires_at: now + lifetimeMs(cartId) };
  await trx
    .insertInto("cart")
    .values({ id: cartId, ...values })
    .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
    .execute();
};

const findAddition = (db: Db, cartId: string, key: string, now: number) =>
  db
    .selectFrom("cart_addition")
    .select("request")
    .where("cart_id", "=", cartId)
    .where("key", "=", key)
    .where("expires_at", ">", now)
    .executeTakeFirst();

/** Whether the key is new to the cart; it is remembered from now on. Throws IdempotencyKeyReused. */
const noteAddition = async (trx: Trx, cartId: string, key: string, request: string, now: number): Promise<boolean> => {
  const known = await findAddition(trx, cartId, key, now);
  if (known !== undefined && known.request !== request) throw new IdempotencyKeyReused(key);
  if (known !== undefined) return false;
  const values = { request, expires_at: now + ADDITION_KEEP_MS };
  await trx
    .insertInto("cart_addition")
    .values({ cart_id: cartId, key, ...values })
    .onConflict((conflict) => conflict.columns(["cart_id", "key"]).doUpdateSet(values))
    .execute();
  return true;
};

const deleteExpired = async (db: Db, now: number): Promise<void> => {
  await db.deleteFrom("cart").where("expires_at", "<=", now).execute();
  await db.deleteFrom("cart_addition").where("expires_at", "<=", now).execute();
};

/** The embedded store: a file of this broker alone. Its transactions run one after the other, so a cart that is read, changed
 *  and written within one is changed by nobody else meanwhile. */
export const openSqliteStore = async ({
  file,
  clock,
  keepMs = 35 * 86_400_000,
  onPurgeError,
}: SqliteStoreOptions): Promise<CartStore> => {
  const database = openDatabase<Tables>({ name: NAME, file, poolSize: 1 });
  try {
    const target = { db: database.db as unknown as Kysely<never>, kind: database.kind };
    await migrate(target, { name: NAME, folder: MESSAGING_MIGRATIONS, book: "messaging" });
    await migrate(target, { name: NAME, folder: new URL("./migrations/", import.meta.url), book: NAME });
  } catch (error) {
    await database.close();
    throw error;
  }

  const change = async (trx: Trx, cartId: string, decide: (lines: Lines) => Lines): Promise<Lines> => {
    const now = clock.now();
    const lines = decide(await findLines(trx, cartId, now));
    await setLines(trx, cartId, lines, now);
    return lines.map(shown);
  };

  /** Both are written, or neither; answers the two. */
  const move = (from: string, into: string, sku: string) =>
    database.transaction(async (trx) => {
      const now = clock.now();
      const before = { from: await findLines(trx, from, now), into: await findLines(trx, into, now) };
      const after = moveLine(before.from, before.into, sku, await nextRevision(trx, now));
      await setLines(trx, from, after.from, now);
      await setLines(trx, into, after.into, now);
      return after;
    });

  const mergeInto = async (trx: Trx, from: string, into: string): Promise<Lines> => {
    const arriving = from === into ? [] : await findLines(trx, from, clock.now());
    if (arriving.length === 0) return (await findLines(trx, into, clock.now())).map(shown);
    await deleteCart(trx, from);
    const revision = await nextRevision(trx, clock.now());
    return change(trx, into, (lines) => mergeLines(lines, arriving, revision));
  };

  const purge = new Poller({
    round: async () => {
      await deleteExpired(database.db, clock.now());
      return PURGE_EVERY_MS;
    },
    maxSleepMs: PURGE_EVERY_MS,
    onError: onPurgeError,
  });
  purge.start();
  const housekeeper = new Housekeeper({ database, clock, keepMs, onError: onPurgeError });
  housekeeper.start();

  // This service sends no events and has no jobs: nobody is to be woken at a commit.
  const quiet = { onEmitted: () => {}, onScheduled: () => {} };
  const transaction = <T>(run: (work: SqlWork<Tables>) => Promise<T>) => inSqlWork(database, clock, quiet, run);

  return {
    name: "carts database",
    inbox: cartInbox(new SqlInbox(database, transaction, () => isoTime(clock.now()), NAME), ({ trx }) => ({
      async subtract(cartId, ordered, revision) {
        await change(trx, cartId, (lines) => subtractLines(lines, ordered, revision));
      },
    })),
    read: async (cartId) => (await findLines(database.db, cartId, clock.now())).map(shown),
    readSaved: async (cartId) => (await findLines(database.db, savedOf(cartId), clock.now())).map(shown),
    snapshot: async (cartId) => {
      const lines = await findLines(database.db, cartId, clock.now());
      return { lines, revision: revisionOf(lines) };
    },
    setLine: (cartId, line) =>
      database.transaction(async (trx) => {
        const revision = await nextRevision(trx, clock.now());
        return change(trx, cartId, (lines) => setLine(lines, line, revision));
      }),
    addLine: (cartId, line, key) =>
      database.transaction(async (trx) => {
        const now = clock.now();
        const isNew = await noteAddition(trx, cartId, key, `${line.sku}:${line.quantity}`, now);
        if (!isNew) return (await findLines(trx, cartId, now)).map(shown);
        const revision = await nextRevision(trx, now);
        return change(trx, cartId, (lines) => addLine(lines, line, revision));
      }),
    hasAdded: async (cartId, key) => (await findAddition(database.db, cartId, key, clock.now())) !== undefined,
    removeLine: (cartId, sku) => database.transaction((trx) => change(trx, cartId, (lines) => removeLine(lines, sku))),
    saveLine: async (cartId, sku) => (await move(cartId, savedOf(cartId), sku)).from.map(shown),
    restoreLine: async (cartId, sku) => (await move(savedOf(cartId), cartId, sku)).into.map(shown),
    removeSaved: (cartId, sku) =>
      database.transaction(async (trx) => {
        await change(trx, savedOf(cartId), (lines) => removeLine(lines, sku));
        return (await findLines(trx, cartId, clock.now())).map(shown);
      }),
    clear: (cartId) => deleteCart(database.db, cartId),
    merge: (from, into) =>
      database.transaction(async (trx) => {
        await mergeInto(trx, savedOf(from), savedOf(into));
        return mergeInto(trx, from, into);
      }),
    ping: () => database.ping(),
    close: async () => {
      await housekeeper.stop();
      await purge.stop();
      await database.close();
    },
  };
};
