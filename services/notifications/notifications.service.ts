import { notifications } from "@molecart/mixins/contracts/notifications.ts";
import { documentStore } from "@molecart/mixins/document-store.mixin.ts";
import { implement } from "@molecart/mixins/implement.ts";
import { decodeCursor, page } from "@molecart/mixins/lib/cursor.ts";
import { runtimeOf } from "@molecart/mixins/runtime.ts";
import type { NotificationDocument, PreferencesDocument } from "./notification.document.ts";
import { notify, senderOf } from "./notification.operations.ts";
import {
  findNotifications,
  findPreferences,
  isPosition,
  NOTIFICATION_INDEXES,
  setPreferences,
} from "./notification.repository.ts";
import type { Sender } from "./notification.sender.ts";
import { DEFAULT_PREFERENCES, toNotification } from "./notification.ts";
import { notificationsConfig } from "./notifications.config.ts";

export default implement(notifications, {
  mixins: [
    documentStore<NotificationDocument, { preferences: PreferencesDocument }>({
      name: "notifications",
      collection: "notifications",
      indexes: NOTIFICATION_INDEXES,
      also: { preferences: {} },
    }),
  ],

  vars: (broker) => ({ config: notificationsConfig(runtimeOf(broker).env), sender: undefined as unknown as Sender }),

  actions: {
    async list({ params: { userId, limit, cursor } }) {
      const before = cursor === undefined ? undefined : decodeCursor(cursor, isPosition);
      const found = await findNotifications(this.documents, { userId, before, limit: limit + 1 });
      const { items, nextCursor } = page(found, limit, ({ createdAt, _id }) => [createdAt, _id]);
      return { items: items.map(toNotification), nextCursor };
    },

    async getPreferences({ params: { userId } }) {
      return (await findPreferences(this.collections.preferences, userId)) ?? DEFAULT_PREFERENCES;
    },

    async setPreferences({ params: { userId, preferences } }) {
      await setPreferences(this.collections.preferences, userId, preferences);
      return preferences;
    },
  },

  durable: {
    "user.registered": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "user.registered", data: params });
      },
    },
    "password.forgotten": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "password.forgotten", data: params });
      },
    },
    "password.changed": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "password.changed", data: params });
      },
    },
    "order.created": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "order.created", data: params });
      },
    },
    "payment.completed": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "payment.completed", data: params });
      },
    },
    "order.cancelled": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "order.cancelled", data: params });
      },
    },
    "shipment.dispatched": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "shipment.dispatched", data: params });
      },
    },
    "shipment.delivered": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "shipment.delivered", data: params });
      },
    },
    "payment.refunded": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "payment.refunded", data: params });
      },
    },
    "refund.refused": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "refund.refused", data: params });
      },
    },
    "return.received": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "return.received", data: params });
      },
    },
    "return.rejected": {
      handler({ params, locals }) {
        return notify(this, locals.work, { type: "return.rejected", data: params });
      },
    },
  },

  async started() {
    this.sender = senderOf(this, this.config, this.logger);
    this.sender.start();
  },

  async stopped() {
    await this.sender?.stop();
  },
});
