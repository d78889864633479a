import { describe, expect, test } from "@jest/globals";
import { add, format, money, multiply, sum } from "@molecart/mixins/lib/money.ts";

describe("Money", () => {
  test("is whole minor units only", () => {
    expect(() => money(1.5, "EUR")).toThrow(/1\.5 is not a whole number of minor units/);
    expect(() => multiply(money(Number.MAX_SAFE_INTEGER, "EUR"), 2)).toThrow(RangeError);
  });
  test("of two currencies is never combined", () => {
    expect(() => add(money(1, "EUR"), money(1, "USD"))).toThrow(/EUR and USD/);
    expect(() => sum([money(1, "USD")], "EUR")).toThrow(/EUR and USD/);
  });
  test("is written with the digits of its currency", () => {
    expect([format(money(12_900, "EUR")), format(money(5, "EUR")), format(money(500, "JPY"))]).toEqual([
      "129.00 EUR",
      "0.05 EUR",
      "500 JPY",
    ]);
  });
});
