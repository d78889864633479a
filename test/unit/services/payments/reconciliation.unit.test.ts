import { describe, expect, test } from "@jest/globals";
import type { PaymentStatus } from "@molecart/mixins/contracts/payments.ts";
import { type ChargeResult, newPayment, type StoredPayment } from "../../../../services/payments/payment.ts";
import type { ChargeOutcome } from "../../../../services/payments/provider.ts";
import { compare, isStuck, STUCK_MS } from "../../../../services/payments/reconciliation.ts";

const AT = "2026-06-15T12:00:00.000Z";
const card = { brand: "visa", last4: "4242" };
const succeeded: ChargeOutcome = { status: "succeeded", chargeId: "ch_1", card };
const declined: ChargeOutcome = { status: "declined", code: "card_declined" };
const pending: ChargeOutcome = { status: "pending" };
const booked: ChargeResult = { is: "succeeded", chargeId: "ch_1", card };

const payment = (status: PaymentStatus, charge: ChargeResult | null = null): StoredPayment => ({
  ...newPayment("payment-1", "order-1", AT),
  status,
  charge,
});

describe("The comparison with the provider", () => {
  test.each<[PaymentStatus]>([["completed"], ["refunding"], ["refunded"]])(
    "agrees on a %s payment that was charged",
    (status) => {
      expect(compare(payment(status, booked), succeeded)).toBe("agree");
    },
  );

  test.each([
    ["does not know", undefined],
    ["has declined", declined],
    ["has not decided on", pending],
    ["has charged under another id", { ...succeeded, chargeId: "ch_2" } as ChargeOutcome],
  ])("finds a payment that is booked and that the provider %s", (_, outcome) => {
    expect(compare(payment("completed", booked), outcome)).toMatchObject({ finding: "charge_unknown" });
  });

  test("finds a charge that was declined here and made there", () => {
    const failed = payment("failed", { is: "declined", code: "card_declined" });
    expect(compare(failed, succeeded)).toMatchObject({ finding: "charge_after_failure" });
    expect(compare(failed, declined)).toBe("agree");
    expect(compare(failed, undefined)).toBe("agree");
  });

  test("takes over a charge that was given up here and made there", () => {
    const voided = payment("voided", { is: "none" });
    expect(compare(voided, succeeded)).toBe("take over");
    expect(compare(voided, pending)).toBe("wait");
    expect(compare(voided, undefined)).toBe("agree");
  });

  test("pushes on a charge that is under way", () => {
    expect(compare(payment("charging"), undefined)).toBe("push on");
    expect(compare(payment("charging"), succeeded)).toBe("push on");
  });

  test("calls stuck what has taken ten minutes", () => {
    expect(isStuck(AT, Date.parse(AT) + STUCK_MS - 1)).toBe(false);
    expect(isStuck(AT, Date.parse(AT) + STUCK_MS)).toBe(true);
  });
});
