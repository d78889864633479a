import type { OutboxFact } from "../facts.ts";
import { duration, type Invariant, type Offence, type Pending } from "../invariant.ts";

/** Every event that was decided is on the bus, or waits for its turn; none has overtaken an earlier one of its aggregate. */
export const outboxes: Invariant = {
  name: "every outbox row is published, or waits for its turn",
  needs: [],
  check(view) {
    const offences: Offence[] = [];
    const pending: Pending[] = [];
    let checked = 0;
    for (const [service, { outbox, stream }] of view.messaging) {
      checked += outbox.length;
      const waiting = outbox.filter(({ publishedAt }) => publishedAt === null);
      if (waiting.length === 0) continue;
      const lastPublished = new Map<string, OutboxFact>();
      for (const event of outbox) {
        const known = lastPublished.get(event.aggregateId);
        if (event.publishedAt !== null && (known === undefined || event.seq > known.seq))
          lastPublished.set(event.aggregateId, event);
      }
      for (const { eventId, type, aggregateId, seq, createdAt } of waiting) {
        const later = lastPublished.get(aggregateId);
        // What is sent again after a loss of the bus has later ones that are sent, or were not unstamped yet.
        if (later !== undefined && later.seq > seq && seq > (stream?.resendUntil ?? 0))
          offences.push({
            offender: `${type} ${eventId} of ${service}`,
            rule: "is unpublished, and a later event of its aggregate is not",
            values: `${view.nameOf(aggregateId)}, ${later.type} ${later.eventId}`,
          });
        else
          pending.push({
            text: `${type} ${eventId} of ${service} (${view.nameOf(aggregateId)}) waits in the outbox for ${duration(view.now - Date.parse(createdAt))}: no relay has published it yet`,
            inFlight: true,
          });
      }
    }
    return { checked, offences, pending };
  },
};
