import { Exactly, Id, type Viewer } from "@molecart/mixins/contracts/common.ts";
import { HistoryStep, OrderStatus } from "@molecart/mixins/contracts/orders.ts";
import { Type } from "typebox";
import type { CallMesh, StreamPart } from "./route.ts";

/** `event: status`: a step of the order's history; its `seq` is the event's id. */
export const OrderStep = Exactly({ orderId: Id, ...HistoryStep.properties });

/** `event: end`: nothing more is to come by itself. */
export const OrderEnd = Exactly({ orderId: Id, status: OrderStatus, settled: Type.Literal(true) });

export const readOrderSteps = async (call: CallMesh, orderId: string, viewer: Viewer, after: number): Promise<StreamPart> => {
  const { steps, last, status, settled } = await call("v1.orders.progress", { orderId, viewer, after });
  return {
    events: steps.map((step) => ({ id: step.seq, event: "status", data: { orderId, ...step } })),
    last,
    end: settled ? { event: "end", data: { orderId, status, settled: true } } : undefined,
  };
};
