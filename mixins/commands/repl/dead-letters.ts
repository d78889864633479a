import { Refusal } from "../../lib/errors.ts";
import type { CallMesh } from "../../operations/ask-services.ts";
import {
  discardDeadLetter,
  discardGroup,
  editDeadLetter,
  findDeadLetter,
  type GroupOutcome,
  isServiceName,
  listDeadLetters,
  listGroups,
  type Replayed,
  replayDeadLetter,
  replayGroup,
} from "../../operations/dead-letters.ts";
import { lacking } from "./sagas.ts";
import { short, table } from "./table.ts";

export const DLQ_HELP = `dlq list [--service <name>] [--fingerprint <group>] [--limit 20] [--cursor <of the last page>]
dlq groups                               what has gone wrong, and how often
dlq show <id>                            payload, error, and what operators have done
dlq replay <id|fingerprint>              to its handler again; then the events that wait for it
dlq edit <id> '<payload as JSON>'        replaces the payload, if its event allows it, and replays
dlq discard <id|fingerprint> --reason <text>   it shall have no effect

An id is <service>:<event id>, a fingerprint has 16 digits; both are in the lists.`;

export interface DlqArguments {
  verb: string | undefined;
  target?: string | undefined;
  json?: string | undefined;
  service?: string | undefined;
  fingerprint?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
  reason?: string | undefined;
}

class WrongUse extends Refusal {
  constructor(problem: string) {
    super("WRONG_USE", 400, `${problem}\n\n${DLQ_HELP}`);
  }
}

const isFingerprint = (target: string): boolean => /^[0-9a-f]{16}$/.test(target);

/** `dlq <verb> …`: what the terminal shows. Throws what is wrong with it. */
export const dlq = (call: CallMesh, args: DlqArguments, actor: string): Promise<string> => {
  switch (args.verb) {
    case "list":
      return list(call, args);
    case "groups":
      return groups(call);
    case "show":
      return show(call, needTarget(args, "id"));
    case "replay":
      return replay(call, needTarget(args, "id or fingerprint"), actor);
    case "edit":
      return edit(call, needTarget(args, "id"), args.json, actor);
    case "discard":
      return discard(call, needTarget(args, "id or fingerprint"), args.reason, actor);
    case undefined:
    case "help":
      return Promise.resolve(DLQ_HELP);
    default:
      throw new WrongUse(`There is no "dlq ${args.verb}".`);
  }
};

const needTarget = ({ verb, target }: DlqArguments, what: string): string => {
  if (target === undefined) throw new WrongUse(`dlq ${verb} needs an ${what}.`);
  return target;
};

const DEFAULT_LIMIT = 20;

const list = async (call: CallMesh, args: DlqArguments): Promise<string> => {
  const { service, fingerprint, limit = DEFAULT_LIMIT, cursor } = args;
  if (service !== undefined && !isServiceName(service)) throw new WrongUse(`There is no service "${service}".`);
  const { items, nextCursor, missing } = await listDeadLetters(call, { service, fingerprint, limit, cursor });
  if (items.length === 0) return `No dead letters.${lacking(missing)}`;
  const rows = items.map((letter) => [
    letter.id,
    letter.event,
    letter.aggregateId,
    letter.receivedAt,
    letter.attempts,
    letter.fingerprint,
    letter.code,
    short(letter.message),
  ]);
  const head = ["id", "event", "about", "received", "attempts", "fingerprint", "code", "message"];
  return table(head, rows) + (nextCursor === null ? "" : `\nMore: --cursor ${nextCursor}`) + lacking(missing);
};

const groups = async (call: CallMesh): Promise<string> => {
  const { groups: found, missing } = await listGroups(call);
  if (found.length === 0) return `No dead letters.${lacking(missing)}`;
  const rows = found.map((group) => [
    group.fingerprint,
    group.count,
    group.service,
    group.event,
    group.firstAt,
    group.lastAt,
    group.code,
    short(group.message),
  ]);
  return table(["fingerprint", "count", "service", "event", "first", "last", "code", "message"], rows) + lacking(missing);
};

const show = async (call: CallMesh, id: string): Promise<string> => {
  const letter = await findDeadLetter(call, id);
  const facts = [
    ["status", letter.status],
    ["event", letter.event],
    ["about", letter.aggregateId],
    ["received", letter.receivedAt],
    ["attempts", letter.attempts],
    ["request", letter.requestId ?? ""],
    ["fingerprint", letter.fingerprint],
    ["error", `${letter.code}: ${letter.message}`],
    ["waiting for it", letter.parked],
  ].map(([name, value]) => `${String(name).padEnd(14)}  ${value}`);
  const audit = letter.audit.map(({ at, actor, action, reason, oldData, newData }) => {
    const change = action === "edited" ? `\n  from ${JSON.stringify(oldData)}\n  to   ${JSON.stringify(newData)}` : "";
    return `${at}  ${action} by ${actor}${reason === null ? "" : `: ${reason}`}${change}`;
  });
  return [...facts, "", JSON.stringify(letter.data, null, 2), ...(audit.length > 0 ? ["", ...audit] : [])].join("\n");
};

const tell = ({ id, outcome, code, message }: Replayed): string =>
  outcome === "dead" ? `${id} has failed again: ${code}: ${message}` : `${id} ${outcome === "gone" ? "is gone" : "is processed"}`;

const replay = async (call: CallMesh, target: string, actor: string): Promise<string> => {
  if (!isFingerprint(target)) return tell(await replayDeadLetter(call, target, actor));
  const outcome = await replayGroup(call, target, actor);
  const count = (what: Replayed["outcome"]) => outcome.done.filter((one) => one.outcome === what).length;
  const failed = outcome.done.find((one) => one.outcome === "dead");
  return (
    `${count("processed")} processed, ${count("dead")} failed again` +
    (failed === undefined ? "" : `\n${tell(failed)}`) +
    ending(outcome)
  );
};

const edit = async (call: CallMesh, id: string, json: string | undefined, actor: string): Promise<string> => {
  if (json === undefined) throw new WrongUse("dlq edit needs the new payload.");
  return tell(await editDeadLetter(call, id, parsePayload(json), actor));
};

const parsePayload = (json: string): Record<string, unknown> => {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new WrongUse(`The payload is not JSON: ${(error as Error).message}. Put it in single quotes.`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new WrongUse("The payload must be an object.");
  return value as Record<string, unknown>;
};

const discard = async (call: CallMesh, target: string, reason: string | undefined, actor: string): Promise<string> => {
  if (reason === undefined || reason === "") throw new WrongUse("dlq discard needs a --reason: it stays with the event.");
  if (!isFingerprint(target)) {
    await discardDeadLetter(call, target, { actor, reason });
    return `${target} is discarded`;
  }
  const outcome = await discardGroup(call, target, { actor, reason });
  return `${outcome.done.length} discarded${ending(outcome)}`;
};

const ending = ({ complete, missing }: GroupOutcome<unknown>): string =>
  (complete || missing.length > 0 ? "" : "\nThere are more: repeat the command.") + lacking(missing);
