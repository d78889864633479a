import { hostname, userInfo } from "node:os";
import type { ServiceBroker } from "moleculer";
import { failureOf } from "../../messaging/consumer.ts";
import type { CallMesh } from "../../operations/ask-services.ts";
import { type DlqArguments, dlq } from "./dead-letters.ts";
import { type RefundsArguments, refunds } from "./refunds.ts";
import { listStuckSagas, showSaga } from "./sagas.ts";

/** As moleculer-repl takes it. */
export interface ReplCommand {
  command: string;
  description: string;
  options?: { option: string; description: string }[];
  action(broker: ServiceBroker, args: ReplArguments): Promise<void>;
}

interface ReplArguments {
  options: Record<string, string | boolean | undefined>;
  [name: string]: unknown;
}

/** Who an audit trail names for what was done at a prompt. */
export const replActor = (): string => `repl:${userInfo().username}@${hostname()}`.slice(0, 200);

const DEFAULT_STUCK_MINUTES = 15;

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);
const number = (value: unknown): number | undefined => (Number.isInteger(Number(text(value))) ? Number(value) : undefined);

const argumentsOf = ({ options, verb, target, json }: ReplArguments): DlqArguments => ({
  verb: text(verb),
  target: text(target),
  json: text(json),
  service: text(options.service),
  fingerprint: text(options.fingerprint),
  limit: number(options.limit),
  cursor: text(options.cursor),
  reason: text(options.reason),
});

const refundsArgumentsOf = ({ options, verb, target }: ReplArguments): RefundsArguments => ({
  verb: text(verb),
  target: text(target),
  status: text(options.status),
  limit: number(options.limit),
  cursor: text(options.cursor),
  method: text(options.method),
  reference: text(options.reference),
  reason: text(options.reason),
});

/** The operators' commands of `npm run repl`. */
export const customCommands = (print: (text: string) => void = console.log, actor: string = replActor()): ReplCommand[] => {
  const answer =
    (work: (call: CallMesh, args: ReplArguments) => Promise<string>): ReplCommand["action"] =>
    async (broker, args) => {
      const call: CallMesh = (name, params) => broker.call(name, params as object) as never;
      try {
        print(await work(call, args));
      } catch (error) {
        print(failureOf(error).message);
      }
    };

  return [
    {
      command: "saga <orderId>",
      description: "Every step of an order's saga, over all services, in the order of time",
      action: answer((call, { orderId }) => showSaga(call, String(orderId))),
    },
    {
      command: "sagas",
      description: "Orders that have been neither confirmed nor cancelled for too long",
      options: [
        { option: "--stuck", description: "the only list there is" },
        { option: "--older-than <minutes>", description: `default ${DEFAULT_STUCK_MINUTES}` },
      ],
      action: answer((call, { options }) => listStuckSagas(call, number(options.olderThan) ?? DEFAULT_STUCK_MINUTES)),
    },
    {
      command: "dlq [verb] [target] [json]",
      description: "Dead letters: list, groups, show, replay, edit, discard. More by: dlq help",
      options: [
        { option: "--service <name>", description: "list: of this service" },
        { option: "--fingerprint <group>", description: "list: of this group" },
        { option: "--limit <n>", description: "list: at most, default 20" },
        { option: "--cursor <cursor>", description: "list: the next page" },
        { option: "--reason <text>", description: "discard: why" },
      ],
      action: answer(async (call, args) => dlq(call, argumentsOf(args), actor)),
    },
    {
      command: "refunds [verb] [target]",
      description: "Refunds that the payment provider has refused: list, retry, settle. More by: refunds help",
      options: [
        { option: "--status <status>", description: "list: refused (the default) or settled" },
        { option: "--limit <n>", description: "list: at most, default 20" },
        { option: "--cursor <cursor>", description: "list: the next page" },
        { option: "--method <method>", description: "settle: how it was paid back" },
        { option: "--reference <text>", description: "settle: of the transfer" },
        { option: "--reason <text>", description: "retry, settle: why" },
      ],
      action: answer(async (call, args) => refunds(call, refundsArgumentsOf(args), actor)),
    },
  ];
};
