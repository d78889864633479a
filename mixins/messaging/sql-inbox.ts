import { type Kysely, sql, type Transaction } from "kysely";
import type { Database } from "../database/database.ts";
import type { InboxStatus, MessagingTables } from "../database/messaging.table.ts";
import type { Envelope } from "./envelope.ts";
import type { DeadLetter, Failure, Inbox } from "./inbox.ts";
import type { SqlWork } from "./sql-work.ts";

const row = (envelope: Envelope, status: InboxStatus, at: string) => ({
  event_id: envelope.id,
  type: envelope.type,
  aggregate_id: envelope.aggregateId,
  status,
  attempts: 1,
  request_id: envelope.requestId,
  received_at: at,
});

/** True when the event is ours to process: new, or failed before. The primary key makes a second broker that holds a copy of
 *  the event wait here until the first has committed or given up. */
const claim = async (trx: Transaction<MessagingTables>, envelope: Envelope, at: string): Promise<boolean> => {
  const claimed = await trx
    .insertInto("inbox")
    .values({ ...row(envelope, "processed", at), processed_at: at })
    .onConflict((conflict) =>
      conflict
        .column("event_id")
        .doUpdateSet({ status: "processed", attempts: sql`inbox.attempts + 1`, processed_at: at, envelope: null })
        .where("inbox.status", "in", ["failed", "dead"]),
    )
    .returning("event_id")
    .executeTakeFirst();
  return claimed !== undefined;
};

/** PostgreSQL stores neither NUL nor half of a surrogate pair, and SQLite need not. What an operator is to read has a
 *  replacement character there: an event that could not even be buried would hold up its consumer for ever. */
const readable = (text: string): string => text.replaceAll("\0", "\ufffd").toWellFormed();

/** The same for JSON text, which has them escaped. */
const readableJson = (json: string): string =>
  json.replace(/\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g, (found) => (found === "\\\\" ? found : "\ufffd"));

const note = async (
  db: Kysely<MessagingTables>,
  envelope: Envelope,
  status: "failed" | "dead",
  failure: Failure,
  at: string,
): Promise<number> => {
  const error = {
    error_code: readable(failure.code),
    error_message: readable(failure.message.slice(0, 2_000)),
    envelope: readableJson(JSON.stringify(envelope)),
  };
  const noted = await db
    .insertInto("inbox")
    .values({ ...row(envelope, status, at), ...error })
    .onConflict((conflict) =>
      conflict
        .column("event_id")
        .doUpdateSet({ status, ...error, ...(status === "failed" ? { attempts: sql<number>`inbox.attempts + 1` } : {}) })
        .where("inbox.status", "in", ["failed", "dead"]),
    )
    .returning("attempts")
    .executeTakeFirst();
  return noted?.attempts ?? 0;
};

export class SqlInbox<DB extends MessagingTables> implements Inbox<SqlWork<DB>> {
  readonly #database: Database<MessagingTables>;
  readonly #transaction: <T>(run: (work: SqlWork<DB>) => Promise<T>) => Promise<T>;
  readonly #isoNow: () => string;

  constructor(
    database: Database<DB>,
    transaction: <T>(run: (work: SqlWork<DB>) => Promise<T>) => Promise<T>,
    isoNow: () => string,
  ) {
    this.#database = database as unknown as Database<MessagingTables>;
    this.#transaction = transaction;
    this.#isoNow = isoNow;
  }

  process(envelope: Envelope, handler: (work: SqlWork<DB>) => Promise<void>): Promise<"processed" | "duplicate"> {
    return this.#transaction(async (work) => {
      if (!(await claim(work.trx as unknown as Transaction<MessagingTables>, envelope, this.#isoNow()))) return "duplicate";
      await handler(work);
      return "processed";
    });
  }

  fail(envelope: Envelope, failure: Failure): Promise<number> {
    return this.#database.transaction((trx) => note(trx, envelope, "failed", failure, this.#isoNow()));
  }

  async bury(envelope: Envelope, failure: Failure): Promise<void> {
    await this.#database.transaction((trx) => note(trx, envelope, "dead", failure, this.#isoNow()));
  }

  async deadLetters({ limit, after }: { limit: number; after?: string | undefined }): Promise<DeadLetter[]> {
    const rows = await this.#database.db
      .selectFrom("inbox")
      .selectAll()
      .where("status", "=", "dead")
      .$if(after !== undefined, (query) => query.where("event_id", ">", after as string))
      .orderBy("event_id")
      .limit(limit)
      .execute();
    return rows.map(toDeadLetter);
  }

  async deadLetter(eventId: string): Promise<DeadLetter | undefined> {
    const found = await this.#database.db
      .selectFrom("inbox")
      .selectAll()
      .where("event_id", "=", eventId)
      .where("status", "=", "dead")
      .executeTakeFirst();
    return found && toDeadLetter(found);
  }

  async discard(eventId: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#database.db
      .updateTable("inbox")
      .set({ status: "discarded", processed_at: this.#isoNow() })
      .where("event_id", "=", eventId)
      .where("status", "=", "dead")
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }
}

const toDeadLetter = (found: {
  event_id: string;
  aggregate_id: string;
  attempts: number;
  received_at: string;
  error_code: string | null;
  error_message: string | null;
  envelope: Envelope | null;
}): DeadLetter => {
  const envelope = found.envelope as Envelope;
  return {
    eventId: found.event_id,
    type: envelope.type,
    aggregateId: found.aggregate_id,
    attempts: found.attempts,
    receivedAt: found.received_at,
    code: found.error_code ?? "UNKNOWN",
    message: found.error_message ?? "",
    envelope,
  };
};
