import { settlementMethods } from "../../contracts/payments.ts";
import { Refusal } from "../../lib/errors.ts";
import { format } from "../../lib/money.ts";
import type { CallMesh } from "../../operations/ask-services.ts";
import { short, table } from "./table.ts";

export const REFUNDS_HELP = `refunds list [--status refused|settled] [--limit 20] [--cursor <of the last page>]
refunds retry <id> --reason <text>       asks the payment provider once more
refunds settle <id> --method <${settlementMethods.join("|")}> --reference <text> --reason <text>
                                         it was paid back by other means: books it and tells the customer

Ask the provider first about one that is UNANSWERED: it may have been paid back.`;

export interface RefundsArguments {
  verb: string | undefined;
  target?: string | undefined;
  status?: string | undefined;
  limit?: number | undefined;
  cursor?: string | undefined;
  method?: string | undefined;
  reference?: string | undefined;
  reason?: string | undefined;
}

class WrongUse extends Refusal {
  constructor(problem: string) {
    super("WRONG_USE", 400, `${problem}\n\n${REFUNDS_HELP}`);
  }
}

/** `refunds <verb> …`: what the terminal shows. Throws what is wrong with it. */
export const refunds = (call: CallMesh, args: RefundsArguments, actor: string): Promise<string> => {
  switch (args.verb) {
    case "list":
      return list(call, args);
    case "retry":
      return retry(call, need(args, "target", "the refund's id"), need(args, "reason", "a --reason"), actor);
    case "settle":
      return settle(call, args, actor);
    case undefined:
    case "help":
      return Promise.resolve(REFUNDS_HELP);
    default:
      throw new WrongUse(`There is no "refunds ${args.verb}".`);
  }
};

const need = (args: RefundsArguments, name: "target" | "reason" | "reference" | "method", what: string): string => {
  const value = args[name];
  if (value === undefined) throw new WrongUse(`refunds ${args.verb} needs ${what}.`);
  return value;
};

const DEFAULT_LIMIT = 20;

const list = async (call: CallMesh, { status = "refused", limit = DEFAULT_LIMIT, cursor }: RefundsArguments): Promise<string> => {
  if (status !== "refused" && status !== "settled") throw new WrongUse("The status is refused or settled.");
  const page = cursor === undefined ? { limit } : { limit, cursor };
  const { items, nextCursor } = await call("v1.payments.listRefusedRefunds", { status, ...page });
  if (items.length === 0) return `No refund is ${status}.`;
  const rows = items.map(({ id, orderId, amount, code, reason, method, reference, steps }) => {
    const last = steps.at(-1);
    return [
      id,
      orderId,
      format(amount),
      code,
      method === null ? "" : `${method} ${reference}`,
      last === undefined ? "" : `${last.at} ${last.action} by ${last.actor}`,
      short(reason),
    ];
  });
  const head = ["id", "order", "amount", "refused with", "paid back by", "last step", "why refunded"];
  return table(head, rows) + (nextCursor === null ? "" : `\nMore: --cursor ${nextCursor}`);
};

const retry = async (call: CallMesh, refundId: string, reason: string, actor: string): Promise<string> => {
  const { status } = await call("v1.payments.retryRefund", { refundId, reason, actor });
  return `${refundId} is ${status}: the provider is asked once more`;
};

const settle = async (call: CallMesh, args: RefundsArguments, actor: string): Promise<string> => {
  const refundId = need(args, "target", "the refund's id");
  const wanted = need(args, "method", "a --method");
  const method = settlementMethods.find((known) => known === wanted);
  if (method === undefined) throw new WrongUse(`The method is one of ${settlementMethods.join(", ")}.`);
  const reference = need(args, "reference", "a --reference: it stays in the books");
  const reason = need(args, "reason", "a --reason");
  const { amount } = await call("v1.payments.settleRefund", { refundId, method, reference, reason, actor });
  return `${refundId} is settled: ${format(amount)} by ${method}, ${reference}`;
};
