import { Refusal } from "@molecart/mixins/lib/errors.ts";

export interface Refused {
  id: string;
  reason: string;
}

/** The engine does not take these entries, whatever else becomes of it: to be seen by an operator. */
export class EntriesRefused extends Refusal {
  readonly refused: readonly Refused[];
  constructor(refused: readonly Refused[]) {
    const [first] = refused;
    super("ENTRIES_REFUSED", 422, `The index refuses ${refused.length}, such as ${first?.id}: ${first?.reason}`, { refused });
    this.refused = refused;
  }
}

/** Another broker has taken over what this one was doing too slowly. */
export class LeaseLost extends Refusal {
  constructor(what: string) {
    super("LEASE_LOST", 409, `${what} was taken over by another broker`);
  }
}
