// biome-ignore lint/suspicious/noExplicitAny: a document is looked into by paths
type Any = any;

export interface BodyOperation {
  operationId: string;
  method: string;
  /** Well formed, and naming nothing. */
  path: string;
  /** What the document shows as an example of a body. */
  example: Any;
  /** The names that its body knows. */
  known: readonly string[];
}

/** The operations of a document that take a body, each with its example. */
export const bodyOperations = (document: Any): BodyOperation[] => {
  const follow = (node: Any): Any =>
    node?.$ref === undefined
      ? node
      : follow(
          (node.$ref as string)
            .slice(2)
            .split("/")
            .reduce((found, step) => found[step], document),
        );
  return Object.entries(document.paths as Record<string, Record<string, Any>>).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { operationId, requestBody }]) => {
      const content = follow(requestBody)?.content["application/json"];
      if (content?.example === undefined) return [];
      const filled = path.replace(/\{(\w+)\}/g, (_, name) => (name === "fingerprint" ? "0".repeat(16) : "nothing"));
      const known = Object.keys(follow(content.schema)?.properties ?? {});
      return [{ operationId, method: method.toUpperCase(), path: filled, example: content.example, known }];
    }),
  );
};

/** The path to each place in a value that `wanted` accepts; the value itself is the empty path. */
export const placesIn = (value: Any, wanted: (one: unknown) => boolean, at: string[] = []): string[][] => [
  ...(wanted(value) ? [at] : []),
  ...(typeof value === "object" && value !== null
    ? Object.keys(value).flatMap((key) => placesIn(value[key], wanted, [...at, key]))
    : []),
];

/** A copy that has another value in one place. */
export const withAt = (value: Any, [step, ...rest]: readonly string[], change: (before: Any) => unknown): unknown => {
  if (step === undefined) return change(value);
  const copy = Array.isArray(value) ? [...value] : { ...value };
  copy[step] = withAt(value[step], rest, change);
  return copy;
};
