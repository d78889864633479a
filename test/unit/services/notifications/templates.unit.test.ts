import { describe, expect, test } from "@jest/globals";
import type { EventData } from "@molecart/mixins/contracts/index.ts";
import fc from "fast-check";
import { escapeHtml, greeting, type Message, renderMessage, singleLine } from "../../../../services/notifications/message.ts";
import { explainReason } from "../../../../services/notifications/reasons.ts";
import { type NotifiedEvent, templateOf, templates } from "../../../../services/notifications/templates.ts";

const eur = (amount: number) => ({ amount, currency: "EUR" });
const customer = { id: "u-1", email: "ada@example.com", name: "Ada Lovelace" };
const order = {
  orderId: "o-1",
  number: "M-7K2P-9QXD",
  customer,
  lines: [{ sku: "LAMP-1", productId: "p-1", name: "Desk lamp", quantity: 2, unitPrice: eur(4500), total: eur(9000) }],
  totals: { items: eur(9000), shipping: eur(490), tax: eur(1803), total: eur(11293) },
};
const parcel = {
  orderId: "o-1",
  number: order.number,
  shipmentId: "s-1",
  carrier: "Swift Parcel",
  trackingNumber: "SP 123/456",
  customer,
  at: "2031-05-06T07:08:09.000Z",
};
const shippingAddress = { name: "Ada Lovelace", line1: "12 Analytical Row", city: "London", postalCode: "N1", country: "GB" };

const payment = { orderId: "o-1", number: order.number, paymentId: "p-1", customer };
const returned = { orderId: "o-1", number: order.number, returnId: "ret-1", customer };

const samples: { [N in NotifiedEvent]: EventData<N> } = {
  "user.registered": { customer },
  "password.forgotten": { customer, resetId: "reset-1", expiresAt: "2031-05-06T07:38:09.000Z" },
  "password.changed": { customer, by: "owner" },
  "order.created": { ...order, shippingAddress, paymentToken: "tok_secret" },
  "payment.completed": { ...payment, amount: eur(11293), card: { brand: "Visa", last4: "4242" } },
  "order.cancelled": { ...order, reason: "out_of_stock" },
  "shipment.dispatched": parcel,
  "shipment.delivered": parcel,
  "payment.refunded": {
    ...payment,
    refundId: "r-1",
    amount: eur(11293),
    refundedTotal: eur(11293),
    full: true,
    reason: "out_of_stock",
  },
  "refund.refused": { ...payment, refundId: "r-1", amount: eur(11293), reason: "out_of_stock", code: "card_closed" },
  "return.received": { ...returned, lines: [{ sku: "LAMP-1", quantity: 2, restock: true }], refundAmount: eur(9000) },
  "return.rejected": { ...returned, reason: "The seal is broken" },
};
const events = Object.keys(templates) as NotifiedEvent[];

const write = (event: NotifiedEvent, data: EventData<NotifiedEvent> = samples[event]) =>
  renderMessage(templateOf(event).write(data, { shop: "Molecart" }), { name: data.customer.name, shop: "Molecart" });

const EXPECTED: Record<NotifiedEvent, { subject: string; says: string[] }> = {
  "user.registered": { subject: "Welcome to Molecart", says: ["Your account at Molecart is ready"] },
  "password.forgotten": { subject: "A new password for Molecart", says: ["asked for a new password", "until 07:38 UTC"] },
  "password.changed": { subject: "Your password for Molecart was changed", says: ["has a new password", "were signed out"] },
  "order.created": {
    subject: "We have received your order M-7K2P-9QXD",
    says: ["2 × Desk lamp", "90.00 EUR", "4.90 EUR", "18.03 EUR", "112.93 EUR"],
  },
  "payment.completed": {
    subject: "Receipt: 112.93 EUR for your order M-7K2P-9QXD",
    says: ["112.93 EUR", "Visa ending in 4242", "M-7K2P-9QXD"],
  },
  "order.cancelled": { subject: "Your order M-7K2P-9QXD is cancelled", says: ["112.93 EUR", "sold out"] },
  "shipment.dispatched": { subject: "On its way: your order M-7K2P-9QXD", says: ["Swift Parcel", "SP 123/456"] },
  "shipment.delivered": { subject: "Delivered: your order M-7K2P-9QXD", says: ["has delivered", "SP 123/456"] },
  "payment.refunded": { subject: "Refund: 112.93 EUR for your order M-7K2P-9QXD", says: ["112.93 EUR", "sold out"] },
  "refund.refused": { subject: "About your refund for order M-7K2P-9QXD", says: ["112.93 EUR", "another way"] },
  "return.received": { subject: "Your return of order M-7K2P-9QXD has arrived", says: ["2 items", "90.00 EUR"] },
  "return.rejected": { subject: "About your return of order M-7K2P-9QXD", says: ["cannot accept", "The seal is broken"] },
};

describe("every event's message", () => {
  test.each(events)("%s says what its reader needs, in text and in HTML", (event) => {
    const message = write(event);
    expect(message.subject).toBe(EXPECTED[event].subject);
    expect(message.text).toContain("Hello Ada Lovelace,");
    for (const words of EXPECTED[event].says) {
      expect(message.text).toContain(words);
      expect(message.html).toContain(words);
    }
    expect(message.text).not.toContain("undefined");
    expect(message.text).not.toContain("null");
  });

  test("the payment token of an order is not told to anybody", () => {
    expect(JSON.stringify(write("order.created"))).not.toContain("tok_secret");
  });

  test("one refund of several says what has been paid back so far", () => {
    const part = { ...samples["payment.refunded"], amount: eur(500), refundedTotal: eur(1_500), full: false };
    expect(write("payment.refunded", part).text).toContain("Paid back so far: 15.00 EUR");
    expect(write("payment.refunded").text).not.toContain("so far");
  });

  test("a refund that went past the card says how", () => {
    const { text } = write("payment.refunded", { ...samples["payment.refunded"], method: "bank_transfer" });
    expect(text).toContain("by bank transfer");
    expect(text).not.toContain("It goes to the card");
  });

  test("a return that is worth nothing promises no money", () => {
    const { text } = write("return.received", { ...samples["return.received"], refundAmount: eur(0) });
    expect(text).not.toMatch(/Refund|money/);
  });

  test("amounts without a minor unit have no decimals", () => {
    const { subject } = write("payment.refunded", { ...samples["payment.refunded"], amount: { amount: 500, currency: "JPY" } });
    expect(subject).toContain("500 JPY");
  });
});

/** Text that wants to be more than text. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.constantFrom("a\r\nBcc: all@example.com", "<script>alert(1)</script>", "\u2028x", '"><img src=x onerror=y>', "%s"),
);

const withHostile = (event: NotifiedEvent, words: string): Message => {
  const replace = (value: unknown): unknown => {
    if (typeof value === "string") return words;
    if (Array.isArray(value)) return value.map(replace);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === "currency" ? inner : replace(inner)]));
  };
  return write(event, replace(samples[event]) as EventData<NotifiedEvent>);
};

describe("whatever the payload holds", () => {
  test.each(events)("%s: the subject stays one line, so that no header can be added", (event) => {
    fc.assert(
      fc.property(hostile, (words) => {
        const { subject } = withHostile(event, words);
        expect(subject).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(subject.length).toBeLessThanOrEqual(200);
      }),
    );
  });

  test.each(events)("%s: the HTML has no other tags than our own", (event) => {
    const tags = (html: string) => [...html.matchAll(/<[^>]*>/g)].map(([tag]) => tag).filter((tag) => tag !== "<br>");
    const ours = new Set(tags(write(event).html));
    fc.assert(
      fc.property(hostile, (words) => {
        expect(tags(withHostile(event, words).html).filter((tag) => !ours.has(tag))).toEqual([]);
      }),
    );
  });

  test("an escaped text says the same when it is read back", () => {
    const read = (html: string) =>
      html
        .replaceAll("&lt;", "<")
        .replaceAll("&gt;", ">")
        .replaceAll("&quot;", '"')
        .replaceAll("&#39;", "'")
        .replaceAll("&amp;", "&");
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(escapeHtml(text)).not.toMatch(/[<>"']/);
        expect(read(escapeHtml(text))).toBe(text);
      }),
    );
  });

  test("a subject of one line is left as it is", () => {
    expect(singleLine("Receipt: 9.90 EUR")).toBe("Receipt: 9.90 EUR");
    expect(singleLine("a\r\nBcc: b@example.com")).toBe("a Bcc: b@example.com");
  });
});

describe("a greeting", () => {
  test.each(["Ada Lovelace", "Zoë D'Arc-Müller", "J. R. R. Tolkien", "李小龍", "नरेंद्र", "Henry 8"])(
    "repeats the name %s",
    (name) => {
      expect(greeting(name)).toBe(`Hello ${name},`);
    },
  );

  test.each([
    "Win at http://evil.example",
    "evil.example",
    "www.evil.example/prize",
    "a@evil.example",
    "<b>Ada</b>",
    "Ada\nBcc",
    "x".repeat(61),
    "",
  ])("does not repeat what is no name: %j", (name) => {
    expect(greeting(name)).toBe("Hello,");
  });
});

describe("a reason", () => {
  test.each([
    ["out_of_stock", /sold out/],
    ["payment_overdue", /did not reach us in time/],
    ["reservation_expired", /limited time/],
    ["payment_failed: card_declined", /did not go through\. Your bank declined the card\.$/],
    ["payment_failed: insufficient_funds", /enough funds/],
    ["payment_failed: some_new_code", /did not go through\.$/],
    ["payment_failed", /did not go through\.$/],
    ["payment_failed: constructor", /did not go through\.$/],
  ])("%s is told in a sentence and not as a code", (reason, sentence) => {
    expect(explainReason(reason)).toMatch(sentence);
    expect(explainReason(reason)).not.toContain("_");
  });

  test("somebody's own words are quoted", () => {
    expect(explainReason("I found it cheaper, sorry!")).toBe("The reason given was: “I found it cheaper, sorry!”");
    expect(explainReason("late")).toContain("“late”");
  });

  test("a code that has no sentence is kept from the customer", () => {
    expect(explainReason("fraud_suspected: rule_7")).toBe("");
    expect(explainReason("order.cancelled")).toBe("");
    expect(explainReason("cancelled")).toBe("");
  });

  test("a link in somebody's words is broken", () => {
    const sentence = explainReason("look at https://evil.example/x and www.evil.example");
    expect(sentence).toContain("look at https: evil. example/x and www. evil. example");
  });
});
