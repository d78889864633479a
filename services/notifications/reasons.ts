import { withoutLinks } from "./message.ts";

/** The shop's own reasons, as a customer is told them. */
const SENTENCES: Record<string, string> = {
  out_of_stock: "Something in it sold out just before your order reached us, so we could not set everything aside for you.",
  goods_returned: "Thank you for sending back what you did not want to keep.",
  payment_overdue: "The payment did not reach us in time.",
  reservation_expired: "We can set items aside for a limited time only, and the payment did not reach us before it was over.",
};

const PAYMENT_FAILURES: Record<string, string> = {
  card_declined: "Your bank declined the card.",
  insufficient_funds: "The card did not have enough funds.",
  expired_card: "The card has expired.",
  invalid_token: "The card details that were entered were no longer valid.",
};

const PAYMENT_FAILED = /^payment_failed(?:: *(.*))?$/s;
/** The shape of a code of ours that has no sentence: it says nothing to a customer. */
const CODE = /^[a-z0-9]+(?:[_.][a-z0-9]+)+(?::.*)?$/s;

/** Why an order was cancelled or money paid back, in a sentence; empty when there is nothing to say. What is not a reason of
 *  the shop's own is somebody's words. */
export const explainReason = (reason: string): string => {
  const words = reason.trim();
  const known = Object.hasOwn(SENTENCES, words) ? SENTENCES[words] : undefined;
  if (known !== undefined) return known;
  const failure = PAYMENT_FAILED.exec(words);
  if (failure) {
    const code = (failure[1] ?? "").toLowerCase();
    const detail = Object.hasOwn(PAYMENT_FAILURES, code) ? ` ${PAYMENT_FAILURES[code]}` : "";
    return `The payment did not go through.${detail}`;
  }
  if (words === "" || words === "cancelled" || CODE.test(words)) return "";
  return `The reason given was: “${withoutLinks(words)}”`;
};
