import type { Kysely } from "kysely";
import type { MessagingTables } from "../database/messaging.table.ts";
import type { InboxDocument } from "../document-store/document-inbox.ts";
import type { OutboxEntry } from "../document-store/outbox.ts";
import type { Envelope } from "../messaging/envelope.ts";
import type { InboxFact, MessagingFacts, OutboxFact } from "./facts.ts";
import { inPages } from "./stores.ts";

/** Of the payload only what the invariants look at: a store may hold millions. */
const aboutOf = ({ data }: Pick<Envelope, "data">): Pick<OutboxFact, "email" | "amount"> => {
  const { customer, amount } = data as { customer?: { email?: unknown }; amount?: { amount?: unknown } };
  return {
    email: typeof customer?.email === "string" ? customer.email : null,
    amount: typeof amount?.amount === "number" ? amount.amount : null,
  };
};

/** Outbox, inbox and jobs of a SQL store. */
export const readMessaging = async <DB extends MessagingTables>(database: Kysely<DB>): Promise<MessagingFacts> => {
  const db = database as unknown as Kysely<MessagingTables>;
  const outbox = await inPages(
    (last: OutboxRow | undefined, limit) =>
      db
        .selectFrom("outbox")
        .select(["seq", "event_id", "type", "aggregate_id", "envelope", "created_at", "published_at"])
        .where("seq", ">", last?.seq ?? 0)
        .orderBy("seq")
        .limit(limit)
        .execute() as Promise<OutboxRow[]>,
    ({ seq, event_id, type, aggregate_id, envelope, created_at, published_at }): OutboxFact => ({
      eventId: event_id,
      type,
      aggregateId: aggregate_id,
      seq,
      createdAt: created_at,
      publishedAt: published_at,
      ...aboutOf(envelope),
    }),
  );
  const inbox = await inPages(
    (last: InboxRow | undefined, limit) =>
      db
        .selectFrom("inbox")
        .select(["event_id", "type", "aggregate_id", "status", "attempts", "received_at", "error_code", "error_message"])
        .where("event_id", ">", last?.event_id ?? "")
        .orderBy("event_id")
        .limit(limit)
        .execute() as Promise<InboxRow[]>,
    ({ event_id, type, aggregate_id, status, attempts, received_at, error_code, error_message }): InboxFact => ({
      eventId: event_id,
      type,
      aggregateId: aggregate_id,
      status,
      attempts,
      receivedAt: received_at,
      error: describe(error_code, error_message),
    }),
  );
  const jobs = await db
    .selectFrom("job")
    .select(["id", "kind", "aggregate_id as aggregateId", "due_at as dueAt", "attempts", "last_error as lastError"])
    .orderBy("id")
    .execute();
  const stream = await db
    .selectFrom("outbox_stream")
    .select(["stream as id", "resend_after as resendAfter", "resend_until as resendUntil"])
    .executeTakeFirst();
  const { trimmed_before: trimmedBefore } = (await db
    .selectFrom("housekeeping")
    .select("trimmed_before")
    .where("task", "=", "trim")
    .executeTakeFirst()) ?? { trimmed_before: null };
  return { outbox, inbox, jobs, outboxIsKept: true, inboxKeepsMs: null, trimmedBefore, stream: stream ?? null };
};

interface OutboxRow {
  seq: number;
  event_id: string;
  type: string;
  aggregate_id: string;
  envelope: Envelope;
  created_at: string;
  published_at: string | null;
}

interface InboxRow {
  event_id: string;
  type: string;
  aggregate_id: string;
  status: string;
  attempts: number;
  received_at: string;
  error_code: string | null;
  error_message: string | null;
}

const describe = (code: string | null | undefined, message: string | null | undefined): string | null =>
  code == null ? null : `${code}: ${message ?? ""}`;

/** The inbox of a document store. */
export const toInboxFact = ({ _id, type, aggregateId, status, attempts, receivedAt, error }: InboxDocument): InboxFact => ({
  eventId: _id,
  type,
  aggregateId,
  status,
  attempts,
  receivedAt,
  error: describe(error?.code, error?.message),
});

/** The events that a document still has to send. Those that are sent are gone from it. */
export const toOutboxFacts = (outbox: readonly OutboxEntry[]): OutboxFact[] =>
  outbox.map((entry, index) => {
    const envelope = JSON.parse(entry.envelope) as Envelope;
    return {
      eventId: envelope.id,
      type: envelope.type,
      aggregateId: envelope.aggregateId,
      seq: index + 1,
      createdAt: envelope.occurredAt,
      publishedAt: null,
      ...aboutOf(envelope),
    };
  });

/** The inbox of a store in Redis, as `RedisInbox` writes it. */
export const toInboxFactOfHash = (eventId: string, hash: Readonly<Record<string, string | null>>): InboxFact => ({
  eventId,
  type: hash.type ?? "",
  aggregateId: hash.aggregateId ?? "",
  status: hash.status ?? "",
  attempts: Number(hash.attempts),
  receivedAt: hash.receivedAt ?? "",
  error: describe(hash.code, hash.message),
});
