import type { SendMailOptions } from "nodemailer";
import type { NotificationDocument } from "../notification.document.ts";
import type { Mailbox } from "../notifications.config.ts";

/** The e-mail of a notification. Message-ID and date come from the notification, so every repeat carries the same: mail
 *  servers and programs drop a second copy by its Message-ID (RFC 5322, 3.6.4). */
export const mailOf = (notification: NotificationDocument, from: Mailbox): SendMailOptions => ({
  messageId: `<${notification._id}@${from.address.slice(from.address.lastIndexOf("@") + 1)}>`,
  date: new Date(notification.createdAt),
  // A copy: the mailer changes what it is given.
  from: { ...from },
  to: { name: "", address: notification.to },
  subject: notification.subject,
  text: notification.text,
  html: notification.html,
  // RFC 3834: nobody's holiday notice answers it.
  headers: { "Auto-Submitted": "auto-generated" },
  // The content is data: it must never make the mailer read a file or a URL.
  disableFileAccess: true,
  disableUrlAccess: true,
});
