import { describe, expect, test } from "@jest/globals";
import { isoTime } from "@molecart/mixins/lib/clock.ts";
import fc from "fast-check";
import {
  afterFailure,
  DEFAULT_PREFERENCES,
  isWanted,
  notificationId,
  notificationsOf,
  type Occurrence,
  recipientsOf,
  toNotification,
} from "../../../../services/notifications/notification.ts";

const NOW = Date.parse("2031-05-06T07:08:09.000Z");
const HOUR_MS = 3_600_000;
const customer = { id: "u-1", email: "ada@example.com", name: "Ada" };
const dispatched: Occurrence = {
  id: "e-1",
  type: "shipment.dispatched",
  data: {
    orderId: "o-1",
    number: "M-1",
    shipmentId: "s-1",
    carrier: "Swift",
    trackingNumber: "T1",
    customer,
    at: "2031-05-06T07:00:00.000Z",
  },
};
const registered: Occurrence = { id: "e-2", type: "user.registered", data: { customer } };
const received: Occurrence = {
  id: "e-3",
  type: "payment.completed",
  data: {
    orderId: "o-1",
    number: "M-1",
    paymentId: "p-1",
    amount: { amount: 100, currency: "EUR" },
    card: { brand: "Visa", last4: "4242" },
    customer,
  },
};
const circumstances = { preferences: DEFAULT_PREFERENCES, shop: "Molecart", now: NOW };
const off = { email: { shipping: false, account: false } };

describe("who is written to", () => {
  test("a customer, by e-mail at his address", () => {
    expect(recipientsOf(customer)).toEqual([{ channel: "email", address: "ada@example.com" }]);
  });

  test("everything is wanted until somebody switches it off", () => {
    for (const topic of ["shipping", "account", null] as const) expect(isWanted(DEFAULT_PREFERENCES, "email", topic)).toBe(true);
  });

  test("a topic can be switched off by itself; what is owed cannot", () => {
    expect(isWanted({ email: { shipping: false, account: true } }, "email", "shipping")).toBe(false);
    expect(isWanted({ email: { shipping: false, account: true } }, "email", "account")).toBe(true);
    expect(isWanted(off, "email", null)).toBe(true);
  });
});

describe("the notification of an event", () => {
  test("is queued, due at once, with the order's number", () => {
    const [notification, ...others] = notificationsOf(dispatched, circumstances);
    expect(others).toEqual([]);
    expect(notification).toMatchObject({
      eventId: "e-1",
      userId: "u-1",
      channel: "email",
      template: "shipment-dispatched",
      to: "ada@example.com",
      subject: "On its way: your order M-1",
      status: "queued",
      orderId: "o-1",
      orderNumber: "M-1",
      createdAt: isoTime(NOW),
      nextAttemptAt: NOW,
      attempts: 0,
      sentAt: null,
    });
  });

  test("is suppressed when its topic is switched off", () => {
    const statusOf = (occurrence: Occurrence) =>
      notificationsOf(occurrence, { ...circumstances, preferences: off }).map(({ status }) => status);
    expect(statusOf(dispatched)).toEqual(["suppressed"]);
    expect(statusOf(registered)).toEqual(["suppressed"]);
    expect(statusOf(received)).toEqual(["queued"]);
  });

  test("of no order belongs to no order", () => {
    expect(notificationsOf(registered, circumstances)[0]).toMatchObject({ orderId: null, template: "welcome" });
  });

  test("shows its recipient nothing of how it is sent", () => {
    const [document] = notificationsOf(dispatched, circumstances);
    expect(Object.keys(toNotification(document!)).sort()).toEqual(
      ["id", "channel", "template", "subject", "body", "status", "orderId", "createdAt", "sentAt"].sort(),
    );
  });
});

describe("the id of a notification", () => {
  const email = (address: string) => ({ channel: "email", address }) as const;

  test("is the same for every copy of an event, and another for any other event or recipient", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (event, address, otherEvent, otherAddress) => {
        const same = event === otherEvent && address === otherAddress;
        expect(notificationId(event, email(address)) === notificationId(otherEvent, email(otherAddress))).toBe(same);
        expect(notificationId(event, email(address))).toMatch(/^[0-9a-f]{40}$/);
      }),
    );
  });
});

describe("after a failed attempt", () => {
  const attempt = (attempts: number) => ({ attempts, firstAttemptAt: NOW });

  test("it is tried again soon, and then ever later", () => {
    const delays = [1, 2, 3, 10, 11, 40].map((attempts) => {
      const next = afterFailure(attempt(attempts), NOW, 24 * HOUR_MS, () => 1);
      return next.status === "queued" ? next.nextAttemptAt - NOW : "failed";
    });
    expect(delays).toEqual([2_000, 4_000, 8_000, 1_024_000, 1_800_000, 1_800_000]);
  });

  test("it is given up when the time since the first attempt is over, not before", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 0, max: 48 * HOUR_MS }),
        fc.float({ min: 0, max: 1, noNaN: true }),
        (attempts, sinceFirst, chance) => {
          const next = afterFailure(attempt(attempts), NOW + sinceFirst, 24 * HOUR_MS, () => chance);
          expect(next.status).toBe(sinceFirst >= 24 * HOUR_MS ? "failed" : "queued");
          if (next.status !== "queued") return;
          expect(next.nextAttemptAt).toBeGreaterThan(NOW + sinceFirst);
          expect(next.nextAttemptAt).toBeLessThanOrEqual(NOW + 24 * HOUR_MS);
        },
      ),
    );
  });
});
