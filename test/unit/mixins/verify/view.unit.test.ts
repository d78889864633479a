import { describe, expect, test } from "@jest/globals";
import type { Facts, JobFact, MessagingFacts, OrderFact, OutboxFact } from "@molecart/mixins/verify/facts.ts";
import { type Invariant, offenceText } from "@molecart/mixins/verify/invariant.ts";
import { acceptedOrders } from "@molecart/mixins/verify/invariants/accepted-orders.ts";
import { charges } from "@molecart/mixins/verify/invariants/charges.ts";
import { deadlines } from "@molecart/mixins/verify/invariants/deadlines.ts";
import { deliveries } from "@molecart/mixins/verify/invariants/deliveries.ts";
import { ledger } from "@molecart/mixins/verify/invariants/ledger.ts";
import { orderStates } from "@molecart/mixins/verify/invariants/order-states.ts";
import { stock } from "@molecart/mixins/verify/invariants/stock.ts";
import { viewOf } from "@molecart/mixins/verify/view.ts";

const NOW = Date.parse("2026-06-01T12:00:00.000Z");
const at = (secondsAgo: number): string => new Date(NOW - secondsAgo * 1000).toISOString();

const messaging = (facts: Partial<MessagingFacts> = {}): MessagingFacts => ({
  outbox: [],
  inbox: [],
  jobs: [],
  outboxIsKept: true,
  inboxKeepsMs: null,
  ...facts,
});

const event = (eventId: string, type: string, more: Partial<OutboxFact> = {}): OutboxFact => ({
  eventId,
  type,
  aggregateId: "o1",
  seq: 1,
  createdAt: at(60),
  publishedAt: at(60),
  email: null,
  amount: null,
  ...more,
});

const facts = (more: Partial<Facts> = {}): Facts => ({
  messaging: new Map(),
  consumersOf: new Map(),
  bus: { consumers: new Map() },
  ...more,
});

const told = (invariant: Invariant, of: Facts) => {
  const { offences, pending = [] } = invariant.check(viewOf(of, NOW));
  return { offences: offences.map(offenceText), pending: pending.map(({ text }) => text) };
};

describe("An order whose events were trimmed", () => {
  const sold = (trimmedBefore: string | null): Facts =>
    facts({
      messaging: new Map(["orders", "inventory", "payments"].map((service) => [service, messaging({ trimmedBefore })])),
      orders: {
        orders: [
          {
            id: "o1",
            number: "M-1",
            status: "confirmed",
            lines: [],
            total: { amount: 100, currency: "EUR" },
            history: [
              { status: "pending", at: at(90) },
              { status: "confirmed", at: at(80) },
            ],
            createdAt: at(90),
          },
        ],
        answers: [],
        returns: [],
        transitions: { pending: { "payment.completed": ["confirmed"] } },
        paymentDueMs: 900_000,
      },
      payments: {
        payments: [{ id: "p1", orderId: "o1", status: "completed", amount: { amount: 100, currency: "EUR" } }],
        ledger: [],
        refunds: [],
        provider: {
          charges: [{ chargeId: "c1", paymentId: "p1", amount: 100, currency: "EUR", succeeded: true }],
          refunds: [],
        },
      },
    });

  test.each([
    ["its announcements", acceptedOrders],
    ["the causes of its states", orderStates],
    ["the event of its payment", charges],
  ])("is not asked for %s, and a younger one is", (_, invariant) => {
    expect(told(invariant, sold(at(60))).offences).toEqual([]);
    expect(told(invariant, sold(null)).offences).not.toEqual([]);
    expect(told(invariant, sold(at(100_000))).offences).not.toEqual([]);
  });
});

describe("An event that its consumer does not know", () => {
  const missing = (consumers: Facts["bus"]["consumers"], shipping: Partial<MessagingFacts> = {}) =>
    told(
      deliveries,
      facts({
        messaging: new Map([
          [
            "orders",
            messaging({ outbox: [event("old", "order.confirmed", { createdAt: at(90) }), event("new", "order.confirmed")] }),
          ],
          ["shipping", messaging(shipping)],
        ]),
        consumersOf: new Map([["order.confirmed", ["shipping"]]]),
        bus: { consumers },
      }),
    );
  const backlog = (count: number) => new Map([["shipping__order-confirmed", { count, eventIds: null }]]);

  test("is pending as long as the bus has as many for the consumer", () => {
    expect(missing(backlog(2))).toMatchObject({ offences: [], pending: [expect.any(String), expect.any(String)] });
  });

  test("is lost, the oldest first, when the bus has fewer", () => {
    expect(missing(backlog(1)).offences).toEqual([expect.stringContaining("order.confirmed old: is lost")]);
    expect(missing(backlog(0)).offences).toHaveLength(2);
  });

  test("is pending when the consumer has never subscribed: the bus keeps it", () => {
    expect(missing(new Map())).toMatchObject({ offences: [], pending: [expect.any(String), expect.any(String)] });
  });

  test("is on its way when the bus is another one than it was published to, or it is still to be sent again", () => {
    const sent = (stream: MessagingFacts["stream"]) =>
      told(
        deliveries,
        facts({
          messaging: new Map([
            ["orders", messaging({ outbox: [event("e", "order.confirmed", { seq: 5 })], ...(stream && { stream }) })],
            ["shipping", messaging()],
          ]),
          consumersOf: new Map([["order.confirmed", ["shipping"]]]),
          bus: { consumers: backlog(0), storeId: "second" },
        }),
      );
    const onItsWay = { offences: [], pending: [expect.stringContaining("waits for shipping in the event bus")] };
    expect(sent({ id: "first", resendAfter: 0, resendUntil: 0 })).toMatchObject(onItsWay);
    expect(sent({ id: "second", resendAfter: 4, resendUntil: 5 })).toMatchObject(onItsWay);
    expect(sent({ id: "second", resendAfter: 5, resendUntil: 5 }).offences).toHaveLength(1);
  });

  test("is no matter when the inbox was trimmed of events of that age", () => {
    expect(missing(backlog(0), { trimmedBefore: at(0) })).toEqual({ offences: [], pending: [] });
    expect(missing(backlog(0), { trimmedBefore: at(100_000) }).offences).toHaveLength(2);
  });

  test("is no matter when the inbox has forgotten events of that age", () => {
    expect(missing(backlog(0), { inboxKeepsMs: 10_000 })).toEqual({ offences: [], pending: [] });
  });
});

describe("Money and goods that came back in part", () => {
  const order: OrderFact = {
    id: "o1",
    number: "M-1",
    status: "delivered",
    lines: [{ sku: "A", quantity: 2 }],
    total: { amount: 1_000, currency: "EUR" },
    history: (["pending", "reserved", "paid", "confirmed", "shipped", "delivered"] as const).map((status) => ({
      status,
      at: at(60),
    })),
    createdAt: at(60),
  };
  const entry = (id: string, kind: string, refundId: string, debit: string, credit: string, amount: number) => [
    { id: `${id}d`, paymentId: "p1", orderId: "o1", kind, refundId, account: debit, debit: amount, credit: 0, currency: "EUR" },
    { id: `${id}c`, paymentId: "p1", orderId: "o1", kind, refundId, account: credit, debit: 0, credit: amount, currency: "EUR" },
  ];
  const returned = (announced: number, refundedByProvider: number): Facts =>
    facts({
      messaging: new Map([
        [
          "payments",
          messaging({
            outbox: [
              event("e1", "payment.completed", { amount: 1_000 }),
              event("e2", "payment.refunded", { amount: announced, seq: 2 }),
            ],
          }),
        ],
      ]),
      orders: { orders: [order], returns: [], answers: [], transitions: {}, paymentDueMs: 900_000 },
      payments: {
        refunds: [],
        payments: [{ id: "p1", orderId: "o1", status: "completed", amount: order.total }],
        ledger: [
          ...entry("c", "capture", "", "provider_receivable", "order_revenue", 1_000),
          ...entry("r", "refund", "r1", "order_revenue", "provider_receivable", 300),
        ],
        provider: {
          charges: [{ chargeId: "ch1", paymentId: "p1", amount: 1_000, currency: "EUR", succeeded: true }],
          refunds: [{ refundId: "re1", chargeId: "ch1", amount: refundedByProvider, currency: "EUR" }],
        },
      },
    });

  test("leave what the order owes in the ledger and at the provider", () => {
    expect(told(ledger, returned(300, 300)).offences).toEqual([]);
    expect(told(charges, returned(300, 300)).offences).toEqual([]);
  });

  test("are named when books, provider and announcements differ", () => {
    expect(told(ledger, returned(200, 300)).offences).toContainEqual(
      expect.stringContaining("other refunds booked than announced"),
    );
    expect(told(charges, returned(300, 500)).offences).toContainEqual(expect.stringContaining("500 instead of 700"));
  });

  test("are put in again, while the sale stays a sale", () => {
    const inventory = (onHand: number, returned = 1): Facts =>
      facts({
        inventory: {
          stock: [{ sku: "A", onHand, reserved: 0, sold: 2 }],
          reservations: [{ orderId: "o1", status: "committed", releasedBy: null, expiresAt: at(0), lines: order.lines }],
          movements: [
            { id: "1", sku: "A", kind: "received", quantity: 10, orderId: null },
            { id: "2", sku: "A", kind: "sold", quantity: -2, orderId: "o1" },
            { id: "3", sku: "A", kind: "returned", quantity: returned, orderId: "o1" },
          ],
        },
      });
    expect(told(stock, inventory(9)).offences).toEqual([]);
    expect(told(stock, inventory(8)).offences).not.toEqual([]);
    expect(told(stock, inventory(11, 3)).offences).toEqual([expect.stringContaining("3 × A of 2 × A")]);
  });
});

describe("A job that nobody has taken in time", () => {
  const overdue = (job: Partial<JobFact>, lastActiveSecondsAgo: number) =>
    told(
      deadlines,
      facts({
        messaging: new Map([
          [
            "users",
            messaging({
              outbox: [event("e", "user.registered", { createdAt: at(lastActiveSecondsAgo) })],
              jobs: [
                { id: "sweep", kind: "sweep", aggregateId: "sweep", dueAt: NOW - 600_000, attempts: 0, lastError: null, ...job },
              ],
            }),
          ],
        ]),
      }),
    );

  test("is an offence when the shop has been active since", () => {
    expect(overdue({}, 5).offences).toEqual([expect.stringContaining("job sweep of users: is overdue beyond its lease")]);
  });

  test("waits when nothing has happened since: the shop was stopped", () => {
    expect(overdue({}, 3_600)).toEqual({
      offences: [],
      pending: [expect.stringContaining("job sweep of users is due for 10 min")],
    });
  });

  test("is pending with its error while it is tried again", () => {
    expect(overdue({ dueAt: NOW + 5_000, attempts: 3, lastError: "no answer" }, 5).pending).toEqual([
      "job sweep of users is tried again in 5 s, 3 attempts, no answer",
    ]);
  });
});
