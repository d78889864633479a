import type { OrderStatus } from "../shop-api.ts";

/** A customer's card, and what the shop must make of it. The numbers are the sandbox provider's. */
export interface Scenario {
  name: string;
  card: string;
  ends: "confirmed" | "cancelled";
  /** How often it is played, in relation to the others. */
  weight: number;
}

export const scenarios: readonly Scenario[] = [
  { name: "card accepted", card: "4242424242424242", ends: "confirmed", weight: 5 },
  { name: "card declined", card: "4000000000000002", ends: "cancelled", weight: 1 },
  { name: "insufficient funds", card: "4000000000009995", ends: "cancelled", weight: 1 },
  { name: "provider answers late", card: "4000000000000119", ends: "confirmed", weight: 1 },
  { name: "provider charges, then never answers", card: "4000000000000341", ends: "confirmed", weight: 1 },
];

const deck = scenarios.flatMap((scenario) => Array.from({ length: scenario.weight }, () => scenario));

/** Deals the scenarios by their weights, in turn: every run plays them all. */
export const scenarioOf = (index: number): Scenario => deck[(index * 4) % deck.length] as Scenario;

/** Nothing more will happen to the order by itself. */
export const isFinal = (status: OrderStatus): boolean => !["pending", "reserved", "paid"].includes(status);

/** Whether the order ended as its card says; the last units may have been sold to another customer. */
export const endedRight = (scenario: Scenario, status: OrderStatus, reason: string | undefined): boolean =>
  scenario.ends === "confirmed"
    ? ["confirmed", "shipped", "delivered"].includes(status) || (status === "cancelled" && reason === "out_of_stock")
    : status === "cancelled";
