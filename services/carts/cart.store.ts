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
  /** What is saved for later. */
  readSaved(cartId: string): Promise<Lines>;
  /** What an order takes: the lines with the age of their units, and the revision that they are of. */
  snapshot(cartId: string): Promise<{ lines: Lines; revision: number }>;
  /** Rejects with `CartFull`. */
  setLine(cartId: string, line: StoredLine): Promise<Lines>;
  /** Once per key. Rejects with `CartFull`, `QuantityLimit`, or `IdempotencyKeyReused`. */
  addLine(cartId: string, line: StoredLine, key: string): Promise<Lines>;
  /** Whether something was added under this key. */
  hasAdded(cartId: string, key: string): Promise<boolean>;
  removeLine(cartId: string, sku: string): Promise<Lines>;
  /** Both lists are written, or neither. Rejects with `CartFull`. */
  saveLine(cartId: string, sku: string): Promise<Lines>;
  /** As `saveLine`, and back. */
  restoreLine(cartId: string, sku: string): Promise<Lines>;
  removeSaved(cartId: string, sku: string): Promise<Lines>;
  clear(cartId: string): Promise<void>;
  /** Moves all lines of `from` into `into`, and what is saved there to what is saved here: all are written, or none. Rejects with
   *  `CartFull`. */
  merge(from: string, into: string): Promise<Lines>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** What an event may do to carts. It is committed together with the note that the event is processed. */
export interface CartWork {
  /** Takes what was ordered out of the cart, as far as it was there at `revision`. */
  subtract(cartId: string, ordered: readonly Quantity[], revision: number | undefined): Promise<void>;
}

/** The inbox of a store in this service's terms. */
export const cartInbox = <Work>(inbox: Inbox<Work>, toCartWork: (work: Work) => CartWork): Inbox<CartWork> => ({
  process: (envelope, handler, passage) => inbox.process(envelope, (work) => handler(toCartWork(work)), passage),
  fail: (envelope, failure) => inbox.fail(envelope, failure),
  bury: (envelope, failure, counted) => inbox.bury(envelope, failure, counted),
  deadLetters: (page) => inbox.deadLetters(page),
  deadLetterGroups: () => inbox.deadLetterGroups(),
  deadLetter: (eventId) => inbox.deadLetter(eventId),
  record: (eventId) => inbox.record(eventId),
  beginReplay: (eventId, actor) => inbox.beginReplay(eventId, actor),
  edit: (eventId, data, actor) => inbox.edit(eventId, data, actor),
  discard: (eventId, by) => inbox.discard(eventId, by),
  releasable: (limit) => inbox.releasable(limit),
  steps: (aggregateId) => inbox.steps(aggregateId),
});
