import { editsBetween } from "../../../services/products/search/words.ts";

/** Just as much of Elasticsearch's query language as the shop speaks, read strictly: what is not known here is an error, as it
 *  is there. */
export type Json = Record<string, unknown>;
export interface StoredDocument {
  id: string;
  version: number;
  source: Json;
}

export class BadRequest extends Error {
  readonly type: string;
  constructor(type: string, reason: string) {
    super(reason);
    this.type = type;
  }
}

const refuse = (reason: string): never => {
  throw new BadRequest("parsing_exception", reason);
};

/** The body of a query with exactly these keys. */
export const only = (body: unknown, allowed: readonly string[], where: string): Json => {
  if (typeof body !== "object" || body === null || Array.isArray(body)) refuse(`[${where}] must be an object`);
  const unknown = Object.keys(body as Json).filter((key) => !allowed.includes(key));
  if (unknown.length > 0) refuse(`[${where}] unknown field [${unknown.join(", ")}]`);
  return body as Json;
};
const single = (body: unknown, where: string): [string, unknown] => {
  const entries = Object.entries((body ?? {}) as Json);
  if (entries.length !== 1) refuse(`[${where}] malformed query, expected one field, found ${entries.length}`);
  return entries[0] as [string, unknown];
};
const list = (value: unknown, where: string): unknown[] =>
  Array.isArray(value) ? value : (refuse(`[${where}] must be an array`) as never);
const number = (value: unknown, where: string): number =>
  typeof value === "number" ? value : (refuse(`[${where}] must be a number`) as never);

export type Mapping = Record<string, { type: string; properties?: Mapping; [option: string]: unknown }>;

export const fieldOf = (mapping: Mapping, path: string): Mapping[string] => {
  const [first, ...rest] = path.split(".") as [string, ...string[]];
  const field = mapping[first];
  if (field === undefined) return refuse(`No mapping found for [${path}]`);
  return rest.length === 0 ? field : fieldOf(field.properties ?? {}, rest.join("."));
};

const valuesAt = (source: Json, path: string): unknown[] => {
  let values: unknown[] = [source];
  for (const step of path.split("."))
    values = values.flatMap((value) => {
      const next = (value as Json | undefined)?.[step];
      return next === undefined ? [] : Array.isArray(next) ? next : [next];
    });
  return values;
};

/** What a field's index holds: words of a text, values of a keyword. */
export const termsAt = (mapping: Mapping, source: Json, path: string): unknown[] => {
  const { type } = fieldOf(mapping, path);
  const values = valuesAt(source, path);
  return type === "text" ? values.flatMap((text) => String(text).split(/\s+/).filter(Boolean)) : values;
};

/** In what a query is asked: the document, or one of its nested ones. */
export interface Scope {
  mapping: Mapping;
  source: Json;
  /** The path of the nested document; undefined: the document itself. */
  nested?: string;
}

const terms = ({ mapping, source, nested }: Scope, path: string): unknown[] => {
  if (nested === undefined) {
    const [first] = path.split(".") as [string];
    // A query beside its nested documents finds nothing in Elasticsearch: surely not what was meant.
    if (mapping[first]?.type === "nested") refuse(`[${path}] is asked outside of its nested query`);
    return termsAt(mapping, source, path);
  }
  if (!path.startsWith(`${nested}.`)) refuse(`[${path}] is asked inside of ${nested}`);
  return termsAt(fieldOf(mapping, nested).properties as Mapping, source, path.slice(nested.length + 1));
};

/** The score, or undefined where it does not match. */
export const scoreOf = (query: unknown, scope: Scope): number | undefined => {
  const [kind, body] = single(query, "query");
  switch (kind) {
    case "match_all":
      only(body, [], kind);
      return 1;
    case "term": {
      const [field, value] = single(body, kind);
      return terms(scope, field).includes(only(value, ["value"], kind).value) ? 1 : undefined;
    }
    case "terms": {
      const [field, values] = single(body, kind);
      const own = terms(scope, field);
      return list(values, kind).some((value) => own.includes(value)) ? 1 : undefined;
    }
    case "prefix": {
      const [field, value] = single(body, kind);
      const start = String(only(value, ["value"], kind).value);
      return terms(scope, field).some((term) => String(term).startsWith(start)) ? 1 : undefined;
    }
    case "fuzzy": {
      const [field, options] = single(body, kind);
      const { value, fuzziness, prefix_length, transpositions } = only(
        options,
        ["value", "fuzziness", "prefix_length", "max_expansions", "transpositions"],
        kind,
      );
      if (transpositions !== true) refuse("only with transpositions here");
      const start = String(value).slice(0, number(prefix_length, "prefix_length"));
      const near = (term: unknown) =>
        String(term).startsWith(start) && editsBetween(String(term), String(value), number(fuzziness, "fuzziness")) !== undefined;
      return terms(scope, field).some(near) ? 1 : undefined;
    }
    case "range": {
      const [field, bounds] = single(body, kind);
      const { gte = Number.NEGATIVE_INFINITY, lte = Number.POSITIVE_INFINITY } = only(bounds, ["gte", "lte"], kind);
      return terms(scope, field).some((value) => (value as number) >= (gte as number) && (value as number) <= (lte as number))
        ? 1
        : undefined;
    }
    case "constant_score": {
      const { filter, boost } = only(body, ["filter", "boost"], kind);
      return scoreOf(filter, scope) === undefined ? undefined : number(boost, "boost");
    }
    case "dis_max": {
      const scores = list(only(body, ["queries"], kind).queries, kind).flatMap((one) => scoreOf(one, scope) ?? []);
      return scores.length === 0 ? undefined : Math.max(...scores);
    }
    case "bool":
      return boolScore(body, scope);
    case "nested": {
      const { path, query: inner } = only(body, ["path", "query"], kind);
      if (fieldOf(scope.mapping, String(path)).type !== "nested")
        refuse(`[nested] failed to find nested object under path [${path}]`);
      return nestedOf(scope, String(path)).some((one) => scoreOf(inner, one) !== undefined) ? 1 : undefined;
    }
    case "function_score":
      return functionScore(body, scope);
    default:
      return refuse(`unknown query [${kind}]`);
  }
};

export const nestedOf = ({ mapping, source }: Scope, path: string): Scope[] =>
  valuesAt(source, path).map((one) => ({ mapping, source: one as Json, nested: path }));

const boolScore = (body: unknown, scope: Scope): number | undefined => {
  const {
    must = [],
    filter = [],
    should = [],
    must_not = [],
    minimum_should_match,
  } = only(body, ["must", "filter", "should", "must_not", "minimum_should_match"], "bool");
  const [musts, filters, shoulds, nots] = [must, filter, should, must_not].map((clauses) => list(clauses, "bool")) as [
    unknown[],
    unknown[],
    unknown[],
    unknown[],
  ];
  if (nots.some((clause) => scoreOf(clause, scope) !== undefined)) return undefined;
  if (filters.some((clause) => scoreOf(clause, scope) === undefined)) return undefined;
  const required = musts.map((clause) => scoreOf(clause, scope));
  if (required.includes(undefined)) return undefined;
  const optional = shoulds.flatMap((clause) => scoreOf(clause, scope) ?? []);
  const needed = minimum_should_match ?? (musts.length + filters.length === 0 && shoulds.length > 0 ? 1 : 0);
  if (optional.length < number(needed, "minimum_should_match")) return undefined;
  return [...(required as number[]), ...optional].reduce((sum, score) => sum + score, 0);
};

const functionScore = (body: unknown, scope: Scope): number | undefined => {
  const { query, functions, score_mode, boost_mode } = only(
    body,
    ["query", "functions", "score_mode", "boost_mode"],
    "function_score",
  );
  if (score_mode !== "sum" || boost_mode !== "replace") refuse("only score_mode sum and boost_mode replace here");
  if (scoreOf(query, scope) === undefined) return undefined;
  return list(functions, "functions").reduce<number>((sum, one) => {
    const { filter, weight, exp } = only(one, ["filter", "weight", "exp"], "functions");
    if (filter !== undefined) return scoreOf(filter, scope) === undefined ? sum : sum + number(weight, "weight");
    const [field, options] = single(exp, "exp");
    const { origin, scale, decay } = only(options, ["origin", "scale", "decay"], "exp") as Record<string, number>;
    const distance = Math.abs((terms(scope, field)[0] as number) - (origin as number));
    return sum + number(weight, "weight") * Math.exp((Math.log(decay as number) / (scale as number)) * distance);
  }, 0);
};

export const matching = (query: unknown, scopes: readonly Scope[]): Scope[] =>
  scopes.filter((scope) => scoreOf(query, scope) !== undefined);
