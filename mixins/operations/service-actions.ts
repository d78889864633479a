import { Errors, type Service } from "moleculer";
import type { ActionContract, Params, Result } from "../contracts/contract.ts";
import { eventSchema } from "../contracts/index.ts";
import type { DeadLetter, operations, ReplayOutcome } from "../contracts/operations.ts";
import { decodeCursor, encodeCursor, isText, page } from "../lib/cursor.ts";
import { messageOf } from "../lib/errors.ts";
import { failureOf } from "../messaging/consumer.ts";
import type { DeadLetter as StoredLetter } from "../messaging/inbox.ts";
import { verdictOn } from "../messaging/verdict.ts";
import { type DurableService, deliver, releaseParked } from "../middlewares/durable-events.ts";
import { DeadLetterNotFound, SelectionRequired } from "./errors.ts";

/** Of a group, in one call. Handlers are short; the caller comes again for the rest. */
const GROUP_BATCH = 50;
/** Handlers that are slow, or wait for locks, must not outlast the caller's patience: it gets what was done, and a cursor. */
const GROUP_BUDGET_MS = 2_500;

type Handlers = {
  [K in keyof typeof operations]: (
    this: DurableService,
    ctx: { params: Params<(typeof operations)[K]> },
  ) => Promise<Result<(typeof operations)[K] & ActionContract>>;
};

const view = ({ envelope: _, type, ...letter }: Omit<StoredLetter, "envelope"> & { envelope: unknown }): DeadLetter => ({
  ...letter,
  event: type,
});

/** The actions of contracts/operations.ts, on the inbox of whatever kind the service has. */
export const operationHandlers: Handlers = {
  async sagaSteps({ params: { aggregateId } }) {
    const steps = await this.inbox.steps(aggregateId);
    return { steps: steps.map((step) => ({ service: this.name, ...step })) };
  },

  async deadLetters({ params: { limit, cursor, fingerprint } }) {
    const after = cursor && decodeCursor(cursor, isText);
    const letters = await this.inbox.deadLetters({ limit: limit + 1, after, fingerprint });
    const { items, nextCursor } = page(letters, limit, ({ eventId }) => eventId);
    return { items: items.map(view), nextCursor };
  },

  async deadLetterGroups() {
    const groups = await this.inbox.deadLetterGroups();
    return { groups: groups.map(({ type, ...group }) => ({ event: type, ...group })) };
  },

  async deadLetter({ params: { eventId } }) {
    const record = await this.inbox.record(eventId);
    if (record === undefined) throw new DeadLetterNotFound(eventId);
    const { envelope, status, parked, audit } = record;
    return { ...view(record), status, parked, audit, data: envelope?.data ?? null, event: record.type };
  },

  async replayDeadLetters({ params }) {
    const outcomes: ReplayOutcome[] = [];
    const nextCursor = await forEachSelected(this, params, async (eventId) => {
      outcomes.push(await replay(this, eventId, params.actor));
    });
    return { outcomes, nextCursor };
  },

  async editDeadLetter({ params: { eventId, data, actor } }) {
    const letter = await this.inbox.deadLetter(eventId);
    if (letter === undefined) throw new DeadLetterNotFound(eventId);
    const payload = structuredClone(data) as StoredLetter["envelope"]["data"];
    validate(this, letter.type, payload);
    if (!(await this.inbox.edit(eventId, payload, actor))) throw new DeadLetterNotFound(eventId);
    return replay(this, eventId, actor);
  },

  async discardDeadLetters({ params }) {
    const { actor, reason } = params;
    const discarded: string[] = [];
    const nextCursor = await forEachSelected(this, params, async (eventId) => {
      if (await this.inbox.discard(eventId, { actor, reason })) discarded.push(eventId);
    });
    if (discarded.length > 0) {
      this.logger.warn("Dead letters discarded", { actor, reason, eventIds: discarded });
      releaseParked(this);
    }
    return { discarded, nextCursor };
  },
};

interface Selection {
  eventIds?: string[];
  fingerprint?: string;
  cursor?: string;
}

/** One after the other, in the order of the events' making. Answers where to go on. */
const forEachSelected = async (
  { inbox }: DurableService,
  { eventIds, fingerprint, cursor }: Selection,
  work: (eventId: string) => Promise<void>,
): Promise<string | null> => {
  if ((eventIds === undefined) === (fingerprint === undefined)) throw new SelectionRequired();
  if (eventIds !== undefined) {
    for (const eventId of eventIds) await work(eventId);
    return null;
  }
  const after = cursor === undefined ? undefined : decodeCursor(cursor, isText);
  const letters = await inbox.deadLetters({ limit: GROUP_BATCH, after, fingerprint });
  const deadline = performance.now() + GROUP_BUDGET_MS;
  for (const [index, { eventId }] of letters.entries()) {
    await work(eventId);
    const isLast = index === letters.length - 1;
    if (isLast ? letters.length === GROUP_BATCH : performance.now() > deadline) return encodeCursor(eventId);
  }
  return null;
};

/** Until the handler's effect is committed the letter stays dead, so that no crash can lose it. Throws on an outage. */
const replay = async (service: DurableService, eventId: string, actor: string): Promise<ReplayOutcome> => {
  const { inbox, logger } = service;
  const envelope = await inbox.beginReplay(eventId, actor);
  if (envelope === undefined) return { eventId, outcome: "gone", code: null, message: null };
  try {
    const outcome = await deliver(service, envelope, "replay");
    logger.info("Dead letter replayed", { eventId, event: envelope.type, actor, outcome });
    releaseParked(service);
    return { eventId, outcome: outcome === "processed" ? "processed" : "gone", code: null, message: null };
  } catch (error) {
    if (verdictOn(error) === "outage") throw error;
    const failure = failureOf(error);
    logger.warn("Dead letter replayed in vain", { eventId, event: envelope.type, actor, error: messageOf(error) });
    await inbox.bury(envelope, failure, true);
    return { eventId, outcome: "dead", ...failure };
  }
};

/** By the schema and the validator that the handler's own events go through. */
const validate = ({ broker }: Service, type: StoredLetter["type"], data: object): void => {
  const check = broker.validator?.compile(eventSchema(type) as never) as unknown as (data: object) => true | object[];
  const result = check(data);
  if (result !== true) throw new Errors.ValidationError("The payload is not one of this event", "VALIDATION_ERROR", result);
};
