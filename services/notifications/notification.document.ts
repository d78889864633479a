import type { Channel, Notification, Preferences } from "@molecart/mixins/contracts/notifications.ts";

/** One message to one recipient over one channel, as it is stored. The content is written once, when the event arrives, so
 *  that a repeat of the sending says the same. */
export interface NotificationDocument {
  /** Derived from the event, the channel and the recipient; see `notificationId`. */
  _id: string;
  eventId: string;
  userId: string;
  channel: Channel;
  template: string;
  /** The channel's address of the recipient. */
  to: string;
  subject: string;
  text: string;
  html: string;
  status: Notification["status"];
  /** Of a message with a link to a new password: whoever sends it asks for the link's token by this. */
  resetId?: string;
  orderId: string | null;
  /** The number that customers know the order by; null where it is about no order. */
  orderNumber: string | null;
  /** ISO 8601, UTC; `sentAt` too. */
  createdAt: string;
  sentAt: string | null;
  /** Counts the claims by a sender. */
  attempts: number;
  /** Milliseconds since the epoch. */
  firstAttemptAt: number | null;
  /** When it is to be sent, or, while a sender has it in hand, when that sender's lease ends. Milliseconds since the epoch. */
  nextAttemptAt: number;
  lastError: string | null;
}

export interface PreferencesDocument {
  /** The user's id. */
  _id: string;
  preferences: Preferences;
}
