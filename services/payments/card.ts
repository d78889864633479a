import type { NewToken } from "@molecart/mixins/contracts/payments.ts";

export interface FieldProblem {
  path: string;
  message: string;
}

interface Brand {
  brand: string;
  prefix: RegExp;
  lengths: readonly number[];
  cvcLength: number;
}

/** The issuers' number ranges and lengths (ISO/IEC 7812). */
const brands: readonly Brand[] = [
  { brand: "visa", prefix: /^4/, lengths: [13, 16, 19], cvcLength: 3 },
  { brand: "mastercard", prefix: /^(5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/, lengths: [16], cvcLength: 3 },
  { brand: "amex", prefix: /^3[47]/, lengths: [15], cvcLength: 4 },
  { brand: "discover", prefix: /^(6011|64[4-9]|65)/, lengths: [16, 17, 18, 19], cvcLength: 3 },
];
const other: Brand = { brand: "unknown", prefix: /^/, lengths: [12, 13, 14, 15, 16, 17, 18, 19], cvcLength: 3 };

const rulesOf = (digits: string): Brand => brands.find(({ prefix }) => prefix.test(digits)) ?? other;

/** People type a number in groups. */
export const digitsOf = (number: string): string => number.replaceAll(/[ -]/g, "");

export const brandOf = (digits: string): string => rulesOf(digits).brand;

/** The check digit of ISO/IEC 7812-1: catches every single wrong digit and most swapped neighbours. */
export const passesLuhn = (digits: string): boolean => {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return digits !== "" && sum % 10 === 0;
};

/** A card is good until the last day of its month ends, UTC. */
export const isExpired = ({ expMonth, expYear }: Pick<NewToken, "expMonth" | "expYear">, nowMs: number): boolean =>
  nowMs >= Date.UTC(expYear, expMonth, 1);

/** What is wrong with a card as it was typed in; never says the number or the code. */
export const problemsOf = ({ number, expMonth, expYear, cvc }: NewToken, nowMs: number): FieldProblem[] => {
  const digits = digitsOf(number);
  const { lengths, cvcLength } = rulesOf(digits);
  const problems: FieldProblem[] = [];
  if (!lengths.includes(digits.length) || !passesLuhn(digits)) problems.push({ path: "number", message: "is not a card number" });
  if (isExpired({ expMonth, expYear }, nowMs))
    problems.push({ path: nowMs >= Date.UTC(expYear + 1, 0, 1) ? "expYear" : "expMonth", message: "is in the past" });
  if (cvc.length !== cvcLength) problems.push({ path: "cvc", message: `must have ${cvcLength} digits for this card` });
  return problems;
};
