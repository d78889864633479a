import { type Static, Type } from "typebox";
import { Exactly, Id, NoParams, Page, Paging, Time } from "./common.ts";
import type { ActionContract } from "./contract.ts";

/** What one service has done, is doing or has yet to do about an order, or about whatever else events are about. */
export const SagaStep = Exactly({
  service: Type.String(),
  /** The event that the step handled or sent; of a job, its kind. */
  event: Type.String(),
  /** Of a job, its own id. */
  eventId: Type.String(),
  /** in: an event that was received. out: an event of the service's own. job: a deadline or a call to the outside that waits. */
  direction: Type.Enum(["in", "out", "job"]),
  /** When it was settled; of what is not, when it was received or written; of a job, when it is due. */
  at: Time,
  /** in: processed, failed, dead, parked or discarded. out: pending or published. job: waiting or failed. */
  status: Type.String(),
  attempts: Type.Integer(),
  error: Type.Union([Type.String(), Type.Null()]),
  requestId: Type.Union([Type.String(), Type.Null()]),
  traceId: Type.Union([Type.String(), Type.Null()]),
});
export type SagaStep = Static<typeof SagaStep>;

/** The same for all dead letters that have failed alike: of one service, event and code, with messages that differ in ids and
 *  numbers only. */
export const Fingerprint = Type.String({ pattern: "^[0-9a-f]{16}$" });
export const Actor = Type.String({ minLength: 1, maxLength: 200 });
export const OperatorReason = Type.String({ minLength: 1, maxLength: 500 });
export const EventPayload = Type.Record(Type.String(), Type.Unknown());

const deadLetter = {
  eventId: Id,
  event: Type.String(),
  aggregateId: Type.String(),
  /** Times the handler has run. */
  attempts: Type.Integer(),
  /** Of the last error. */
  code: Type.String(),
  message: Type.String(),
  fingerprint: Fingerprint,
  receivedAt: Time,
  requestId: Type.Union([Type.String(), Type.Null()]),
};
export const DeadLetter = Exactly(deadLetter);
export type DeadLetter = Static<typeof DeadLetter>;

export const AuditEntry = Exactly({
  at: Time,
  /** A user's id, or `repl:<login>@<host>`. */
  actor: Type.String(),
  action: Type.Enum(["replayed", "edited", "discarded"]),
  reason: Type.Union([Type.String(), Type.Null()]),
  /** The event's payload before and after an edit; null otherwise. */
  oldData: Type.Unknown(),
  newData: Type.Unknown(),
});
export type AuditEntry = Static<typeof AuditEntry>;

export const DeadLetterDetail = Exactly({
  ...deadLetter,
  /** dead, or what has become of it since. */
  status: Type.Enum(["dead", "failed", "parked", "processed", "discarded"]),
  /** The event's payload; null when it is processed. */
  data: Type.Unknown(),
  /** Later events of the same aggregate that wait for it. */
  parked: Type.Integer({ minimum: 0 }),
  /** Oldest first. */
  audit: Type.Array(AuditEntry),
});
export type DeadLetterDetail = Static<typeof DeadLetterDetail>;

export const DeadLetterGroup = Exactly({
  fingerprint: Fingerprint,
  event: Type.String(),
  code: Type.String(),
  /** One of the group's. */
  message: Type.String(),
  count: Type.Integer({ minimum: 1 }),
  firstAt: Time,
  lastAt: Time,
});
export type DeadLetterGroup = Static<typeof DeadLetterGroup>;

export const ReplayOutcome = Exactly({
  eventId: Id,
  /** processed: it has had its effect. dead: it has failed again. gone: there is no such dead letter (any more). */
  outcome: Type.Enum(["processed", "dead", "gone"]),
  code: Type.Union([Type.String(), Type.Null()]),
  message: Type.Union([Type.String(), Type.Null()]),
});
export type ReplayOutcome = Static<typeof ReplayOutcome>;

/** Some by their ids, or a group by its fingerprint: page by page, as the handlers run while the caller waits. */
const selection = {
  eventIds: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: 100 })),
  fingerprint: Type.Optional(Fingerprint),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
};
const nextCursor = Type.Union([Type.String(), Type.Null()]);

/** What every service with an inbox offers to operators, beside its own actions: `v1.orders.deadLetters`. */
export const operations = {
  /** In no particular order. */
  sagaSteps: {
    params: Exactly({ aggregateId: Id }),
    result: Exactly({ steps: Type.Array(SagaStep) }),
    idempotent: true,
  },
  /** In the order of the events' ids, which is that of their making. */
  deadLetters: {
    params: Exactly({ fingerprint: Type.Optional(Fingerprint), ...Paging }),
    result: Page(DeadLetter),
    idempotent: true,
  },
  deadLetterGroups: {
    params: NoParams,
    result: Exactly({ groups: Type.Array(DeadLetterGroup) }),
    idempotent: true,
  },
  /** Also one that was settled since. */
  deadLetter: { params: Exactly({ eventId: Id }), result: DeadLetterDetail, idempotent: true },
  /** Hands dead letters to their handlers again. Also runs a parked event that is named by its id, before its turn. */
  replayDeadLetters: {
    params: Exactly({ ...selection, actor: Actor }),
    result: Exactly({ outcomes: Type.Array(ReplayOutcome), nextCursor }),
  },
  /** Replaces the payload, if the event's schema allows it, and replays. */
  editDeadLetter: { params: Exactly({ eventId: Id, data: EventPayload, actor: Actor }), result: ReplayOutcome },
  /** The events will never have an effect in this service. */
  discardDeadLetters: {
    params: Exactly({ ...selection, actor: Actor, reason: OperatorReason }),
    result: Exactly({ discarded: Type.Array(Id), nextCursor }),
  },
} as const satisfies Record<string, ActionContract>;

export const operationErrors = {
  DEAD_LETTER_NOT_FOUND: "No such dead letter",
  SELECTION_REQUIRED: "Dead letters are named by their ids, or by one fingerprint",
  INVALID_CURSOR: "The cursor does not belong to this list",
} as const;

export const operationRefusals: Record<keyof typeof operations, Record<string, number>> = {
  sagaSteps: {},
  deadLetters: { INVALID_CURSOR: 400 },
  deadLetterGroups: {},
  deadLetter: { DEAD_LETTER_NOT_FOUND: 404 },
  replayDeadLetters: { SELECTION_REQUIRED: 400, INVALID_CURSOR: 400 },
  editDeadLetter: { DEAD_LETTER_NOT_FOUND: 404 },
  discardDeadLetters: { SELECTION_REQUIRED: 400, INVALID_CURSOR: 400 },
};
