import type { Invariant } from "../invariant.ts";

/** A dead letter is a promise that nobody keeps until an operator does. */
export const deadLetters: Invariant = {
  name: "no dead letter waits for an operator",
  needs: [],
  check(view) {
    const all = [...view.messaging].flatMap(([service, { inbox }]) => inbox.map((noted) => ({ service, ...noted })));
    return {
      checked: all.length,
      offences: all
        .filter(({ status }) => status === "dead")
        .map(({ service, eventId, type, aggregateId, attempts, error }) => ({
          offender: `${type} ${eventId}`,
          rule: `is a dead letter of ${service} and needs an operator`,
          values: `${view.nameOf(aggregateId)}, ${attempts} attempts, ${error}`,
        })),
    };
  },
};
