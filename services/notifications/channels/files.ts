import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { createTransport } from "nodemailer";
import type { Mailbox } from "../notifications.config.ts";
import type { ChannelAdapter } from "./channel.ts";
import { mailOf } from "./mail.ts";

export interface FilesOptions {
  folder: string;
  from: Mailbox;
}

/** The outbox of a shop that has no mail server: nothing leaves the machine. Each e-mail becomes `<id>.eml`, which mail
 *  programs open; a repeat replaces it. */
export const filesChannel = ({ folder, from }: FilesOptions): ChannelAdapter => {
  const composer = createTransport({ streamTransport: true, buffer: true, newline: "windows" });
  return {
    async deliver(notification, signal) {
      const { message } = await composer.sendMail(mailOf(notification, from));
      signal.throwIfAborted();
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeWhole(join(folder, `${notification._id}.eml`), message as Buffer);
    },
    close: () => composer.close(),
  };
};

/** The name stands for a whole file or for none: it is given after the content has reached the disk. */
const writeWhole = async (path: string, content: Buffer): Promise<void> => {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    const file = await open(unfinished, "w", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
};
