import { Refusal } from "../lib/errors.ts";

export class DeadLetterNotFound extends Refusal {
  constructor(id: string) {
    super("DEAD_LETTER_NOT_FOUND", 404, `There is no dead letter ${id}`, { id });
  }
}

export class SelectionRequired extends Refusal {
  constructor() {
    super("SELECTION_REQUIRED", 400, "Name either the events, or one fingerprint");
  }
}
