import type { Preferences } from "@molecart/mixins/contracts/notifications.ts";
import { type Collection, DuplicateKey, type Filter, type IndexOptions } from "@molecart/mixins/document-store/collection.ts";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import { isText } from "@molecart/mixins/lib/cursor.ts";
import type { NotificationDocument, PreferencesDocument } from "./notification.document.ts";
import type { Queue } from "./notification.sender.ts";

type Notifications = Collection<NotificationDocument>;

/** One for each query below. */
export const NOTIFICATION_INDEXES = [
  { fields: ["userId", "createdAt", "_id"] },
  { fields: ["status", "nextAttemptAt"] },
  { fields: ["orderId"] },
] as const satisfies IndexOptions[];

/** Where a page of the list ends. */
export type Position = readonly [createdAt: string, id: string];

export const isPosition = (value: unknown): value is Position =>
  Array.isArray(value) && value.length === 2 && value.every(isText);

export interface NotificationFilter {
  userId: string;
  /** The last one of the page before. */
  before?: Position | undefined;
  limit: number;
}

/** Newest first. Those of the same millisecond are in the order of their ids, so that a page's end falls between them. */
export const findNotifications = (
  notifications: Notifications,
  { userId, before, limit }: NotificationFilter,
): Promise<NotificationDocument[]> => {
  const query: Filter = {
    userId,
    ...(before && { $or: [{ createdAt: { $lt: before[0] } }, { createdAt: before[0], _id: { $lt: before[1] } }] }),
  };
  return notifications.find({ query, sort: ["-createdAt", "-_id"], limit });
};

/** Several senders may look at the same moment: each claim is a conditional update, and whoever finds the document as it has
 *  seen it, and still due, has it. */
const claimDue = async (
  notifications: Notifications,
  now: number,
  leaseEndsAt: number,
  limit: number,
): Promise<NotificationDocument[]> => {
  const isDue = { status: "queued", nextAttemptAt: { $lte: now } };
  const due = await notifications.find({ query: isDue, sort: ["nextAttemptAt"], limit });
  const claims = await Promise.all(
    due.map(({ _id, attempts, firstAttemptAt }) =>
      notifications.updateOne(
        { _id, attempts, ...isDue },
        { $set: { nextAttemptAt: leaseEndsAt, firstAttemptAt: firstAttemptAt ?? now }, $inc: { attempts: 1 } },
      ),
    ),
  );
  return claims.filter((claimed) => claimed !== undefined);
};

export const queueIn = (notifications: Notifications): Queue => ({
  claim: (now, leaseEndsAt, limit) => claimDue(notifications, now, leaseEndsAt, limit),

  /** Also when the lease is over: it has been handed over, whatever another sender may think. */
  async setSent({ _id }, now) {
    await notifications.updateOne(
      { _id, status: { $ne: "sent" } },
      { $set: { status: "sent", sentAt: isoTime(now), lastError: null } },
    );
  },

  async setFailure({ _id, attempts }, next, error) {
    await notifications.updateOne({ _id, status: "queued", attempts }, { $set: { ...next, lastError: error.slice(0, 2_000) } });
  },
});

export const findPreferences = async (
  preferences: Collection<PreferencesDocument>,
  userId: string,
): Promise<Preferences | undefined> => (await preferences.get(userId))?.preferences;

export const setPreferences = async (
  collection: Collection<PreferencesDocument>,
  userId: string,
  preferences: Preferences,
): Promise<void> => {
  const update = () => collection.updateOne({ _id: userId }, { $set: { preferences } });
  if ((await update()) !== undefined) return;
  try {
    await collection.insert({ _id: userId, preferences });
  } catch (error) {
    if (!(error instanceof DuplicateKey)) throw error;
    // Somebody was faster with the first ones.
    await update();
  }
};
