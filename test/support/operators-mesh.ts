import type { ServiceName } from "@molecart/mixins/contracts/index.ts";
import type { DeadLetter, DeadLetterGroup, SagaStep } from "@molecart/mixins/contracts/operations.ts";
import type { CallMesh } from "@molecart/mixins/operations/ask-services.ts";

export const FINGERPRINT = "0123456789abcdef";

export const letterOf = (eventId: string, more: Partial<DeadLetter> = {}): DeadLetter => ({
  eventId,
  event: "order.created",
  aggregateId: "o1",
  attempts: 1,
  code: "NOT_SO",
  message: "It is not so",
  fingerprint: FINGERPRINT,
  receivedAt: "2026-01-01T00:00:00.000Z",
  requestId: "req-1",
  ...more,
});

export const stepOf = (service: string, event: string, at: string, more: Partial<SagaStep> = {}): SagaStep => ({
  service,
  event,
  eventId: `${service}-${event}`,
  direction: "in",
  at,
  status: "processed",
  attempts: 1,
  error: null,
  requestId: "req-1",
  traceId: null,
  ...more,
});

type Answer = (params: Record<string, unknown>) => unknown;

/** The services' actions for operators, as a test says; a service of which it says nothing has nothing to tell. */
export const operatorsMesh = (answers: { [name: string]: Answer }) => {
  const calls: { name: string; params: Record<string, unknown> }[] = [];
  const nothing: Record<string, unknown> = {
    sagaSteps: { steps: [] },
    deadLetters: { items: [], nextCursor: null },
    deadLetterGroups: { groups: [] satisfies DeadLetterGroup[] },
    replayDeadLetters: { outcomes: [], nextCursor: null },
    discardDeadLetters: { discarded: [], nextCursor: null },
  };
  const call = (async (name: string, params: Record<string, unknown>) => {
    calls.push({ name, params });
    const [, service, action] = name.split(".") as [string, ServiceName, string];
    const answer = answers[`${service}.${action}`];
    if (answer !== undefined) return answer(params);
    if (action in nothing) return nothing[action];
    throw new Error(`nobody expected ${name}`);
  }) as unknown as CallMesh;
  return { call, calls };
};
