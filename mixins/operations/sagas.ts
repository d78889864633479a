import type { SagaStep } from "../contracts/operations.ts";
import { askServices, type CallMesh, type Missing } from "./ask-services.ts";

export interface Timeline {
  steps: SagaStep[];
  missing: Missing[];
}

/** An event is sent, then received; a job is what comes next. */
const DIRECTIONS: readonly SagaStep["direction"][] = ["out", "in", "job"];

const inOrder = (a: SagaStep, b: SagaStep): number =>
  Date.parse(a.at) - Date.parse(b.at) ||
  DIRECTIONS.indexOf(a.direction) - DIRECTIONS.indexOf(b.direction) ||
  (a.eventId < b.eventId ? -1 : 1);

/** Every step of an order's saga, over all services, in the order of time. */
export const sagaTimeline = async (call: CallMesh, orderId: string): Promise<Timeline> => {
  const { answers, missing } = await askServices((service) => call(`v1.${service}.sagaSteps`, { aggregateId: orderId }));
  return { steps: answers.flatMap(({ answer }) => answer.steps).sort(inOrder), missing };
};
