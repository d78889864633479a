import type { Inbox } from "@molecart/mixins/messaging/inbox.ts";
import type { Lines, Quantity, StoredLine } from "./cart.ts";

/** Where carts are kept. Every write is atomic and answers the cart's lines after it; `cart.ts` says what each does. A store that
 *  does not answer rejects with `Unavailable`. */
export interface CartStore {
  /** For errors and health checks. */
  readonly name: string;
  /** Order events, each with one effect. */
  readonly inbox: Inbox<CartWork>;
  read(cartId: string): Promise<Lines>;
  /** Rejects with `CartFull`. */
  setLine(cartId: string, line: StoredLine): Promise<Lines>;
  removeLine(cartId: string, sku: string): Promise<Lines>;
  clear(cartId: string): Promise<void>;
  /** Moves all lines of `from` into `into`: both are written, or neither. Rejects with `CartFull`. */
  merge(from: string, into: string): Promise<Lines>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What an event may do to carts. It is committed together with the note that the event is processed. */
export interface CartWork {
  /** Takes what was ordered out of the cart. */
  subtract(cartId: string, ordered: readonly Quantity[]): Promise<void>;
}

/** The inbox of a store in this service's terms. */
export const cartInbox = <Work>(inbox: Inbox<Work>, toCartWork: (work: Work) => CartWork): Inbox<CartWork> => ({
  process: (envelope, handler) => inbox.process(envelope, (work) => handler(toCartWork(work))),
  fail: (envelope, failure) => inbox.fail(envelope, failure),
  bury: (envelope, failure) => inbox.bury(envelope, failure),
  deadLetters: (page) => inbox.deadLetters(page),
  deadLetter: (eventId) => inbox.deadLetter(eventId),
  discard: (eventId) => inbox.discard(eventId),
});
