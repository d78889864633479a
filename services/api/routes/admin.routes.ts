import { Exactly, Paging } from "@molecart/mixins/contracts/common.ts";
import { type ActionName, serviceNames } from "@molecart/mixins/contracts/index.ts";
import {
  DeadLetter,
  DeadLetterDetail,
  DeadLetterGroup,
  EventPayload,
  Fingerprint,
  OperatorReason,
  type operations,
  ReplayOutcome,
  SagaStep,
} from "@molecart/mixins/contracts/operations.ts";
import { orders } from "@molecart/mixins/contracts/orders.ts";
import { payments } from "@molecart/mixins/contracts/payments.ts";
import type { Missing } from "@molecart/mixins/operations/ask-services.ts";
import {
  discardDeadLetter,
  editDeadLetter,
  findDeadLetter,
  listDeadLetters,
  listGroups,
  replayDeadLetter,
  replayGroup,
} from "@molecart/mixins/operations/dead-letters.ts";
import { sagaTimeline } from "@molecart/mixins/operations/sagas.ts";
import { Type } from "typebox";
import { NotFound } from "../api.errors.ts";
import { actionRoute, answerRoute, type Desk } from "../route.ts";

const Service = Type.Enum(serviceNames);
/** `id` is `<service>:<event id>`: one event may be a dead letter of several services. */
const ofService = { id: Type.String(), service: Service };
const Letter = Exactly({ ...ofService, ...DeadLetter.properties });
const LetterDetail = Exactly({ ...ofService, ...DeadLetterDetail.properties });
const Group = Exactly({ service: Service, ...DeadLetterGroup.properties });
const Replayed = Exactly({ ...ofService, ...ReplayOutcome.properties });
/** The services that have not answered. */
const degraded = Type.Array(Service);

/** The same action of every service. */
const ofAll = (action: keyof typeof operations): ActionName[] =>
  serviceNames.map((service) => `v1.${service}.${action}` as const);

const namesOf = (desk: Desk, missing: readonly Missing[]) =>
  missing.map(({ service, error }) => {
    desk.reportPart(service, error);
    return service;
  });

const retry = payments.actions.retryRefund.params.properties;
const settle = payments.actions.settleRefund.params.properties;

export const adminRoutes = [
  actionRoute({
    name: "listRefusedRefunds",
    method: "GET",
    path: "/admin/refunds",
    access: "staff",
    scope: "operations:read",
    status: 200,
    summary: "Refunds that the payment provider has refused, oldest first, with what was done about them",
    query: payments.actions.listRefusedRefunds.params,
    action: "v1.payments.listRefusedRefunds",
    params: ({ query }) => query,
  }),
  actionRoute({
    name: "retryRefund",
    method: "POST",
    path: "/admin/refunds/{id}/retry",
    access: "staff",
    scope: "operations:write",
    status: 202,
    summary: "Asks the payment provider once more for a refund that it has refused",
    body: Exactly({ reason: retry.reason }),
    action: "v1.payments.retryRefund",
    params: ({ path, caller, body }) => ({ refundId: path.id, actor: caller.userId, ...body }),
    under: "refund",
  }),
  actionRoute({
    name: "settleRefund",
    method: "POST",
    path: "/admin/refunds/{id}/settle",
    access: "staff",
    scope: "operations:write",
    status: 200,
    summary: "Records that a refused refund was paid back by other means",
    body: Exactly({ method: settle.method, reference: settle.reference, reason: settle.reason }),
    action: "v1.payments.settleRefund",
    params: ({ path, caller, body }) => ({ refundId: path.id, actor: caller.userId, ...body }),
    under: "refund",
  }),
  actionRoute({
    name: "listStuckOrders",
    method: "GET",
    path: "/admin/sagas",
    access: "staff",
    scope: "operations:read",
    status: 200,
    summary: "Orders that have been neither confirmed nor cancelled for too long, oldest first",
    query: Exactly({ stuck: Type.Literal(true), ...orders.actions.listStuck.params.properties }),
    action: "v1.orders.listStuck",
    params: ({ query: { stuck: _, ...params } }) => params,
  }),
  answerRoute({
    name: "getSaga",
    method: "GET",
    path: "/admin/sagas/{id}",
    access: "staff",
    scope: "operations:read",
    status: 200,
    summary: "Every step of an order's saga over all services, in the order of time; services that do not answer are named",
    uses: ofAll("sagaSteps"),
    result: Exactly({ orderId: Type.String(), steps: Type.Array(SagaStep), degraded }),
    answer: async (desk, { path: { id } }) => {
      const { steps, missing } = await sagaTimeline(desk.call, id);
      if (steps.length === 0 && missing.length === 0) throw new NotFound();
      return { orderId: id, steps, degraded: namesOf(desk, missing) };
    },
  }),
  answerRoute({
    name: "listDeadLetters",
    method: "GET",
    path: "/admin/dead-letters",
    access: "staff",
    scope: "operations:read",
    status: 200,
    summary: "The dead letters of all services, oldest event first; services that do not answer are named",
    query: Exactly({ service: Type.Optional(Service), fingerprint: Type.Optional(Fingerprint), ...Paging }),
    uses: ofAll("deadLetters"),
    result: Exactly({ items: Type.Array(Letter), nextCursor: Type.Union([Type.String(), Type.Null()]), degraded }),
    answer: async (desk, { query }) => {
      const { missing, ...page } = await listDeadLetters(desk.call, query);
      return { ...page, degraded: namesOf(desk, missing) };
    },
  }),
  answerRoute({
    name: "listDeadLetterGroups",
    method: "GET",
    path: "/admin/dead-letters/groups",
    access: "staff",
    scope: "operations:read",
    status: 200,
    summary: "The dead letters by what has gone wrong, most frequent first",
    uses: ofAll("deadLetterGroups"),
    result: Exactly({ groups: Type.Array(Group), degraded }),
    answer: async (desk) => {
      const { groups, missing } = await listGroups(desk.call);
      return { groups, degraded: namesOf(desk, missing) };
    },
  }),
  answerRoute({
    name: "replayDeadLetterGroup",
    method: "POST",
    path: "/admin/dead-letters/groups/{fingerprint}/replay",
    access: "staff",
    scope: "operations:write",
    status: 200,
    summary: "Hands all dead letters of a group to their handlers again; a repeat goes on where time has run out",
    uses: ofAll("replayDeadLetters"),
    result: Exactly({ outcomes: Type.Array(Replayed), complete: Type.Boolean(), degraded }),
    answer: async (desk, { path, caller }) => {
      const { done, complete, missing } = await replayGroup(desk.call, path.fingerprint, caller.userId);
      return { outcomes: done, complete, degraded: namesOf(desk, missing) };
    },
  }),
  answerRoute({
    name: "getDeadLetter",
    method: "GET",
    path: "/admin/dead-letters/{id}",
    access: "staff",
    scope: "operations:read",
    status: 200,
    summary: "A dead letter with its payload and what operators have done with it, also after it was settled",
    uses: ofAll("deadLetter"),
    result: LetterDetail,
    answer: (desk, { path }) => findDeadLetter(desk.call, path.id),
  }),
  answerRoute({
    name: "replayDeadLetter",
    method: "POST",
    path: "/admin/dead-letters/{id}/replay",
    access: "staff",
    scope: "operations:write",
    status: 200,
    summary: "Hands a dead letter to its handler again",
    uses: ofAll("replayDeadLetters"),
    result: Replayed,
    answer: (desk, { path, caller }) => replayDeadLetter(desk.call, path.id, caller.userId),
  }),
  answerRoute({
    name: "editDeadLetter",
    method: "PUT",
    path: "/admin/dead-letters/{id}",
    access: "staff",
    scope: "operations:write",
    status: 200,
    summary: "Replaces a dead letter's payload by one that its event allows, and replays it",
    body: Exactly({ data: EventPayload }),
    uses: ofAll("editDeadLetter"),
    result: Replayed,
    answer: (desk, { path, body, caller }) => editDeadLetter(desk.call, path.id, body.data, caller.userId),
  }),
  answerRoute({
    name: "discardDeadLetter",
    method: "DELETE",
    path: "/admin/dead-letters/{id}",
    access: "staff",
    scope: "operations:write",
    status: 204,
    summary: "Decides that an event shall have no effect in its service",
    body: Exactly({ reason: OperatorReason }),
    uses: ofAll("discardDeadLetters"),
    result: Type.Null(),
    answer: async (desk, { path, body, caller }) => {
      await discardDeadLetter(desk.call, path.id, { actor: caller.userId, reason: body.reason });
      return null;
    },
  }),
];
