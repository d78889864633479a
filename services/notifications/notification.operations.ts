import type { DocumentWork } from "@molecart/mixins/document-store/document-inbox.ts";
import type { DocumentStoreProps } from "@molecart/mixins/document-store.mixin.ts";
import { filesChannel } from "./channels/files.ts";
import { smtpChannel } from "./channels/smtp.ts";
import type { NotificationDocument, PreferencesDocument } from "./notification.document.ts";
import { findPreferences, queueIn } from "./notification.repository.ts";
import { Sender, type SenderOptions } from "./notification.sender.ts";
import { DEFAULT_PREFERENCES, notificationsOf, type Occurrence } from "./notification.ts";
import type { NotificationsConfig } from "./notifications.config.ts";

export type NotificationStore = DocumentStoreProps<NotificationDocument, { preferences: PreferencesDocument }>;

export interface NotificationDesk extends Pick<NotificationStore, "collections" | "clock"> {
  config: NotificationsConfig;
  sender: Pick<Sender, "wake">;
}

/** Stores what a customer is told of an event. A repeat meets the documents of the first time, and they stay as they are. */
export const notify = async (
  { collections, clock, config, sender }: NotificationDesk,
  work: DocumentWork<NotificationDocument>,
  { type, data }: Omit<Occurrence, "id">,
): Promise<void> => {
  const preferences = await findPreferences(collections.preferences, data.customer.id);
  const notifications = notificationsOf(
    { id: work.eventId, type, data },
    {
      preferences: preferences ?? DEFAULT_PREFERENCES,
      shop: config.shop,
      now: clock.now(),
    },
  );
  await Promise.all(notifications.map((notification) => work.insertOnce(notification)));
  sender.wake();
};

const FILES_IN_HAND = 8;

/** The sender of this broker, not started. */
export const senderOf = (
  { documents, clock }: Pick<NotificationStore, "documents" | "clock">,
  { transport, from, sendDeadlineMs, giveUpAfterMs }: NotificationsConfig,
  log: SenderOptions["log"],
): Sender => {
  const email =
    transport.kind === "smtp"
      ? smtpChannel({ url: transport.url, from, connections: transport.connections, deadlineMs: sendDeadlineMs })
      : filesChannel({ folder: transport.folder, from });
  return new Sender({
    queue: queueIn(documents),
    clock,
    channels: { email },
    // More than there are connections would only wait, with their deadline running.
    concurrency: transport.kind === "smtp" ? transport.connections : FILES_IN_HAND,
    sendDeadlineMs,
    giveUpAfterMs,
    log,
  });
};
