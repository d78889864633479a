import type { DocumentWork } from "@molecart/mixins/document-store/document-inbox.ts";
import type { DocumentStoreProps } from "@molecart/mixins/document-store.mixin.ts";
import type { Call, Caller } from "@molecart/mixins/implement.ts";
import { codeOf } from "@molecart/mixins/lib/errors.ts";
import { filesChannel } from "./channels/files.ts";
import { smtpChannel } from "./channels/smtp.ts";
import { withLink } from "./message.ts";
import type { NotificationDocument, PreferencesDocument } from "./notification.document.ts";
import { findPreferences, queueIn } from "./notification.repository.ts";
import { Pointless, Sender, type SenderOptions } from "./notification.sender.ts";
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

/** The notification as it is sent: with its link, whose token users makes. It is the same at each call, so a repeat says the same. */
const completeBy =
  (call: Call, shopUrl: string) =>
  async (notification: NotificationDocument): Promise<NotificationDocument> => {
    const { resetId } = notification;
    if (resetId === undefined) return notification;
    const { token } = await call("v1.users.issueResetToken", { resetId }).catch((error: unknown) => {
      if (codeOf(error) === "INVALID_RESET_TOKEN") throw new Pointless("The link has expired or was replaced by a newer one");
      throw error;
    });
    // Behind the #: browsers send it neither to the web shop's server nor, as a referrer, to others.
    return withLink(notification, `${shopUrl}/reset-password#token=${token}`);
  };

const FILES_IN_HAND = 8;

/** The sender of this broker, not started. */
export const senderOf = (
  { documents, clock, call }: Pick<NotificationStore, "documents" | "clock"> & Caller,
  { transport, from, shopUrl, sendDeadlineMs, giveUpAfterMs }: NotificationsConfig,
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
    complete: completeBy(call, shopUrl),
    // More than there are connections would only wait, with their deadline running.
    concurrency: transport.kind === "smtp" ? transport.connections : FILES_IN_HAND,
    sendDeadlineMs,
    giveUpAfterMs,
    log,
  });
};
