import type { Shortage, Stock } from "@molecart/mixins/contracts/inventory.ts";
import { StockBelowReserved } from "./stock.errors.ts";

export interface Line {
  sku: string;
  quantity: number;
}

/** What is added to a SKU's figures, per unit or in all. */
export interface StockChange {
  onHand: number;
  reserved: number;
  sold: number;
}

/** received: the first stock of a SKU. counted: a stock-take's difference. sold: units that left with an order, or came back
 *  because it was cancelled after all. returned: units that a customer has sent back, put in again. */
export type MovementKind = "received" | "counted" | "sold" | "returned";

export interface Movement {
  sku: string;
  kind: MovementKind;
  /** The change of what is on hand: -2 when two units are sold. */
  quantity: number;
  orderId: string | null;
}

/** The SKUs that were sold out and are in stock now, or the other way round. Of a SKU that was not known there was nothing. */
export const turnsOf = (before: readonly Stock[], after: readonly Stock[]): Stock[] => {
  const availableBefore = new Map(before.map(({ sku, available }) => [sku, available]));
  return after.filter(({ sku, available }) => available > 0 !== (availableBefore.get(sku) ?? 0) > 0);
};

/** The order in which every transaction locks its SKUs, so that two of them never wait for each other. */
export const inLockOrder = (skus: Iterable<string>): string[] => [...new Set(skus)].sort();

/** One line per SKU, in lock order: two lines of one SKU are one demand on its stock. */
export const demandOf = (lines: readonly Line[]): Line[] => {
  const demand = new Map<string, number>();
  for (const { sku, quantity } of lines) demand.set(sku, (demand.get(sku) ?? 0) + quantity);
  return inLockOrder(demand.keys()).map((sku) => ({ sku, quantity: demand.get(sku) as number }));
};

/** What is missing of a demand; empty when all of it can be reserved. Of an unknown SKU there is nothing. */
export const shortagesOf = (demand: readonly Line[], stock: readonly Stock[]): Shortage[] => {
  const availableOf = new Map(stock.map(({ sku, available }) => [sku, available]));
  return demand
    .map(({ sku, quantity }) => ({ sku, requested: quantity, available: availableOf.get(sku) ?? 0 }))
    .filter(({ requested, available }) => requested > available);
};

/** The difference that a stock-take has found. What is promised to orders cannot be counted away. */
export const countedDifference = ({ sku, onHand, reserved }: Stock, counted: number): number => {
  if (counted < reserved) throw new StockBelowReserved(sku, counted, reserved);
  return counted - onHand;
};
