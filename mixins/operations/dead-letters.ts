import { type ServiceName, serviceNames } from "../contracts/index.ts";
import type { DeadLetter, DeadLetterDetail, DeadLetterGroup, ReplayOutcome } from "../contracts/operations.ts";
import { decodeCursor, encodeCursor, isText } from "../lib/cursor.ts";
import { askServices, type CallMesh, type Missing } from "./ask-services.ts";
import { DeadLetterNotFound } from "./errors.ts";

/** `orders:0199…`: one event may be a dead letter of several services. */
export const letterId = (service: ServiceName, eventId: string): string => `${service}:${eventId}`;

export const isServiceName = (name: string): name is ServiceName => (serviceNames as string[]).includes(name);

const parseId = (id: string): { service: ServiceName; eventId: string } => {
  const colon = id.indexOf(":");
  const service = id.slice(0, colon);
  if (colon < 0 || !isServiceName(service)) throw new DeadLetterNotFound(id);
  return { service, eventId: id.slice(colon + 1) };
};

export type Letter = DeadLetter & { id: string; service: ServiceName };
export type LetterDetail = DeadLetterDetail & { id: string; service: ServiceName };
export type Group = DeadLetterGroup & { service: ServiceName };
export type Replayed = ReplayOutcome & { id: string; service: ServiceName };

export interface LetterPage {
  items: Letter[];
  nextCursor: string | null;
  missing: Missing[];
}

export interface LetterFilter {
  service?: ServiceName | undefined;
  fingerprint?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

const ofLetter = (service: ServiceName, letter: DeadLetter): Letter => ({
  id: letterId(service, letter.eventId),
  service,
  ...letter,
});

/** The dead letters of all services, in the order of their events' making. A page is longer than asked for where its last event
 *  is dead in several services: the cursor is the event's id. */
export const listDeadLetters = async (call: CallMesh, filter: LetterFilter): Promise<LetterPage> => {
  const { service: only, fingerprint, limit, cursor } = filter;
  // Of the same kind as those of the services.
  if (cursor !== undefined) decodeCursor(cursor, isText);
  const params = { limit, ...(fingerprint !== undefined && { fingerprint }), ...(cursor !== undefined && { cursor }) };
  const { answers, missing } = await askServices((service) => call(`v1.${service}.deadLetters`, params), {
    ...(only !== undefined && { services: [only] }),
  });
  const all = answers
    .flatMap(({ service, answer }) => answer.items.map((letter) => ofLetter(service, letter)))
    .sort((a, b) => (a.id === b.id ? 0 : a.eventId < b.eventId || (a.eventId === b.eventId && a.id < b.id) ? -1 : 1));
  const last = all[limit - 1];
  const items = all.filter(({ eventId }, index) => index < limit || eventId === last?.eventId);
  const more = items.length < all.length || answers.some(({ answer }) => answer.nextCursor !== null);
  const end = items.at(-1);
  return { items, nextCursor: more && end !== undefined ? encodeCursor(end.eventId) : null, missing };
};

/** Largest first. */
export const listGroups = async (call: CallMesh): Promise<{ groups: Group[]; missing: Missing[] }> => {
  const { answers, missing } = await askServices((service) => call(`v1.${service}.deadLetterGroups`, {}));
  const groups = answers.flatMap(({ service, answer }) => answer.groups.map((group) => ({ service, ...group })));
  return { groups: groups.sort((a, b) => b.count - a.count || (a.fingerprint < b.fingerprint ? -1 : 1)), missing };
};

export const findDeadLetter = async (call: CallMesh, id: string): Promise<LetterDetail> => {
  const { service, eventId } = parseId(id);
  return { id, service, ...(await call(`v1.${service}.deadLetter`, { eventId })) };
};

const unlessGone = (id: string, service: ServiceName, outcome: ReplayOutcome | undefined): Replayed => {
  if (outcome === undefined || outcome.outcome === "gone") throw new DeadLetterNotFound(id);
  return { id, service, ...outcome };
};

export const replayDeadLetter = async (call: CallMesh, id: string, actor: string): Promise<Replayed> => {
  const { service, eventId } = parseId(id);
  const { outcomes } = await call(`v1.${service}.replayDeadLetters`, { eventIds: [eventId], actor });
  return unlessGone(id, service, outcomes[0]);
};

export const editDeadLetter = async (
  call: CallMesh,
  id: string,
  data: Record<string, unknown>,
  actor: string,
): Promise<Replayed> => {
  const { service, eventId } = parseId(id);
  return unlessGone(id, service, await call(`v1.${service}.editDeadLetter`, { eventId, data, actor }));
};

export const discardDeadLetter = async (
  call: CallMesh,
  id: string,
  { actor, reason }: { actor: string; reason: string },
): Promise<void> => {
  const { service, eventId } = parseId(id);
  const { discarded } = await call(`v1.${service}.discardDeadLetters`, { eventIds: [eventId], actor, reason });
  if (discarded.length === 0) throw new DeadLetterNotFound(id);
};

/** A batch ends after 2.5 seconds, and its last handler may take a while. */
const BATCH_DEADLINE_MS = 5_000;
/** A client waits for the answer. What is left then is named, and a repeat goes on with it. */
const GROUP_BUDGET_MS = 15_000;

export interface GroupOutcome<T> {
  done: T[];
  /** False: there was not time for all, or a service has not answered. */
  complete: boolean;
  missing: Missing[];
}

/** Batch after batch in every service, as any may have letters of the group. */
const forGroup = async <T>(
  batch: (service: ServiceName, cursor: string | undefined) => Promise<{ done: T[]; nextCursor: string | null }>,
): Promise<GroupOutcome<T>> => {
  const deadline = performance.now() + GROUP_BUDGET_MS;
  const done: T[] = [];
  let complete = true;
  const { missing } = await askServices(
    async (service) => {
      let cursor: string | undefined;
      do {
        if (performance.now() > deadline) {
          complete = false;
          return;
        }
        const result = await batch(service, cursor);
        done.push(...result.done);
        cursor = result.nextCursor ?? undefined;
      } while (cursor !== undefined);
    },
    { deadlineMs: GROUP_BUDGET_MS + BATCH_DEADLINE_MS },
  );
  return { done, complete: complete && missing.length === 0, missing };
};

export const replayGroup = (call: CallMesh, fingerprint: string, actor: string): Promise<GroupOutcome<Replayed>> =>
  forGroup(async (service, cursor) => {
    const params = { fingerprint, actor, ...(cursor !== undefined && { cursor }) };
    const { outcomes, nextCursor } = await call(`v1.${service}.replayDeadLetters`, params);
    return { done: outcomes.map((outcome) => ({ id: letterId(service, outcome.eventId), service, ...outcome })), nextCursor };
  });

export const discardGroup = (
  call: CallMesh,
  fingerprint: string,
  by: { actor: string; reason: string },
): Promise<GroupOutcome<string>> =>
  forGroup(async (service, cursor) => {
    const params = { fingerprint, ...by, ...(cursor !== undefined && { cursor }) };
    const { discarded, nextCursor } = await call(`v1.${service}.discardDeadLetters`, params);
    return { done: discarded.map((eventId) => letterId(service, eventId)), nextCursor };
  });
