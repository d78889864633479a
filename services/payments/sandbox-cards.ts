/** What a test card does when it is charged. */
export type Behaviour =
  | "succeeds"
  | "card_declined"
  | "insufficient_funds"
  | "answers_late"
  | "times_out_after_charging"
  | "refuses_refunds";

/** The only cards that the sandbox knows: all of them are published test numbers, none is anybody's. */
const testCards: ReadonlyMap<string, Behaviour> = new Map([
  ["4242424242424242", "succeeds"],
  ["5555555555554444", "succeeds"],
  ["378282246310005", "succeeds"],
  ["6011111111111117", "succeeds"],
  ["4000000000000002", "card_declined"],
  ["4000000000009995", "insufficient_funds"],
  ["4000000000000119", "answers_late"],
  ["4000000000000341", "times_out_after_charging"],
  ["4000000000005126", "refuses_refunds"],
]);

export const behaviourOf = (digits: string): Behaviour | undefined => testCards.get(digits);

export const declineCodeOf = (behaviour: Behaviour): string | null =>
  behaviour === "card_declined" || behaviour === "insufficient_funds" ? behaviour : null;
