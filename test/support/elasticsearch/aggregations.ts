import { BadRequest, type Json, type Mapping, matching, nestedOf, only, type Scope, termsAt } from "./query.ts";

/** A document with the one that it is nested in. */
interface Counted extends Scope {
  root: Scope;
}

export const aggregate = (aggregations: unknown, scopes: readonly Scope[], mapping: Mapping): Json =>
  run(
    aggregations,
    scopes.map((scope) => ({ ...scope, root: scope })),
    mapping,
  );

const run = (aggregations: unknown, documents: readonly Counted[], mapping: Mapping): Json =>
  Object.fromEntries(
    Object.entries((aggregations ?? {}) as Json).map(([name, one]) => [name, bucketsOf(one as Json, documents, mapping)]),
  );

const bucketsOf = (aggregation: Json, documents: readonly Counted[], mapping: Mapping): Json => {
  const { aggs, ...rest } = aggregation;
  const [kind, ...others] = Object.keys(rest);
  if (kind === undefined || others.length > 0)
    throw new BadRequest("parsing_exception", "Found two aggregation type definitions");
  const body = rest[kind];
  const bucket = (inside: readonly Counted[]): Json => ({ doc_count: inside.length, ...run(aggs, inside, mapping) });
  switch (kind) {
    case "filter": {
      const found = new Set(matching(body, documents));
      return bucket(documents.filter((document) => found.has(document)));
    }
    case "nested": {
      const { path } = only(body, ["path"], kind);
      return bucket(
        documents.flatMap((document) => nestedOf(document, String(path)).map((one) => ({ ...one, root: document.root }))),
      );
    }
    case "reverse_nested":
      only(body, [], kind);
      return bucket([...new Set(documents.map(({ root }) => root))].map((root) => ({ ...root, root })));
    case "range": {
      const { field, ranges } = only(body, ["field", "ranges"], kind);
      return {
        buckets: (ranges as Json[]).map((range) => {
          const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = only(range, ["from", "to"], "ranges");
          const inside = documents.filter((document) =>
            valuesOf(document, String(field)).some(
              (value) => (value as number) >= (from as number) && (value as number) < (to as number),
            ),
          );
          return { key: `${from}-${to}`, ...bucket(inside) };
        }),
      };
    }
    case "terms": {
      const { field, size, include } = only(body, ["field", "size", "include"], kind);
      const pattern = include === undefined ? undefined : new RegExp(`^(?:${include})$`);
      const byKey = new Map<string, Counted[]>();
      for (const document of documents)
        for (const value of new Set(valuesOf(document, String(field)).map(String)))
          if (pattern?.test(value) ?? true) byKey.set(value, [...(byKey.get(value) ?? []), document]);
      return {
        buckets: [...byKey]
          .sort(([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1))
          .slice(0, size as number)
          .map(([key, inside]) => ({ key, ...bucket(inside) })),
      };
    }
    default:
      throw new BadRequest("parsing_exception", `Unknown aggregation type [${kind}]`);
  }
};

const valuesOf = ({ mapping, source, nested }: Scope, field: string): unknown[] => {
  if (nested === undefined) return field.includes(".") ? [] : termsAt(mapping, source, field);
  return field.startsWith(`${nested}.`)
    ? termsAt(mapping[nested]?.properties as Mapping, source, field.slice(nested.length + 1))
    : [];
};
