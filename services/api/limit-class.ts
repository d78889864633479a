import type { EnvironmentReader } from "@molecart/mixins/lib/config.ts";
import { ConfigurationError } from "@molecart/mixins/lib/errors.ts";

/** What is limited together. `none`: probes and keys, which everybody needs most when much is wrong. */
export const limitClasses = ["credentials", "order", "write", "search", "read"] as const;
export type CountedClass = (typeof limitClasses)[number];
export type LimitClass = CountedClass | "none";

/** Requests per minute of one address, of one signed-in user, and of one API key. */
export interface Quotas {
  readonly address: number;
  readonly user: number;
  readonly key: number;
}
export type LimitedBy = keyof Quotas;

export const LIMIT_WINDOW_MS = 60_000;

/** Behind one address there may be an office; a user is one person. Whoever tries passwords or cards gets few tries. */
const defaults: Record<CountedClass, Quotas> = {
  credentials: { address: 20, user: 20, key: 20 },
  order: { address: 120, user: 30, key: 300 },
  write: { address: 600, user: 300, key: 600 },
  search: { address: 1_200, user: 600, key: 1_200 },
  read: { address: 6_000, user: 1_200, key: 3_000 },
};

/** The classes whose requests ask nobody before they are answered: their counts are brought together in the background. The
 *  others are few, cost much, and are counted exactly. */
export const countedLater: ReadonlySet<CountedClass> = new Set(["read", "search"]);

/** The most bytes of a request's body, by class. A password has 200 characters, a product 30 kB of text. */
export const bodyLimitBytes = (limit: LimitClass): number => (limit === "credentials" ? 10 * 1024 : 100 * 1024);

export const MAX_BODY_BYTES = bodyLimitBytes("write");

const variableOf = (name: CountedClass): string => `API_LIMIT_${name.toUpperCase()}`;

const readQuotas = (read: EnvironmentReader, name: CountedClass): Quotas => {
  const variable = variableOf(name);
  const value = read.raw(variable);
  if (value === undefined) return defaults[name];
  const numbers = value.split("/").map((text) => Number(text.trim() === "" ? Number.NaN : text));
  const [address, user = address, key = user] = numbers;
  const isCount = (count: number | undefined) => Number.isInteger(count) && (count as number) >= 1 && (count as number) <= 1e9;
  if (numbers.length > 3 || ![address, user, key].every(isCount))
    throw new ConfigurationError(variable, `"${value}" is not requests per minute as address/user/key, such as 600/300/600`);
  return { address, user, key } as Quotas;
};

/** The quotas of each class, from the environment. Throws ConfigurationError by the variable's name. */
export const readLimits = (read: EnvironmentReader): Readonly<Record<CountedClass, Quotas>> =>
  Object.fromEntries(limitClasses.map((name) => [name, Object.freeze(readQuotas(read, name))])) as Record<CountedClass, Quotas>;
