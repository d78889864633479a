import { expect, test } from "@jest/globals";
import { inventoryConfig } from "../../../../services/inventory/inventory.config.ts";

test("units are held for a quarter of an hour unless the environment says otherwise", () => {
  expect(inventoryConfig({}).reservationMs).toBe(900_000);
  expect(inventoryConfig({ INVENTORY_RESERVATION_SECONDS: "60" }).reservationMs).toBe(60_000);
});

test.each(["0", "1.5", "soon", "86401"])("a reservation of %s seconds stops the start by name", (value) => {
  expect(() => inventoryConfig({ INVENTORY_RESERVATION_SECONDS: value })).toThrow("INVENTORY_RESERVATION_SECONDS");
});
