import type { EnvironmentReader } from "./config.ts";
import { ConfigurationError } from "./errors.ts";
import { type PricingRules, type ShippingZone, STANDARD_CLASS, type TaxRates, ZERO_CLASS } from "./pricing.ts";

const MAX_BASIS_POINTS = 10_000;
const COUNTRY = /^(\*|[A-Z]{2})$/;
const TAX_CLASS = /^[a-z][a-z0-9-]{0,31}$/;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isAmount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const readJson = (read: EnvironmentReader, variable: string): unknown => {
  const text = read.raw(variable);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigurationError(variable, "is not JSON");
  }
};

/** `{"DE":{"standard":1900,"reduced":700},"*":{"standard":0}}` */
const readTaxRates = (read: EnvironmentReader): Record<string, TaxRates> | undefined => {
  const variable = "SHOP_TAX_RULES";
  const value = readJson(read, variable);
  if (value === undefined) return undefined;
  if (!isObject(value)) throw new ConfigurationError(variable, "is not an object of countries");
  for (const [country, rates] of Object.entries(value)) {
    if (!COUNTRY.test(country)) throw new ConfigurationError(variable, `"${country}" is neither a country's two letters nor *`);
    if (!isObject(rates)) throw new ConfigurationError(variable, `${country} is not an object of tax classes`);
    for (const [name, rate] of Object.entries(rates)) {
      if (!TAX_CLASS.test(name)) throw new ConfigurationError(variable, `"${name}" of ${country} is not a tax class`);
      if (!isAmount(rate) || rate > MAX_BASIS_POINTS)
        throw new ConfigurationError(variable, `${name} of ${country} is not a number of basis points, 0 to ${MAX_BASIS_POINTS}`);
    }
    if (rates[STANDARD_CLASS] === undefined) throw new ConfigurationError(variable, `${country} has no ${STANDARD_CLASS} rate`);
    if ((rates[ZERO_CLASS] ?? 0) !== 0) throw new ConfigurationError(variable, `${ZERO_CLASS} of ${country} must be 0`);
  }
  return value as Record<string, TaxRates>;
};

/** `[{"countries":["DE","AT"],"fees":[{"from":0,"fee":490},{"from":5000,"fee":0}]},{"countries":["*"],"fees":[…]}]` */
const readShippingZones = (read: EnvironmentReader): ShippingZone[] | undefined => {
  const variable = "SHOP_SHIPPING_RULES";
  const value = readJson(read, variable);
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) throw new ConfigurationError(variable, "is not a list of zones");
  const known = new Set<string>();
  for (const [index, zone] of value.entries()) {
    const name = `zone ${index + 1}`;
    if (!isObject(zone) || !Array.isArray(zone.countries) || !Array.isArray(zone.fees))
      throw new ConfigurationError(variable, `${name} has no countries or no fees`);
    for (const country of zone.countries as unknown[]) {
      if (typeof country !== "string" || !COUNTRY.test(country))
        throw new ConfigurationError(variable, `"${country}" in ${name} is neither a country's two letters nor *`);
      if (known.has(country)) throw new ConfigurationError(variable, `${country} is in two zones`);
      known.add(country);
    }
    let before = -1;
    for (const step of zone.fees as unknown[]) {
      if (!isObject(step) || !isAmount(step.from) || !isAmount(step.fee))
        throw new ConfigurationError(variable, `${name} has a fee that is not {from, fee} in minor units`);
      if (step.from <= before) throw new ConfigurationError(variable, `the fees of ${name} do not ascend`);
      before = step.from;
    }
    if ((zone.fees[0] as { from?: number } | undefined)?.from !== 0)
      throw new ConfigurationError(variable, `the first fee of ${name} is not from 0`);
  }
  return value as ShippingZone[];
};

const CURRENCIES = new Set(Intl.supportedValuesOf("currency"));

/** The shop's pricing, the same for every service that computes totals. */
export const readPricingRules = (read: EnvironmentReader): PricingRules => {
  const currency = read.text("SHOP_CURRENCY", "EUR");
  if (!CURRENCIES.has(currency)) throw new ConfigurationError("SHOP_CURRENCY", `"${currency}" is not an ISO 4217 code`);
  const country = read.raw("SHOP_COUNTRY");
  if (country !== undefined && !/^[A-Z]{2}$/.test(country))
    throw new ConfigurationError("SHOP_COUNTRY", `"${country}" is not a country's two letters`);
  const taxRates = readTaxRates(read);
  const shippingZones = readShippingZones(read);
  return Object.freeze({
    currency,
    shippingFee: read.integer("SHOP_SHIPPING_FEE", 490),
    freeShippingFrom: read.integer("SHOP_FREE_SHIPPING_FROM", 5_000),
    taxBasisPoints: read.integer("SHOP_TAX_BASIS_POINTS", 1_900, { max: MAX_BASIS_POINTS }),
    pricesIncludeTax: read.oneOf("SHOP_PRICES_INCLUDE_TAX", ["true", "false"], "false") === "true",
    ...(taxRates && { taxRates }),
    ...(shippingZones && { shippingZones }),
    ...(country !== undefined && { country }),
  });
};
