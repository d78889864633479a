import { createHash } from "node:crypto";
import type { Customer } from "@molecart/mixins/contracts/common.ts";
import type { EventData } from "@molecart/mixins/contracts/index.ts";
import type { Channel, Notification, Preferences } from "@molecart/mixins/contracts/notifications.ts";
import { type Backoff, delayMs } from "@molecart/mixins/lib/backoff.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { renderMessage, withoutLink } from "./message.ts";
import type { NotificationDocument } from "./notification.document.ts";
import { type NotifiedEvent, type Topic, templateOf } from "./templates.ts";

/** Nobody has switched anything off until he does. */
export const DEFAULT_PREFERENCES: Preferences = { email: { shipping: true, account: true } };

export interface Recipient {
  channel: Channel;
  address: string;
}

/** Where a customer is written to. */
export const recipientsOf = (customer: Customer): Recipient[] => [{ channel: "email", address: customer.email }];

/** What is owed (no topic) is always wanted. */
export const isWanted = (preferences: Preferences, channel: Channel, topic: Topic | null): boolean =>
  topic === null || preferences[channel][topic];

/** The same for every copy of the event, so that a repeat meets the document that is there. 160 bits: no two alike, and short
 *  enough for the left side of a Message-ID (64 characters, RFC 5321). */
export const notificationId = (eventId: string, { channel, address }: Recipient): string =>
  createHash("sha256")
    .update(JSON.stringify([eventId, channel, address]))
    .digest("hex")
    .slice(0, 40);

/** The part of an event that a notification is made of. */
export interface Occurrence {
  id: string;
  type: NotifiedEvent;
  data: EventData<NotifiedEvent>;
}

export interface Circumstances {
  preferences: Preferences;
  shop: string;
  /** Milliseconds since the epoch. */
  now: number;
}

export const orderIdOf = (data: EventData<NotifiedEvent>): string | null => ("orderId" in data ? data.orderId : null);

/** One notification per recipient; what he does not want is kept as suppressed, so that the history is whole. */
export const notificationsOf = (
  { id, type, data }: Occurrence,
  { preferences, shop, now }: Circumstances,
): NotificationDocument[] => {
  const template = templateOf(type);
  const { customer } = data;
  const message = renderMessage(template.write(data, { shop }), { name: customer.name, shop });
  return recipientsOf(customer).map((recipient) => ({
    _id: notificationId(id, recipient),
    eventId: id,
    userId: customer.id,
    channel: recipient.channel,
    template: template.name,
    to: recipient.address,
    ...message,
    status: isWanted(preferences, recipient.channel, template.topic) ? "queued" : "suppressed",
    ...("resetId" in data && { resetId: data.resetId }),
    orderId: orderIdOf(data),
    orderNumber: "number" in data ? data.number : null,
    createdAt: isoTime(now),
    sentAt: null,
    attempts: 0,
    firstAttemptAt: null,
    nextAttemptAt: now,
    lastError: null,
  }));
};

/** As its recipient sees it. */
export const toNotification = (document: NotificationDocument): Notification => ({
  id: document._id,
  channel: document.channel,
  template: document.template,
  subject: document.subject,
  body: withoutLink(document.text),
  status: document.status,
  orderId: document.orderId,
  createdAt: document.createdAt,
  sentAt: document.sentAt,
});

/** A short fault is over within seconds; a mail server that stays down is asked two to four times an hour. */
const RETRY_BACKOFF: Backoff = { firstMs: 2_000, maxMs: 1_800_000, factor: 2 };

/** Suppressed: it has become pointless before it could be sent. */
export type AfterFailure = { status: "failed" | "suppressed" } | { status: "queued"; nextAttemptAt: number };

/** What becomes of a notification whose attempt has failed now. The time to give up counts from the first attempt, because a
 *  service that was down has not tried; the last attempt is at the end of that time. */
export const afterFailure = (
  { attempts, firstAttemptAt }: Pick<NotificationDocument, "attempts" | "firstAttemptAt">,
  now: number,
  giveUpAfterMs: number,
  random?: () => number,
): AfterFailure => {
  const giveUpAt = (firstAttemptAt ?? now) + giveUpAfterMs;
  if (now >= giveUpAt) return { status: "failed" };
  return { status: "queued", nextAttemptAt: Math.min(now + delayMs(RETRY_BACKOFF, attempts, random), giveUpAt) };
};
