import { type Environment, readEnvironment } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";

/** `shop@example.com` or `The Shop <shop@example.com>`. */
const MAILBOX = /^(?:([^<>"\p{Cc}]*?)\s*<([^\s<>@"]+@[^\s<>@"]+)>|([^\s<>@"]+@[^\s<>@"]+))$/u;

export interface Mailbox {
  name: string;
  address: string;
}

const mailbox = (variable: string, value: string): Mailbox => {
  const [match, name = "", address, bare] = MAILBOX.exec(value) ?? [];
  if (match === undefined) throw new ConfigurationError(variable, `"${value}" is not a mailbox such as Shop <shop@example.com>`);
  return { name, address: (address ?? bare) as string };
};

export type MailTransport = { kind: "smtp"; url: string; connections: number } | { kind: "files"; folder: string };

/** Without a slash at its end. */
const webShop = (variable: string, value: string): string => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !["http:", "https:"].includes(url.protocol) || url.search !== "" || url.hash !== "")
    throw new ConfigurationError(variable, `"${value}" is not the address of a web shop such as https://shop.example`);
  return value.replace(/\/+$/, "");
};

export const notificationsConfig = (env: Environment) => {
  const read = readEnvironment(env);
  const shop = read.text("SHOP_NAME", "Molecart");

  const url = read.url("SMTP_URL", ["smtp", "smtps"]);
  const kind = read.oneOf("NOTIFICATIONS_TRANSPORT", ["smtp", "files"], url === undefined && read.embedded ? "files" : "smtp");
  const chosen = (): MailTransport => {
    if (kind === "files") return { kind, folder: `${read.dataDir}/mail` };
    if (url === undefined)
      throw new ConfigurationError("SMTP_URL", "must be set to send e-mail (NOTIFICATIONS_TRANSPORT=files keeps it in files)");
    return { kind, url, connections: read.integer("NOTIFICATIONS_SMTP_CONNECTIONS", 5, { min: 1, max: 100 }) };
  };

  const transport = Object.freeze(chosen());

  // Mail servers refuse an address that the shop does not own, so a real one has no default.
  const from =
    kind === "smtp" && !read.embedded
      ? read.required("NOTIFICATIONS_FROM", "the mailbox that e-mail comes from")
      : read.text("NOTIFICATIONS_FROM", `${shop} <shop@localhost>`);

  const shopUrl =
    kind === "smtp" && !read.embedded
      ? read.required("SHOP_URL", "links in e-mail lead to the web shop at this address")
      : read.text("SHOP_URL", "http://127.0.0.1:3000");

  return Object.freeze({
    shop,
    shopUrl: webShop("SHOP_URL", shopUrl),
    transport,
    from: Object.freeze(mailbox("NOTIFICATIONS_FROM", from)),
    /** For one attempt, from the connection to the server's answer. */
    sendDeadlineMs: read.integer("NOTIFICATIONS_SEND_SECONDS", 30, { min: 1, max: 300 }) * 1000,
    giveUpAfterMs: read.integer("NOTIFICATIONS_GIVE_UP_HOURS", 24, { min: 1, max: 168 }) * 3_600_000,
  });
};
export type NotificationsConfig = ReturnType<typeof notificationsConfig>;
