import { type Selectable, sql } from "kysely";
import type { AuditEntry } from "../contracts/operations.ts";
import type { Database } from "../database/database.ts";
import { forUpdate } from "../database/for-update.ts";
import type { DeadLetterAuditTable, InboxTable, MessagingTables } from "../database/messaging.table.ts";
import { isoTime } from "../lib/clock.ts";
import { traceIdOf } from "../lib/correlation.ts";
import type { Envelope } from "./envelope.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { DeadLetter, DeadLetterPage, Failure, Group, Inbox, LetterRecord, Outcome, Passage, Step } from "./inbox.ts";
import {
  claim,
  claimForOperator,
  claimParked,
  insertAudit,
  isFirstOfItsAggregate,
  note,
  type Trx,
} from "./sql-inbox.repository.ts";
import type { SqlWork } from "./sql-work.ts";

/** How many dead letters of an older program get their fingerprint in one go. */
const UPGRADE_BATCH = 500;

export class SqlInbox<DB extends MessagingTables> implements Inbox<SqlWork<DB>> {
  readonly #database: Database<MessagingTables>;
  readonly #transaction: <T>(run: (work: SqlWork<DB>) => Promise<T>) => Promise<T>;
  readonly #isoNow: () => string;
  readonly #service: string;

  constructor(
    database: Database<DB>,
    transaction: <T>(run: (work: SqlWork<DB>) => Promise<T>) => Promise<T>,
    isoNow: () => string,
    service: string,
  ) {
    this.#database = database as unknown as Database<MessagingTables>;
    this.#transaction = transaction;
    this.#isoNow = isoNow;
    this.#service = service;
  }

  process(envelope: Envelope, handler: (work: SqlWork<DB>) => Promise<void>, passage: Passage = "arrival"): Promise<Outcome> {
    return this.#transaction(async (work) => {
      const outcome = await this.#claim(work.trx as unknown as Trx, envelope, passage);
      if (outcome === "processed") await handler(work);
      return outcome;
    });
  }

  #claim(trx: Trx, envelope: Envelope, passage: Passage): Promise<Outcome> {
    switch (passage) {
      case "arrival":
        return claim(trx, this.#database.kind, envelope, this.#isoNow());
      case "release":
        return claimParked(trx, envelope, this.#isoNow());
      case "replay":
        return claimForOperator(trx, envelope, this.#isoNow());
      default:
        return passage satisfies never;
    }
  }

  fail(envelope: Envelope, failure: Failure): Promise<number> {
    const change = { status: "failed", failure, fingerprint: null, attempts: 1 } as const;
    return this.#database.transaction((trx) => note(trx, envelope, change, this.#isoNow()));
  }

  async bury(envelope: Envelope, failure: Failure, counted = false): Promise<void> {
    const fingerprint = this.#fingerprintOf(envelope.type, failure);
    const change = { status: "dead", failure, fingerprint, attempts: counted ? 1 : 0 } as const;
    await this.#database.transaction((trx) => note(trx, envelope, change, this.#isoNow()));
  }

  async deadLetters({ limit, after, fingerprint }: DeadLetterPage): Promise<DeadLetter[]> {
    if (fingerprint !== undefined) await this.#fingerprintOlder();
    const rows = await this.#database.db
      .selectFrom("inbox")
      .selectAll()
      .where("status", "=", "dead")
      .$if(after !== undefined, (query) => query.where("event_id", ">", after as string))
      .$if(fingerprint !== undefined, (query) => query.where("fingerprint", "=", fingerprint as string))
      .orderBy("event_id")
      .limit(limit)
      .execute();
    return rows.map((found) => this.#toDeadLetter(found));
  }

  async deadLetterGroups(): Promise<Group[]> {
    await this.#fingerprintOlder();
    const rows = await this.#database.db
      .selectFrom("inbox")
      .select(({ fn }) => [
        "fingerprint",
        "type",
        fn.min("error_code").as("code"),
        fn.min("error_message").as("message"),
        fn.countAll<number>().as("count"),
        fn.min("received_at").as("firstAt"),
        fn.max("received_at").as("lastAt"),
      ])
      .where("status", "=", "dead")
      .groupBy(["fingerprint", "type"])
      .execute();
    return rows.map(({ fingerprint, code, message, ...group }) => ({
      ...group,
      fingerprint: fingerprint as string,
      code: code ?? "UNKNOWN",
      message: message ?? "",
    }));
  }

  /** Dead letters of a program that did not know fingerprints. */
  async #fingerprintOlder(): Promise<void> {
    const { db } = this.#database;
    for (;;) {
      const older = await db
        .selectFrom("inbox")
        .select(["event_id", "type", "error_code", "error_message"])
        .where("status", "=", "dead")
        .where("fingerprint", "is", null)
        .limit(UPGRADE_BATCH)
        .execute();
      for (const { event_id, type, error_code, error_message } of older) {
        const fingerprint = this.#fingerprintOf(type, { code: error_code ?? "UNKNOWN", message: error_message ?? "" });
        await db.updateTable("inbox").set({ fingerprint }).where("event_id", "=", event_id).execute();
      }
      if (older.length < UPGRADE_BATCH) return;
    }
  }

  async deadLetter(eventId: string): Promise<DeadLetter | undefined> {
    const found = await this.#find(eventId);
    return found?.status === "dead" ? this.#toDeadLetter(found) : undefined;
  }

  async record(eventId: string): Promise<LetterRecord | undefined> {
    const { db } = this.#database;
    const [found, audit] = await Promise.all([
      this.#find(eventId),
      db.selectFrom("dead_letter_audit").selectAll().where("event_id", "=", eventId).orderBy("id").execute(),
    ]);
    if (found === undefined || (found.status !== "dead" && audit.length === 0)) return undefined;
    const { parked } = await db
      .selectFrom("inbox")
      .select(({ fn }) => fn.countAll<number>().as("parked"))
      .where("aggregate_id", "=", found.aggregate_id)
      .where("event_id", "<>", eventId)
      .where("status", "=", "parked")
      .executeTakeFirstOrThrow();
    const { status, envelope } = found;
    return { ...this.#toDeadLetter(found), status, envelope, parked, audit: audit.map(toAuditEntry) };
  }

  beginReplay(eventId: string, actor: string): Promise<Envelope | undefined> {
    return this.#database.transaction(async (trx) => {
      const found = await lockUnsettled(trx, eventId);
      if (found === undefined) return undefined;
      await insertAudit(trx, eventId, this.#isoNow(), { actor, action: "replayed" });
      return found.envelope as Envelope;
    });
  }

  edit(eventId: string, data: Envelope["data"], actor: string): Promise<boolean> {
    return this.#database.transaction(async (trx) => {
      const found = await lockUnsettled(trx, eventId);
      if (found?.status !== "dead") return false;
      const envelope = found.envelope as Envelope;
      const edited = JSON.stringify({ ...envelope, data });
      await trx.updateTable("inbox").set({ envelope: edited }).where("event_id", "=", eventId).execute();
      const change = { oldData: envelope.data, newData: data };
      await insertAudit(trx, eventId, this.#isoNow(), { actor, action: "edited", ...change });
      return true;
    });
  }

  discard(eventId: string, { actor, reason }: { actor: string; reason: string }): Promise<boolean> {
    return this.#database.transaction(async (trx) => {
      const at = this.#isoNow();
      const { numUpdatedRows } = await trx
        .updateTable("inbox")
        .set({ status: "discarded", processed_at: at })
        .where("event_id", "=", eventId)
        .where("status", "=", "dead")
        .executeTakeFirst();
      if (numUpdatedRows === 0n) return false;
      await insertAudit(trx, eventId, at, { actor, action: "discarded", reason });
      return true;
    });
  }

  async releasable(limit: number): Promise<Envelope[]> {
    const rows = await this.#database.db
      .selectFrom("inbox")
      .select("envelope")
      .where(sql<boolean>`status = 'parked'`)
      .where(isFirstOfItsAggregate)
      .orderBy("arrival")
      .limit(limit)
      .execute();
    return rows.map(({ envelope }) => envelope as Envelope);
  }

  async steps(aggregateId: string): Promise<Step[]> {
    const { db } = this.#database;
    const [received, sent, jobs] = await Promise.all([
      db.selectFrom("inbox").selectAll().where("aggregate_id", "=", aggregateId).execute(),
      db.selectFrom("outbox").selectAll().where("aggregate_id", "=", aggregateId).execute(),
      db.selectFrom("job").selectAll().where("aggregate_id", "=", aggregateId).execute(),
    ]);
    return [
      ...received.map(
        (event): Step => ({
          event: event.type,
          eventId: event.event_id,
          direction: "in",
          at: event.processed_at ?? event.received_at,
          status: event.status,
          attempts: event.attempts,
          error: event.error_message,
          requestId: event.request_id,
          traceId: event.trace_id,
        }),
      ),
      ...sent.map(
        (event): Step => ({
          event: event.type,
          eventId: event.event_id,
          direction: "out",
          at: event.published_at ?? event.created_at,
          status: event.published_at === null ? "pending" : "published",
          attempts: 0,
          error: null,
          requestId: event.envelope.requestId,
          traceId: traceIdOf(event.envelope.traceparent) ?? null,
        }),
      ),
      ...jobs.map(
        (job): Step => ({
          event: job.kind,
          eventId: job.id,
          direction: "job",
          at: isoTime(job.due_at),
          status: job.last_error === null ? "waiting" : "failed",
          attempts: job.attempts,
          error: job.last_error,
          requestId: job.correlation?.requestId ?? null,
          traceId: (job.correlation && traceIdOf(job.correlation.traceparent)) ?? null,
        }),
      ),
    ];
  }

  #find(eventId: string) {
    return this.#database.db.selectFrom("inbox").selectAll().where("event_id", "=", eventId).executeTakeFirst();
  }

  #fingerprintOf(type: string, { code, message }: Failure): string {
    return fingerprintOf(this.#service, type, { code, message: message.slice(0, 2_000) });
  }

  #toDeadLetter(found: Selectable<InboxTable>): DeadLetter {
    const envelope = found.envelope as Envelope;
    const type = found.type as Envelope["type"];
    const failure = { code: found.error_code ?? "UNKNOWN", message: found.error_message ?? "" };
    return {
      eventId: found.event_id,
      type,
      aggregateId: found.aggregate_id,
      attempts: found.attempts,
      receivedAt: found.received_at,
      ...failure,
      fingerprint: found.fingerprint ?? this.#fingerprintOf(type, failure),
      requestId: found.request_id,
      envelope,
    };
  }
}

const lockUnsettled = (trx: Trx, eventId: string) =>
  trx
    .selectFrom("inbox")
    .select(["status", "envelope"])
    .where("event_id", "=", eventId)
    .where("status", "in", ["dead", "parked"])
    .$call(forUpdate(trx))
    .executeTakeFirst();

const toAuditEntry = ({ at, actor, action, reason, old_data, new_data }: Selectable<DeadLetterAuditTable>): AuditEntry => ({
  at,
  actor,
  action,
  reason,
  oldData: old_data,
  newData: new_data,
});
