/** What a template says, all of it plain text. Only `renderMessage` makes HTML of it, so no template can forget to escape. */
export interface Content {
  subject: string;
  opening: readonly string[];
  /** Label and value, such as an order's lines and totals. */
  rows?: readonly (readonly [label: string, value: string])[];
  /** The label of a link whose address is known when the message is sent, and is stored nowhere. */
  link?: string;
  closing?: readonly string[];
}

export interface Message {
  subject: string;
  text: string;
  html: string;
}

/** Stands for the address of the link. Names and reasons of strangers come in without braces, or in no message with a link. */
const LINK_PLACE = "{{link}}";

/** The message with its link, as it is sent. */
export const withLink = <M extends Message>(message: M, address: string): M => ({
  ...message,
  text: message.text.replaceAll(LINK_PLACE, address),
  html: message.html.replaceAll(LINK_PLACE, escapeHtml(address)),
});

/** The text for everybody who is not its recipient's mailbox. */
export const withoutLink = (text: string): string => text.replaceAll(LINK_PLACE, "(The link is in the e-mail only.)");

/** RFC 5322 allows 998 characters in a line; mail programs show about 60. */
const MAX_SUBJECT_LENGTH = 200;

/** One line, whatever was put into it: a line break in a header would start another header. */
export const singleLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, " ")
    .trim()
    .slice(0, MAX_SUBJECT_LENGTH);

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] as string);

/** Letters of any script, as people write their names; a dot only before a space or at the end. */
const NAME = /^(?:[\p{L}\p{M}\p{N} ,'’-]|\.(?= |$)){1,60}$/u;

/** Strangers choose their name and may give another's address: a name that looks like anything else is not repeated, so that
 *  nobody makes the shop mail advertisements for him. */
export const greeting = (name: string): string => (NAME.test(name.trim()) ? `Hello ${name.trim()},` : "Hello,");

/** Keeps the words and breaks what a mail program would show as a link, for the same reason. */
export const withoutLinks = (text: string): string => text.replace(/:\/+/g, ": ").replace(/\.(?=\p{L})/gu, ". ");

const paragraph = (text: string): string => `<p>${escapeHtml(text).replaceAll("\n", "<br>")}</p>`;
const row = ([label, value]: readonly [string, string]): string =>
  `<tr><td style="padding:2px 24px 2px 0">${escapeHtml(label)}</td><td align="right">${escapeHtml(value)}</td></tr>`;

/** The message as it is sent, to a person of this name and from this shop. */
export const renderMessage = (content: Content, { name, shop }: { name: string; shop: string }): Message => {
  const { subject, opening, rows = [], link, closing = [] } = content;
  const before = [greeting(name), ...opening];
  const after = [...closing, `Your ${shop} team`];
  const list = rows.map(([label, value]) => `${label}: ${value}`).join("\n");
  return {
    subject: singleLine(subject),
    text: `${[...before, ...(list === "" ? [] : [list]), ...(link === undefined ? [] : [LINK_PLACE]), ...after].join("\n\n")}\n`,
    html: [
      '<!doctype html><html lang="en"><head><meta charset="utf-8"></head><body style="font-family:sans-serif;line-height:1.5">',
      ...before.map(paragraph),
      ...(rows.length === 0 ? [] : [`<table style="border-collapse:collapse">${rows.map(row).join("")}</table>`]),
      ...(link === undefined ? [] : [`<p><a href="${LINK_PLACE}">${escapeHtml(link)}</a></p>`]),
      ...after.map(paragraph),
      "</body></html>",
    ].join("\n"),
  };
};
