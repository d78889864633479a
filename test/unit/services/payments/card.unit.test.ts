import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { brandOf, digitsOf, isExpired, passesLuhn, problemsOf } from "../../../../services/payments/card.ts";
import { behaviourOf, declineCodeOf } from "../../../../services/payments/sandbox-cards.ts";

const NOW = Date.parse("2026-06-15T12:00:00.000Z");
const card = { number: "4242 4242 4242 4242", expMonth: 6, expYear: 2026, cvc: "123" };
const pathsOf = (changes: Partial<typeof card>) => problemsOf({ ...card, ...changes }, NOW).map(({ path }) => path);

/** The digit that makes the whole pass, by trying. */
const withCheckDigit = (digits: string): string => {
  const passing = [..."0123456789"].filter((digit) => passesLuhn(digits + digit));
  expect(passing).toHaveLength(1);
  return digits + passing[0];
};

describe("The number of a card", () => {
  test("may be typed in groups", () => {
    expect(digitsOf("4242 4242-4242 4242")).toBe("4242424242424242");
  });

  test("has a check digit, and one only passes", () => {
    for (const number of ["4242424242424242", "378282246310005", "6011111111111117"]) expect(passesLuhn(number)).toBe(true);
    expect(passesLuhn("")).toBe(false);
  });

  test("with one wrong digit never passes", () => {
    const digits = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 11, maxLength: 18 }).map((list) => list.join(""));
    fc.assert(
      fc.property(digits, fc.nat(), fc.integer({ min: 1, max: 9 }), (start, at, by) => {
        const good = withCheckDigit(start);
        const place = at % good.length;
        const wrong = (Number(good[place]) + by) % 10;
        expect(passesLuhn(good.slice(0, place) + wrong + good.slice(place + 1))).toBe(false);
      }),
    );
  });

  test.each([
    ["4000000000000002", "visa"],
    ["5555555555554444", "mastercard"],
    ["2221000000000009", "mastercard"],
    ["2720990000000007", "mastercard"],
    ["2721000000000004", "unknown"],
    ["378282246310005", "amex"],
    ["6011111111111117", "discover"],
    ["9999999999999995", "unknown"],
  ])("%s is of the brand %s", (number, brand) => {
    expect(brandOf(number)).toBe(brand);
  });
});

describe("A card", () => {
  test("is good until its month ends", () => {
    expect(isExpired({ expMonth: 12, expYear: 2026 }, Date.parse("2026-12-31T23:59:59.999Z"))).toBe(false);
    expect(isExpired({ expMonth: 12, expYear: 2026 }, Date.parse("2027-01-01T00:00:00.000Z"))).toBe(true);
    expect(isExpired({ expMonth: 5, expYear: 2026 }, NOW)).toBe(true);
  });

  test("without a fault has no problems", () => {
    expect(pathsOf({})).toEqual([]);
    expect(pathsOf({ number: "378282246310005", cvc: "1234" })).toEqual([]);
  });

  test.each([
    ["a wrong check digit", { number: "4242424242424241" }, ["number"]],
    ["a length that its brand does not have", { number: "42424242424242" }, ["number"]],
    ["a month that is over", { expMonth: 5 }, ["expMonth"]],
    ["a year that is over", { expYear: 2025, expMonth: 12 }, ["expYear"]],
    ["four digits of code where three belong", { cvc: "1234" }, ["cvc"]],
    ["three digits of code where four belong", { number: "378282246310005" }, ["cvc"]],
    ["everything wrong", { number: "4242424242424241", expYear: 2020, cvc: "1234" }, ["number", "expYear", "cvc"]],
  ])("with %s is told which field it is", (_, changes, paths) => {
    expect(pathsOf(changes)).toEqual(paths);
  });

  test("is never repeated in what is said of it", () => {
    const said = JSON.stringify(problemsOf({ ...card, number: "4242424242424241", cvc: "9876" }, NOW));
    expect(said).not.toMatch(/4242|9876/);
  });
});

describe("The sandbox's cards", () => {
  test("are valid cards", () => {
    const numbers = [
      "4242424242424242",
      "5555555555554444",
      "4000000000000002",
      "4000000000009995",
      "4000000000000119",
      "4000000000000341",
    ];
    for (const number of numbers) {
      expect(behaviourOf(number)).toBeDefined();
      expect(pathsOf({ number })).toEqual([]);
    }
    expect(behaviourOf("4000056655665556")).toBeUndefined();
  });

  test("are declined by their behaviour alone", () => {
    expect(declineCodeOf("insufficient_funds")).toBe("insufficient_funds");
    expect(declineCodeOf("card_declined")).toBe("card_declined");
    expect(declineCodeOf("times_out_after_charging")).toBeNull();
  });
});
