import type { EventData, EventName } from "@molecart/mixins/contracts/index.ts";
import type { Preferences } from "@molecart/mixins/contracts/notifications.ts";
import type { SettlementMethod } from "@molecart/mixins/contracts/payments.ts";
import { format } from "@molecart/mixins/lib/money.ts";
import type { Content } from "./message.ts";
import { explainReason } from "./reasons.ts";

/** What a customer may switch off. */
export type Topic = keyof Preferences["email"];

export interface About {
  shop: string;
}

export interface Template<N extends EventName> {
  name: string;
  /** Null: owed to the customer, always sent. */
  topic: Topic | null;
  write(data: EventData<N>, about: About): Content;
}

type Templates = { [N in EventName]?: Template<N> };

const yourOrder = ({ number }: { number: string }): string => `your order ${number}`;

const sentences = (...all: string[]): string => all.filter((sentence) => sentence !== "").join(" ");

const pieces = (lines: readonly { quantity: number }[]): string => {
  const count = lines.reduce((sum, { quantity }) => sum + quantity, 0);
  return count === 1 ? "one item" : `${count} items`;
};

const parcel = ({ carrier, trackingNumber }: EventData<"shipment.dispatched">): [string, string][] => [
  ["Carrier", carrier],
  ["Tracking number", trackingNumber],
];

const HOW_PAID_BACK: Record<SettlementMethod, string> = {
  bank_transfer: "by bank transfer",
  cheque: "by cheque",
  cash: "in cash",
  other: "in another way",
};

/** Every event that a customer is told of, and what is said. */
export const templates = {
  "user.registered": {
    name: "welcome",
    topic: "account",
    write: (_, { shop }) => ({
      subject: `Welcome to ${shop}`,
      opening: [
        `It is good to have you here. Your account at ${shop} is ready: your orders, addresses and messages are kept in it.`,
      ],
      closing: ["If you did not open this account, you can ignore this message."],
    }),
  },

  "password.forgotten": {
    name: "password-reset",
    topic: null,
    write: ({ expiresAt }, { shop }) => ({
      subject: `A new password for ${shop}`,
      opening: [`Somebody, most likely you, has asked for a new password for your account at ${shop}. Choose it here:`],
      link: "Choose a new password",
      closing: [
        `The link works once, until ${expiresAt.slice(11, 16)} UTC, and only as long as you do not ask for another.`,
        "If you did not ask for it, you can ignore this message: your password stays as it is.",
      ],
    }),
  },

  "password.changed": {
    name: "password-changed",
    topic: null,
    write: ({ by }, { shop }) => ({
      subject: `Your password for ${shop} was changed`,
      opening: [
        by === "reset"
          ? `Your account at ${shop} has a new password, by a link that we had mailed to you. You were signed out everywhere.`
          : `Your account at ${shop} has a new password. Wherever else you were signed in, you were signed out.`,
      ],
      closing: ["If that was not you, ask for a new password at once, end the API keys that you do not know, and tell us."],
    }),
  },

  "order.created": {
    name: "order-confirmation",
    topic: null,
    write: ({ number, lines, totals }) => ({
      subject: `We have received your order ${number}`,
      opening: [`Thank you for your order ${number}. We have received it and are setting everything aside for you.`],
      rows: [
        ...lines.map(({ name, quantity, total }): [string, string] => [`${quantity} × ${name}`, format(total)]),
        ["Items", format(totals.items)],
        ["Shipping", format(totals.shipping)],
        ["Tax", format(totals.tax)],
        ["Total", format(totals.total)],
      ],
      closing: ["We will write again as soon as it is paid and when it is on its way."],
    }),
  },

  "payment.completed": {
    name: "payment-receipt",
    topic: null,
    write: ({ number, amount, card }) => ({
      subject: `Receipt: ${format(amount)} for your order ${number}`,
      opening: [`Thank you! Your payment for your order ${number} has arrived.`],
      rows: [
        ["Amount", format(amount)],
        ["Card", `${card.brand} ending in ${card.last4}`],
      ],
      closing: ["Please keep this message as your receipt."],
    }),
  },

  "order.cancelled": {
    name: "order-cancelled",
    topic: null,
    write: ({ number, totals, reason }) => ({
      subject: `Your order ${number} is cancelled`,
      opening: [sentences(`Your order ${number} over ${format(totals.total)} is cancelled.`, explainReason(reason))],
      closing: ["You need not do anything: whatever you have paid for it, you get back in full."],
    }),
  },

  "shipment.dispatched": {
    name: "shipment-dispatched",
    topic: "shipping",
    write: (shipment) => ({
      subject: `On its way: ${yourOrder(shipment)}`,
      opening: [`Good news: ${yourOrder(shipment)} is on its way to you.`],
      rows: parcel(shipment),
    }),
  },

  "shipment.delivered": {
    name: "shipment-delivered",
    topic: "shipping",
    write: (shipment) => ({
      subject: `Delivered: ${yourOrder(shipment)}`,
      opening: [`The carrier has delivered ${yourOrder(shipment)}. We hope you enjoy it!`],
      rows: parcel(shipment),
    }),
  },

  "payment.refunded": {
    name: "refund",
    topic: null,
    write: ({ number, amount, refundedTotal, full, reason, method }) => ({
      subject: `Refund: ${format(amount)} for your order ${number}`,
      opening: [sentences(`We have paid back ${format(amount)} for your order ${number}.`, explainReason(reason))],
      ...(!full && refundedTotal.amount > amount.amount && { rows: [["Paid back so far", format(refundedTotal)] as const] }),
      closing:
        method === undefined
          ? ["It goes to the card that you paid with. Your bank may take a few days to show it."]
          : [`Your card did not take it, so we have paid it back ${HOW_PAID_BACK[method]}.`],
    }),
  },

  "refund.refused": {
    name: "refund-refused",
    topic: null,
    write: ({ number, amount, reason }) => ({
      subject: `About your refund for order ${number}`,
      opening: [
        sentences(
          `We owe you ${format(amount)} for your order ${number}, and your card does not take it.`,
          explainReason(reason),
        ),
      ],
      closing: [
        "You will get it in another way. We will write again as soon as it is paid; please write to us if it takes long.",
      ],
    }),
  },

  "return.received": {
    name: "return-received",
    topic: null,
    write: ({ number, lines, refundAmount }) => ({
      subject: `Your return of order ${number} has arrived`,
      opening: [`Thank you, your return has arrived: ${pieces(lines)} of your order ${number}.`],
      ...(refundAmount.amount > 0 && { rows: [["Refund", format(refundAmount)] as const] }),
      closing:
        refundAmount.amount > 0
          ? ["You get back what you paid for it, less what was refunded before. We write again when the money is on its way."]
          : [],
    }),
  },

  "return.rejected": {
    name: "return-rejected",
    topic: null,
    write: ({ number, reason }) => ({
      subject: `About your return of order ${number}`,
      opening: [sentences(`We cannot accept your return of order ${number}.`, explainReason(reason))],
      closing: ["Please write to us if you have any question about it."],
    }),
  },
} as const satisfies Templates;

export type NotifiedEvent = keyof typeof templates;

export const templateOf = (event: NotifiedEvent): Template<NotifiedEvent> =>
  templates[event] as unknown as Template<NotifiedEvent>;
