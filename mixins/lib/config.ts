import { resolve } from "node:path";
import { ConfigurationError } from "./errors.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads settings from an environment, each by its kind. A wrong value stops the start and names the variable. An empty
 *  value counts as absent, because compose files and manifests cannot leave a variable out. */
export const readEnvironment = (env: Environment) => {
  const raw = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);

  const text = (name: string, fallback: string): string => raw(name) ?? fallback;

  const required = (name: string, why: string): string => {
    const value = raw(name);
    if (value === undefined) throw new ConfigurationError(name, `must be set (${why})`);
    return value;
  };

  const integer = (name: string, fallback: number, { min = 0, max = Number.MAX_SAFE_INTEGER } = {}): number => {
    const value = raw(name);
    if (value === undefined) return fallback;
    const number = Number(value);
    if (!Number.isInteger(number) || number < min || number > max)
      throw new ConfigurationError(name, `"${value}" is not a whole number from ${min} to ${max}`);
    return number;
  };

  const oneOf = <const T extends string>(name: string, values: readonly T[], fallback: T): T => {
    const value = raw(name);
    if (value === undefined) return fallback;
    if (!values.includes(value as T)) throw new ConfigurationError(name, `"${value}" is none of ${values.join(", ")}`);
    return value as T;
  };

  const url = (name: string, protocols: readonly string[]): string | undefined => {
    const value = raw(name);
    if (value === undefined) return undefined;
    // Several servers may be given, comma-separated, as NATS and MongoDB take them; the first names the protocol.
    const protocol = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase();
    if (protocol === undefined || !protocols.includes(protocol))
      throw new ConfigurationError(name, `is not a URL of ${protocols.map((p) => `${p}://`).join(" or ")}`);
    return value;
  };

  /** Spread over NATS, or embedded in one process. */
  const embedded = raw("NATS_URL") === undefined;

  return {
    raw,
    text,
    required,
    integer,
    oneOf,
    url,
    embedded,
    dataDir: resolve(text("DATA_DIR", "./data")),
    host: text("HOST", embedded ? "127.0.0.1" : "0.0.0.0"),
  };
};
export type EnvironmentReader = ReturnType<typeof readEnvironment>;

/** What every service needs to know about where it runs. */
export const common = (read: EnvironmentReader) => ({
  embedded: read.embedded,
  dataDir: read.dataDir,
  host: read.host,
});

export const POSTGRES = ["postgres", "postgresql"] as const;
export const MONGO = ["mongodb", "mongodb+srv"] as const;
export const REDIS = ["redis", "rediss"] as const;
