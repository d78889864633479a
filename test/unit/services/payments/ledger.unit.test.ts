import { expect, test } from "@jest/globals";
import { entriesOf } from "../../../../services/payments/ledger.ts";

const amount = { amount: 12_900, currency: "EUR" };

test("A capture makes the provider owe us what the order has brought in", () => {
  expect(entriesOf("capture", amount)).toEqual([
    { account: "provider_receivable", debit: 12_900, credit: 0, currency: "EUR" },
    { account: "order_revenue", debit: 0, credit: 12_900, currency: "EUR" },
  ]);
});

test("A refund takes back on each account what the capture has put there", () => {
  const balances = new Map<string, number>();
  for (const { account, debit, credit } of [...entriesOf("capture", amount), ...entriesOf("refund", amount)]) {
    balances.set(account, (balances.get(account) ?? 0) + debit - credit);
  }
  expect([...balances.values()]).toEqual([0, 0]);
});
