import type { Money } from "@molecart/mixins/lib/money.ts";

/** provider_receivable: what the provider has taken for us and owes us. order_revenue: what orders have brought in. bank: what
 *  the shop has paid back past the provider. */
export type Account = "provider_receivable" | "order_revenue" | "bank";

export type Booking = "capture" | "refund";

/** How money moves. A settlement is booked as the refund that it makes good. */
export type Movement = Booking | "settlement";

export interface LedgerEntry {
  account: Account;
  /** Minor units. One of the two is zero. */
  debit: number;
  credit: number;
  currency: string;
}

const accounts: Record<Movement, { debit: Account; credit: Account }> = {
  capture: { debit: "provider_receivable", credit: "order_revenue" },
  refund: { debit: "order_revenue", credit: "provider_receivable" },
  settlement: { debit: "order_revenue", credit: "bank" },
};

/** The entries of one movement of money: debits and credits are equal. */
export const entriesOf = (movement: Movement, { amount, currency }: Money): LedgerEntry[] => [
  { account: accounts[movement].debit, debit: amount, credit: 0, currency },
  { account: accounts[movement].credit, debit: 0, credit: amount, currency },
];
