import { createTransport } from "nodemailer";
import type { Mailbox } from "../notifications.config.ts";
import type { ChannelAdapter } from "./channel.ts";
import { mailOf } from "./mail.ts";

export interface SmtpOptions {
  /** `smtp://` or `smtps://`, with user and password where the server wants them. */
  url: string;
  from: Mailbox;
  connections: number;
  deadlineMs: number;
}

/** E-mail over a pool of SMTP connections. */
export const smtpChannel = ({ url, from, connections, deadlineMs }: SmtpOptions): ChannelAdapter => {
  const mailer = createTransport({
    url,
    pool: true,
    maxConnections: connections,
    // A message whose connection broke goes back to the store, which counts the attempts and knows the backoff.
    maxRequeues: 0,
    connectionTimeout: Math.min(10_000, deadlineMs),
    greetingTimeout: Math.min(10_000, deadlineMs),
    socketTimeout: deadlineMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async deliver(notification, signal) {
      await mailer.sendMail({ ...mailOf(notification, from), signal });
    },
    close: () => mailer.close({ force: true }),
  };
};
