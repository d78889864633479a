import { isEventName } from "../../contracts/index.ts";
import { duration, type Finding, type Invariant, type Offence, type Pending } from "../invariant.ts";
import { type Delivery, isKept, type View } from "../view.ts";

/** Every published event has had its one effect at each of its consumers, or is on its way there. */
export const deliveries: Invariant = {
  name: "every published event has reached each of its consumers",
  needs: [],
  check(view) {
    const findings = view.deliveries.unsettled.map((delivery) => judge(view, delivery));
    return {
      checked: view.deliveries.checked,
      offences: [...findings.flatMap(({ offences }) => offences), ...unsent(view)],
      pending: findings.flatMap(({ pending = [] }) => pending),
    };
  },
};

const nothing = { offences: [] };
const wait = (text: string): Omit<Finding, "checked"> => ({
  offences: [],
  pending: [{ text, inFlight: true } satisfies Pending],
});

const judge = (view: View, { event, consumer, state, noted }: Delivery): Omit<Finding, "checked"> => {
  const name = `${event.type} ${event.eventId} (${view.nameOf(event.aggregateId)})`;
  const since = duration(view.now - Date.parse(event.publishedAt ?? event.createdAt));
  switch (state) {
    case "processed":
    case "discarded":
    // Told by the invariant on dead letters.
    case "dead":
      return nothing;
    case "failed":
      return wait(`${name} has failed ${noted?.attempts} times at ${consumer} and will be tried again: ${noted?.error}`);
    case "waiting":
      return wait(`${name} waits at ${consumer} for ${since}: it is ${noted?.status}${noted?.error ? `, ${noted.error}` : ""}`);
    case "on its way":
      return wait(`${name} waits for ${consumer} in the event bus for ${since}`);
    case "lost":
      return {
        offences: [
          {
            offender: `${event.type} ${event.eventId}`,
            rule: `is lost: ${consumer} knows nothing of it, and the event bus has nothing for it`,
            values: `${view.nameOf(event.aggregateId)}, published ${since} ago`,
          },
        ],
      };
    default:
      return state satisfies never;
  }
};

/** The other way round: an effect without a cause. */
const unsent = (view: View): Offence[] =>
  [...view.messaging].flatMap(([service, { inbox }]) =>
    inbox
      .filter(
        ({ eventId, type, status }) =>
          status === "processed" && isKept(view, type) && !view.eventsById.has(eventId) && !view.mayBeTrimmed(eventId),
      )
      .filter(({ type }) => isEventName(type))
      .map(({ eventId, type, aggregateId }) => ({
        offender: `${type} ${eventId}`,
        rule: `was processed by ${service}, and nobody has sent it`,
        values: view.nameOf(aggregateId),
      })),
  );
