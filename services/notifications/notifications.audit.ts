import { KEEP_PROCESSED_MS } from "@molecart/mixins/document-store/document-inbox.ts";
import type { Auditor } from "@molecart/mixins/verify/auditor.ts";
import type { InboxFact, NotificationsFacts } from "@molecart/mixins/verify/facts.ts";
import { toInboxFact } from "@molecart/mixins/verify/messaging-facts.ts";
import type { NotificationDocument } from "./notification.document.ts";
import { templates } from "./templates.ts";

type NotificationFact = NotificationsFacts["notifications"][number];

const toFact = (document: NotificationDocument): NotificationFact => ({
  id: document._id,
  eventId: document.eventId,
  channel: document.channel,
  to: document.to,
  status: document.status,
  attempts: document.attempts,
  nextAttemptAt: document.nextAttemptAt,
  lastError: document.lastError,
});

const audit: Auditor = async (stores) => {
  const found = await stores.documents<{ notifications: NotificationFact; notifications_inbox: InboxFact }>("notifications", {
    notifications: toFact,
    notifications_inbox: toInboxFact,
  });
  return {
    messaging: { outbox: [], inbox: found.notifications_inbox, jobs: [], outboxIsKept: false, inboxKeepsMs: KEEP_PROCESSED_MS },
    notifications: {
      notifications: found.notifications,
      notifiable: Object.keys(templates),
      channels: ["email"],
    },
  };
};

export default audit;
