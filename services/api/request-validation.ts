import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import addFormats from "ajv-formats";
import { type TSchema, Type } from "typebox";
import { type InvalidField, ValidationFailed } from "./api.errors.ts";
import { pathSchemas, type Route } from "./route.ts";

/** Strict towards clients: what a schema does not name is refused, not left out, so that a misspelt field is noticed. */
const validator = (options: { coerceTypes: boolean | "array" }): Ajv => {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: true, strictTypes: false, ...options });
  (addFormats as unknown as (ajv: Ajv) => void)(ajv);
  return ajv;
};

/** An answer is for people: nobody reads the thousandth mistake. */
const MAX_FIELDS = 20;

const plain: Record<string, string> = { required: "is required", additionalProperties: "is not known" };

const toField = ({ keyword, instancePath, params, message }: ErrorObject): InvalidField => {
  const { missingProperty, additionalProperty, allowedValues } = params as {
    missingProperty?: string;
    additionalProperty?: string;
    allowedValues?: unknown[];
  };
  const property = missingProperty ?? additionalProperty;
  const path = instancePath
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  const text =
    allowedValues === undefined ? (plain[keyword] ?? message ?? "is not valid") : `must be one of ${allowedValues.join(", ")}`;
  return { path: [...path, ...(property === undefined ? [] : [property])].join("."), message: text };
};

/** PostgreSQL keeps neither NUL nor half of a surrogate pair, in text or in JSON, so no schema means to allow them. Found in
 *  what a client sends anywhere, under whatever name. */
const unstorable = (value: unknown, path: readonly string[] = []): InvalidField[] => {
  if (typeof value === "string") return isStorable(value) ? [] : [{ path: path.join("."), message: UNSTORABLE }];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, one]) =>
    isStorable(key)
      ? unstorable(one, [...path, key])
      : [{ path: path.join("."), message: `has a field whose name ${UNSTORABLE}` }],
  );
};
const isStorable = (text: string): boolean => !text.includes("\0") && text.isWellFormed();
const UNSTORABLE = "must not contain the character U+0000 or an unpaired surrogate";

/** Validates values in place: fills in defaults, and throws ValidationFailed. */
export type Check = (value: unknown) => void;

const checkOf = (ajv: Ajv, schema: TSchema): Check => {
  // Compiled at the first use: all at once would be a tenth of a second at every start.
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= ajv.compile(schema);
    if (!validate(value)) throw new ValidationFailed((validate.errors ?? []).slice(0, MAX_FIELDS).map(toField));
    // After the schema, which bounds how deep this goes.
    const fields = unstorable(value);
    if (fields.length > 0) throw new ValidationFailed(fields.slice(0, MAX_FIELDS));
  };
};

const nothing = Type.Object({}, { additionalProperties: false });

export interface RouteChecks {
  path: Check;
  query: Check;
  body: Check;
}

/** Queries are text and are read as what the schema says; bodies are JSON and must say it themselves. */
export const routeChecks = (routes: readonly Route[]): Map<Route, RouteChecks> => {
  // A list is a name that is repeated, or comes once.
  const text = validator({ coerceTypes: "array" });
  const json = validator({ coerceTypes: false });
  const noQuery = checkOf(text, nothing);
  const noBody = checkOf(json, nothing);
  return new Map(
    routes.map((route) => {
      const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as keyof typeof pathSchemas);
      const path = Type.Object(Object.fromEntries(names.map((name) => [name, pathSchemas[name]])), {
        additionalProperties: false,
      });
      return [
        route,
        {
          path: names.length === 0 ? () => {} : checkOf(json, path),
          query: route.query === undefined ? noQuery : checkOf(text, route.query),
          body: route.body === undefined ? noBody : checkOf(json, route.body),
        },
      ];
    }),
  );
};
