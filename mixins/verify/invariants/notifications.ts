import type { NotificationsFacts, OutboxFact } from "../facts.ts";
import { duration, type Invariant, type Offence, type Pending, SOON_MS } from "../invariant.ts";
import { groupBy, isKept, type View } from "../view.ts";

type Notification = NotificationsFacts["notifications"][number];

/** A customer is told of each event once over each channel. */
export const notifications: Invariant = {
  name: "exactly one notification per event, channel and recipient",
  needs: ["notifications"],
  check(view) {
    const facts = view.notifications as NotificationsFacts;
    const byEvent = groupBy(facts.notifications, ({ eventId }) => eventId);
    const unheard = new Set(
      view.deliveries.unsettled.filter(({ consumer }) => consumer === "notifications").map(({ event }) => event.eventId),
    );
    const events = [...view.eventsById.values()].filter(
      ({ type, email, publishedAt }) => facts.notifiable.includes(type) && email !== null && publishedAt !== null,
    );
    const pending: Pending[] = facts.notifications
      .filter(({ status }) => status === "queued")
      .map(({ id, attempts, nextAttemptAt, lastError }) => ({
        text: `notification ${id} is queued, ${attempts} attempts, next in ${duration(nextAttemptAt - view.now)}${lastError === null ? "" : `: ${lastError}`}`,
        inFlight: nextAttemptAt - view.now < SOON_MS,
      }));
    return {
      checked: events.length + facts.notifications.length,
      offences: [
        ...events.filter(({ eventId }) => !unheard.has(eventId)).flatMap((event) => untold(view, facts, event, byEvent)),
        ...[...byEvent].flatMap(([eventId, told]) => toldWrong(view, eventId, told)),
        ...facts.notifications.filter(({ status }) => status === "failed").map(givenUp),
      ],
      pending,
    };
  },
};

const untold = (
  view: View,
  { channels }: NotificationsFacts,
  { eventId, type, aggregateId, email }: OutboxFact,
  byEvent: ReadonlyMap<string, readonly Notification[]>,
): Offence[] =>
  channels
    .filter((channel) => !byEvent.get(eventId)?.some((one) => one.channel === channel && one.to === email))
    .map((channel) => ({
      offender: `${type} ${eventId}`,
      rule: `was not told to its customer by ${channel}`,
      values: `${view.nameOf(aggregateId)}, ${email}`,
    }));

const toldWrong = (view: View, eventId: string, told: readonly Notification[]): Offence[] => {
  const offences: Offence[] = [...groupBy(told, ({ channel, to }) => `${channel} to ${to}`)]
    .filter(([, same]) => same.length > 1)
    .map(([how, same]) => ({
      offender: `event ${eventId}`,
      rule: `was told more than once by ${how}`,
      values: `notifications ${same.map(({ id }) => id).join(", ")}`,
    }));
  const event = view.eventsById.get(eventId);
  for (const { id, to } of told)
    if (event !== undefined && event.email !== null && event.email !== to)
      offences.push({ offender: `notification ${id}`, rule: "went to somebody else", values: `${to} instead of ${event.email}` });
  // Which event it was cannot be seen from its id: it was sent if any sender keeps what it sends.
  if (
    event === undefined &&
    !view.mayBeTrimmed(eventId) &&
    (view.notifications?.notifiable ?? []).every((type) => isKept(view, type))
  )
    offences.push({
      offender: `notification ${told[0]?.id}`,
      rule: "tells of an event that nobody has sent",
      values: `event ${eventId}`,
    });
  return offences;
};

const givenUp = ({ id, to, attempts, lastError }: Notification): Offence => ({
  offender: `notification ${id}`,
  rule: "was given up and needs an operator",
  values: `${to}, ${attempts} attempts, ${lastError}`,
});
