import type { NotificationDocument } from "../notification.document.ts";

/** A way to a recipient. */
export interface ChannelAdapter {
  /** Resolves when the message is handed over, and rejects when it is not, or when nobody can tell. A repeat of the same
   *  notification is recognisable as one by its receiver. Gives up when the signal says so. */
  deliver(notification: NotificationDocument, signal: AbortSignal): Promise<void>;
  close(): void;
}
