import { describe, expect, test } from "@jest/globals";
import type { PaymentStatus } from "@molecart/mixins/contracts/payments.ts";
import fc from "fast-check";
import { entriesOf } from "../../../../services/payments/ledger.ts";
import {
  capRefund,
  chargeKey,
  hear,
  isGivenUp,
  mayStillArrive,
  type News,
  newPayment,
  nextRound,
  ownerOf,
  planRefund,
  planRetry,
  planSettlement,
  refundableOf,
  refundKey,
  type StoredPayment,
  type StoredRefund,
  toPayment,
  transitions,
  UNANSWERED,
} from "../../../../services/payments/payment.ts";

const AT = "2026-06-15T12:00:00.000Z";
const amount = { amount: 12_900, currency: "EUR" };
const customer = { id: "customer-1", email: "ada@example.com", name: "Ada" };
const card = { brand: "visa", last4: "4242" };

const news = {
  created: { type: "order.created", amount, customer, number: "M-1", paymentToken: "tok_1" },
  reserved: { type: "stock.reserved" },
  cancelled: { type: "order.cancelled", amount, customer, number: "M-1", reason: "changed_mind" },
  succeeded: { type: "charge.succeeded", chargeId: "ch_1", card },
  declined: { type: "charge.declined", code: "card_declined" },
  abandoned: { type: "charge.abandoned" },
  refunded: { type: "refund.succeeded", amount: amount.amount },
} as const satisfies Record<string, News>;
type Heard = keyof typeof news;

const having = (...heard: Heard[]) => {
  let payment = newPayment("payment-1", "order-1", AT);
  const entered: PaymentStatus[] = [];
  for (const name of heard) {
    const next = hear(payment, news[name]);
    payment = next.payment;
    entered.push(...next.entered);
  }
  return { payment, entered };
};
const path = (...heard: Heard[]) => having(...heard).entered;

describe("A payment", () => {
  test("is charged when both the order and its stock are heard of, in either order", () => {
    expect(path("created")).toEqual([]);
    expect(path("reserved")).toEqual([]);
    expect(path("created", "reserved")).toEqual(["charging"]);
    expect(path("reserved", "created")).toEqual(["charging"]);
  });

  test("ends with the provider's word", () => {
    expect(path("created", "reserved", "succeeded")).toEqual(["charging", "completed"]);
    expect(path("created", "reserved", "declined")).toEqual(["charging", "failed"]);
  });

  test("is void when the cancellation comes first, whatever comes later", () => {
    expect(path("cancelled", "created", "reserved")).toEqual(["voided"]);
    expect(path("created", "cancelled", "reserved")).toEqual(["voided"]);
    expect(path("reserved", "cancelled", "created")).toEqual(["voided"]);
  });

  test("is refunded when the cancellation comes after the charge", () => {
    expect(path("created", "reserved", "succeeded", "cancelled", "refunded")).toEqual([
      "charging",
      "completed",
      "refunding",
      "refunded",
    ]);
  });

  test("is refunded at once when the cancellation came while it was charged", () => {
    expect(path("created", "reserved", "cancelled")).toEqual(["charging"]);
    expect(path("created", "reserved", "cancelled", "succeeded")).toEqual(["charging", "completed", "refunding"]);
    expect(path("created", "reserved", "cancelled", "declined")).toEqual(["charging", "failed"]);
  });

  test("that was given up is booked and refunded when the charge comes to light", () => {
    expect(path("created", "reserved", "cancelled", "abandoned")).toEqual(["charging", "voided"]);
    expect(path("created", "reserved", "cancelled", "abandoned", "succeeded")).toEqual([
      "charging",
      "voided",
      "completed",
      "refunding",
    ]);
  });

  test("keeps the provider's first word", () => {
    expect(path("created", "reserved", "declined", "succeeded")).toEqual(["charging", "failed"]);
    expect(having("created", "reserved", "succeeded", "declined").payment.charge?.is).toBe("succeeded");
  });

  test("forgets the token when it is of no use any more", () => {
    expect(having("created", "reserved").payment.paymentToken).toBe("tok_1");
    expect(having("created", "reserved", "succeeded").payment.paymentToken).toBeNull();
    expect(having("created", "reserved", "declined").payment.paymentToken).toBeNull();
    expect(having("cancelled", "created").payment.paymentToken).toBeNull();
  });

  test("knows whose it is also when it hears of the cancellation only", () => {
    expect(having("cancelled").payment).toMatchObject({ customer, amount, cancelReason: "changed_mind" });
  });

  test("can reach every status of the contract", () => {
    const reachable = new Set(Object.values(transitions).flatMap((list) => list.map(({ to }) => to)));
    expect(new Set([...reachable, "awaiting"])).toEqual(new Set(Object.keys(transitions)));
  });

  test("shows its card, its refund and why it failed, and never the token", () => {
    expect(toPayment(having("created", "reserved", "succeeded", "cancelled", "refunded").payment, [])).toEqual({
      id: "payment-1",
      orderId: "order-1",
      status: "refunded",
      amount,
      refunded: amount,
      refunds: [],
      card,
      failureCode: null,
      createdAt: AT,
      updatedAt: AT,
    });
    expect(toPayment(having("created", "reserved", "declined").payment, [])).toMatchObject({
      failureCode: "card_declined",
      card: null,
    });
  });
});

describe("A refund", () => {
  const charged = having("created", "reserved", "succeeded").payment;
  const eur = (cents: number) => ({ amount: cents, currency: "EUR" });
  const promised = (cents: number, payment = charged) => hear(payment, { type: "refund.promised", amount: cents });

  test("of a part leaves the payment completed; of the last part it is refunding, then refunded", () => {
    const part = promised(900);
    expect(part.entered).toEqual([]);
    const rest = promised(12_000, part.payment);
    expect(rest.entered).toEqual(["refunding"]);
    const one = hear(rest.payment, { type: "refund.succeeded", amount: 900 });
    expect(one.entered).toEqual([]);
    const other = hear(one.payment, { type: "refund.succeeded", amount: 12_000 });
    expect(other.entered).toEqual(["refunded"]);
    expect(other.payment.balance).toEqual({ captured: 12_900, refunding: 0, refunded: 12_900 });
  });

  test("without an amount is of all that is left", () => {
    expect(planRefund(charged, undefined)).toEqual(amount);
    expect(planRefund(promised(900).payment, undefined)).toEqual(eur(12_000));
  });

  test.each([
    ["a cent more than is left", eur(12_001)],
    ["nothing", eur(0)],
    ["less than nothing", eur(-1)],
    ["another currency", { amount: 1, currency: "USD" }],
  ])("of %s is refused with the values", (_, wish) => {
    const refused = expect.objectContaining({ type: "REFUND_TOO_LARGE", data: { requested: wish, refundable: eur(12_000) } });
    expect(() => planRefund(promised(900).payment, wish)).toThrow(refused as never);
  });

  test.each<Heard[][]>([[["created"]], [["created", "reserved"]], [["created", "reserved", "declined"]], [["cancelled"]]])(
    "of a payment that was not captured is refused (%j)",
    (heard) => {
      const { payment } = having(...heard);
      const refused = expect.objectContaining({ type: "NOT_REFUNDABLE", data: { status: payment.status } });
      expect(() => planRefund(payment, eur(1))).toThrow(refused as never);
    },
  );

  test("of everything cannot be repeated", () => {
    expect(() => planRefund(promised(12_900).payment, undefined)).toThrow(/nothing of it can be refunded/);
  });

  test("by a cancellation is of what no refund before it has taken", () => {
    const { refund, entered, payment } = hear(promised(900).payment, news.cancelled);
    expect(refund).toEqual({ cause: "cancellation", causeId: "", amount: eur(12_000), reason: "changed_mind" });
    expect(entered).toEqual(["refunding"]);
    expect(hear(payment, news.cancelled).refund).toBeUndefined();
  });

  test("of a return is capped by what is left", () => {
    expect(capRefund(promised(12_000).payment, eur(1_000))).toEqual(eur(900));
    expect(capRefund(promised(12_900).payment, eur(1_000))).toEqual(eur(0));
    expect(capRefund(charged, eur(1_000))).toEqual(eur(1_000));
  });
});

describe("An idempotency key", () => {
  test("leads back to its payment, and refunds under another than it charges", () => {
    expect(ownerOf(chargeKey("payment-1"))).toEqual({ paymentId: "payment-1", refundId: undefined });
    for (const keyRound of [0, 1, 12])
      expect(ownerOf(refundKey({ id: "refund-1", paymentId: "payment-1", keyRound }))).toEqual({
        paymentId: "payment-1",
        refundId: "refund-1",
      });
  });
});

describe("A refund that is tried again", () => {
  const refund = { status: "refused", round: 0, keyRound: 0, triedSince: "t0" } as StoredRefund;

  test("has another key where the provider has refused it, and the same where it may have been taken", () => {
    expect(nextRound({ ...refund, refusalCode: "card_closed" }, "t1")).toMatchObject({
      status: "pending",
      round: 1,
      keyRound: 1,
      triedSince: "t1",
    });
    const unanswered = nextRound({ ...refund, refusalCode: UNANSWERED }, "t1");
    expect(unanswered).toMatchObject({ round: 1, keyRound: 0 });
    expect(nextRound({ ...unanswered, refusalCode: "card_closed" }, "t2")).toMatchObject({ round: 2, keyRound: 2 });
  });

  test("is given up after many tries over a long time, not after one of them", () => {
    expect([isGivenUp(10, 1_000, 1_000), isGivenUp(9, 1_000, 1_000), isGivenUp(500, 999, 1_000)]).toEqual([true, false, false]);
  });

  test.each(["succeeded", "settled"] as const)("is not one that is %s", (status) => {
    expect(() => planRetry({ id: "r", status })).toThrow(expect.objectContaining({ type: "REFUND_NOT_REFUSED" }));
    const settled = { ...refund, id: "r", status, method: "cash", reference: "1" } as StoredRefund;
    expect(() => planSettlement(settled, { method: "cash", reference: "2" })).toThrow(
      expect.objectContaining({ type: "REFUND_NOT_REFUSED" }),
    );
  });
});

describe("A charge that was sent", () => {
  test("may arrive for a minute, and never when none was sent", () => {
    expect(mayStillArrive(AT, Date.parse(AT) + 59_999)).toBe(true);
    expect(mayStillArrive(AT, Date.parse(AT) + 60_000)).toBe(false);
    expect(mayStillArrive(null, Date.parse(AT))).toBe(false);
  });
});

/** The world around a payment: the provider's books and the jobs, run step by step as chance has it. */
class World {
  readonly #declines: boolean;
  payment: StoredPayment = newPayment("payment-1", "order-1", AT);
  /** Of the provider, by idempotency key. */
  readonly charges = new Map<string, News>();
  readonly refunds = new Map<string, number>();
  /** Ours, by id; the provider's word on each is heard once. */
  readonly promised = new Map<string, Pick<StoredRefund, "id" | "paymentId" | "status"> & { amount: number }>();
  chargesMade = 0;
  ledger = 0;
  jobs = new Set<string>();
  events: string[] = [];

  constructor(declines: boolean) {
    this.#declines = declines;
  }

  hear(heard: News): void {
    const { payment, entered, refund } = hear(this.payment, heard);
    this.payment = payment;
    for (const status of entered) {
      if (status === "charging") this.jobs.add("charge");
      if (status === "completed") this.#book("capture", amount.amount);
      this.events.push(status);
    }
    if (refund !== undefined) this.#promise(refund.amount.amount);
  }

  #promise(cents: number): void {
    const id = `refund-${this.promised.size + 1}`;
    this.promised.set(id, { id, paymentId: this.payment.id, status: "pending", amount: cents });
    this.jobs.add(id);
  }

  /** Staff's wish; what is refused has no effect. */
  refundPart(cents: number): void {
    try {
      const wanted = planRefund(this.payment, { amount: cents, currency: "EUR" });
      this.hear({ type: "refund.promised", amount: wanted.amount });
      this.#promise(wanted.amount);
    } catch (error) {
      if (!["NOT_REFUNDABLE", "REFUND_TOO_LARGE"].includes((error as { type: string }).type)) throw error;
    }
  }

  #settle(id: string): void {
    const refund = this.promised.get(id);
    this.jobs.delete(id);
    if (refund?.status !== "pending") return;
    refund.status = "succeeded";
    this.hear({ type: "refund.succeeded", amount: refund.amount });
    this.#book("refund", refund.amount);
  }

  #book(kind: "capture" | "refund", cents: number): void {
    const receivable = entriesOf(kind, { amount: cents, currency: "EUR" }).filter(
      ({ account }) => account === "provider_receivable",
    );
    for (const { debit, credit } of receivable) this.ledger += debit - credit;
  }

  /** As the job does it: asks first once a charge was sent. `answered` false: the provider does it and the answer is lost. */
  runCharge(answered: boolean): void {
    if (!this.jobs.has("charge")) return;
    if (this.payment.status !== "charging") {
      this.jobs.delete("charge");
      return;
    }
    const known = this.charges.get(chargeKey(this.payment.id));
    let outcome: News;
    if (this.payment.chargeSentAt !== null && known !== undefined) outcome = known;
    else if (this.payment.cancelRequested) outcome = news.abandoned;
    else {
      this.payment = { ...this.payment, chargeSentAt: AT };
      outcome = known ?? (this.#declines ? news.declined : news.succeeded);
      if (known === undefined && outcome.type === "charge.succeeded") this.chargesMade += 1;
      this.charges.set(chargeKey(this.payment.id), outcome);
      if (!answered) return;
    }
    this.jobs.delete("charge");
    this.hear(outcome);
  }

  runRefunds(answered: boolean): void {
    for (const { id, paymentId, amount: cents } of this.promised.values()) {
      if (!this.jobs.has(id)) continue;
      this.refunds.set(refundKey({ id, paymentId, keyRound: 0 }), cents);
      if (answered) this.#settle(id);
    }
  }

  /** The provider tells by itself what it has done, as often as it likes. */
  webhook(): void {
    const known = this.charges.get(chargeKey(this.payment.id));
    if (known !== undefined) {
      this.jobs.delete("charge");
      this.hear(known);
    }
    for (const key of this.refunds.keys()) this.#settle(ownerOf(key).refundId as string);
  }

  step(name: Step): void {
    switch (name) {
      case "charge":
      case "charge, no answer":
        this.runCharge(name === "charge");
        break;
      case "refund":
      case "refund, no answer":
        this.runRefunds(name === "refund");
        break;
      case "refund a third":
        this.refundPart(4_300);
        break;
      case "webhook":
        this.webhook();
        break;
      default:
        this.hear(news[name]);
    }
  }
}

const STEPS = [
  "created",
  "reserved",
  "cancelled",
  "charge",
  "charge, no answer",
  "refund",
  "refund, no answer",
  "refund a third",
  "webhook",
] as const;
type Step = (typeof STEPS)[number];

test("Whatever happens in whatever order and however often, the books are right and nobody is charged twice", () => {
  const story = fc.record({
    steps: fc.array(fc.constantFrom(...STEPS), { maxLength: 30 }),
    declines: fc.boolean(),
    cancelled: fc.boolean(),
  });
  fc.assert(
    fc.property(story, ({ steps, declines, cancelled }) => {
      const world = new World(declines);
      for (const step of steps) if (cancelled || step !== "cancelled") world.step(step);
      // Every event arrives in the end, and every job is retried until it is done.
      for (const step of ["created", "reserved", ...(cancelled ? (["cancelled"] as const) : [])] as const) world.step(step);
      for (let round = 0; round < 3; round++) {
        world.step("charge");
        world.step("refund");
      }

      const { payment, ledger, charges, refunds, chargesMade, jobs, events } = world;
      const charged = [...charges.values()].some(({ type }) => type === "charge.succeeded");
      expect(jobs.size).toBe(0);
      expect(chargesMade).toBeLessThanOrEqual(1);
      expect(events.length).toBe(new Set(events).size);
      // What the customer has paid is what the books say, and what is owed.
      const back = [...refunds.values()].reduce((sum, cents) => sum + cents, 0);
      expect(ledger).toBe((charged ? amount.amount : 0) - back);
      expect(ledger).toBe(cancelled || declines ? 0 : amount.amount - back);
      expect(back).toBeLessThanOrEqual(charged ? amount.amount : 0);
      expect(payment.balance.captured - payment.balance.refunded).toBe(ledger);
      expect(refundableOf(payment.balance)).toBe(ledger);
      if (cancelled) expect(["voided", "failed", "refunded"]).toContain(payment.status);
      else expect(payment.status).toBe(declines ? "failed" : back === amount.amount ? "refunded" : "completed");
    }),
    { numRuns: 2_000 },
  );
});
