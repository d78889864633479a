import type { Money } from "@molecart/mixins/lib/money.ts";

/** provider_receivable: what the provider has taken for us and owes us. order_revenue: what orders have brought in. */
export type Account = "provider_receivable" | "order_revenue";

export type Booking = "capture" | "refund";

export interface LedgerEntry {
  account: Account;
  /** Minor units. One of the two is zero. */
  debit: number;
  credit: number;
  currency: string;
}

const accounts: Record<Booking, { debit: Account; credit: Account }> = {
  capture: { debit: "provider_receivable", credit: "order_revenue" },
  refund: { debit: "order_revenue", credit: "provider_receivable" },
};

/** The entries of one movement of money: debits and credits are equal. */
export const entriesOf = (booking: Booking, { amount, currency }: Money): LedgerEntry[] => [
  { account: accounts[booking].debit, debit: amount, credit: 0, currency },
  { account: accounts[booking].credit, debit: 0, credit: amount, currency },
];
