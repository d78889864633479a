/** An amount in minor units (cents) of one ISO 4217 currency. Safe integers only: 9e15 cents are more than any shop owns. */
export interface Money {
  amount: number;
  currency: string;
}

export const money = (amount: number, currency: string): Money => {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`money: ${amount} is not a whole number of minor units`);
  return { amount, currency };
};

export const zero = (currency: string): Money => money(0, currency);

const sameCurrency = (a: Money, b: Money): void => {
  if (a.currency !== b.currency) throw new RangeError(`money: ${a.currency} and ${b.currency} cannot be combined`);
};

export const add = (a: Money, b: Money): Money => {
  sameCurrency(a, b);
  return money(a.amount + b.amount, a.currency);
};

export const subtract = (a: Money, b: Money): Money => {
  sameCurrency(a, b);
  return money(a.amount - b.amount, a.currency);
};

export const multiply = (a: Money, quantity: number): Money => money(a.amount * quantity, a.currency);

export const sum = (amounts: readonly Money[], currency: string): Money => amounts.reduce(add, zero(currency));

export const equals = (a: Money, b: Money): boolean => a.amount === b.amount && a.currency === b.currency;

/** "129.00 EUR": for people, never for computing. Knows that some currencies have no minor unit. */
export const format = ({ amount, currency }: Money): string => {
  const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;
  return `${(amount / 10 ** digits).toFixed(digits)} ${currency}`;
};
