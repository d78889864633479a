import { Exactly } from "@molecart/mixins/contracts/common.ts";
import { Type } from "typebox";
import { answerRoute } from "../route.ts";

const Live = Exactly({ status: Type.Literal("ok") });
const Ready = Exactly({
  status: Type.Enum(["ok", "degraded", "unavailable"]),
  checks: Type.Record(Type.String(), Exactly({ status: Type.Enum(["ok", "degraded", "failed"]) })),
});

export const healthRoutes = [
  answerRoute({
    name: "getLiveness",
    method: "GET",
    path: "/health/live",
    root: true,
    limit: "none",
    access: "public",
    status: 200,
    summary: "The gateway's process answers",
    uses: [],
    result: Live,
    answer: async () => ({ status: "ok" as const }),
  }),
  answerRoute({
    name: "getReadiness",
    method: "GET",
    path: "/health/ready",
    root: true,
    limit: "none",
    access: "public",
    status: 200,
    summary: "Whether the gateway and what it needs are there, each by name; 503 if it cannot work",
    uses: [],
    result: Ready,
    answer: (desk) => desk.checkHealth(),
    statusOf: ({ status }) => (status === "unavailable" ? 503 : 200),
  }),
];
