import fc from "fast-check";

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into by paths
type Any = any;

/** What has broken systems before, for any place where a string may stand. */
export const nastyStrings: readonly string[] = [
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "x\r\nSet-Cookie: a=b",
  '"},"level":"fatal","msg":"forged"}\n{"level":"info',
  "__proto__",
  "constructor",
  "toString",
  "' or '1'='1' --",
  "'; drop table orders; --",
  '" OR * NOT ( NEAR',
  "lamp AND NOT (",
  "name:*",
  "*",
  "^(a+)+$",
  "[",
  "\\",
  "%",
  "%00",
  "{{7*7}}",
  "#{7*7}",
  "<script>alert(1)</script>",
  "../../../../etc/passwd",
  "..%2f..%2f",
  "$where",
  "$gt",
  '{"$gt":""}',
  "return redis.call('flushall')",
  "null",
  "undefined",
  "NaN",
  "true",
  "-1",
  "1e400",
  "\u202e\u0000\ufeff",
  "ＳＥＬＥＣＴ",
  "e\u0301",
  "ß",
  "İ",
  "👩‍👩‍👧",
  "9007199254740993",
  "a".repeat(300),
  "é".repeat(5_001),
];

const nastyNumbers = [0, -0, -1, 1, 0.1, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, 1e308, 5e-324];

/** A value of any shape, for where another one was meant. */
const nastyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, [], {}, [[]], { $gt: "" }, { $where: "1" }, { $ne: null }, [null]),
  fc.constantFrom(...nastyStrings),
  fc.constantFrom(...nastyNumbers),
  fc.string({ unit: "binary", maxLength: 50 }),
  fc.constant(JSON.parse('{"__proto__":{"polluted":"yes"}}')),
  fc.constant(JSON.parse('{"constructor":{"prototype":{"polluted":"yes"}}}')),
  fc.array(fc.constant("x"), { minLength: 200, maxLength: 2_000 }),
  fc.object({ maxDepth: 3 }),
);

const formats: Readonly<Record<string, fc.Arbitrary<string>>> = {
  email: fc.emailAddress(),
  uri: fc.webUrl(),
  "date-time": fc.date({ noInvalidDate: true, min: new Date(0), max: new Date("2100-01-01") }).map((date) => date.toISOString()),
};

/** Values of an OpenAPI document's schemas: such as they allow, mostly. */
export class SchemaArbitraries {
  readonly #document: Any;

  constructor(document: unknown) {
    this.#document = document;
  }

  follow(node: Any): Any {
    if (node?.$ref === undefined) return node;
    return this.follow(
      (node.$ref as string)
        .slice(2)
        .split("/")
        .reduce((found, step) => found[step], this.#document),
    );
  }

  /** Allowed by the schema, as far as it can be said. */
  good(given: Any): fc.Arbitrary<unknown> {
    const schema = this.follow(given) ?? {};
    if (schema.const !== undefined) return fc.constant(schema.const);
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices !== undefined) return fc.oneof(...choices.map((one: Any) => this.good(one)));
    switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
      case "string":
        return this.#string(schema);
      case "integer":
        return fc.maxSafeInteger().chain(() => this.#integer(schema));
      case "number":
        return fc.double({ noNaN: true, noDefaultInfinity: true });
      case "boolean":
        return fc.boolean();
      case "null":
        return fc.constant(null);
      case "array":
        return fc.array(this.good(schema.items), {
          minLength: schema.minItems ?? 0,
          maxLength: Math.min(schema.maxItems ?? 3, Math.max(3, schema.minItems ?? 0)),
        });
      case "object":
        return this.#object(schema);
      default:
        return fc.object({ maxDepth: 2 });
    }
  }

  #string({ pattern, format, minLength = 0, maxLength = 60, example }: Any): fc.Arbitrary<string> {
    const made =
      formats[format] ??
      (pattern === undefined
        ? fc.oneof(
            fc.string({ minLength, maxLength }),
            fc.string({ unit: "grapheme", minLength, maxLength }),
            fc.constantFrom(...nastyStrings.filter(({ length }) => length >= minLength && length <= maxLength)),
          )
        : fc.stringMatching(new RegExp(pattern), { maxLength: Math.min(maxLength, 60) }));
    return example === undefined
      ? made
      : fc.oneof({ weight: 2, arbitrary: made }, { weight: 1, arbitrary: fc.constant(example) });
  }

  #integer({ minimum = -(2 ** 31), maximum = 2 ** 31 }: Any): fc.Arbitrary<number> {
    const edges = fc.constantFrom(minimum, maximum);
    return fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: minimum, max: Math.min(maximum, minimum + 1_000) }) },
      { weight: 1, arbitrary: edges },
    );
  }

  #object({ properties = {}, required = [] }: Any): fc.Arbitrary<unknown> {
    const parts = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, this.good(schema)]));
    return fc.record(parts, { requiredKeys: required });
  }

  /** As the schema allows, but for one place, which holds anything, is missing, or has something beside it. */
  broken(schema: Any): fc.Arbitrary<unknown> {
    return fc
      .tuple(this.good(schema), nastyValue, fc.nat(), fc.constantFrom("replace", "remove", "add"))
      .map(([value, nasty, place, how]) => {
        const copy = structuredClone(value);
        const places = placesIn(copy);
        const found = places[place % Math.max(1, places.length)];
        if (found === undefined) return nasty;
        const { holder, key } = found;
        if (how === "remove") delete holder[key];
        else if (how === "replace") holder[key] = nasty;
        else Object.defineProperty(holder, "extra", { value: nasty, enumerable: true });
        return copy;
      });
  }

  /** Mostly something that is looked into, sometimes something that must not be. */
  value(schema: Any): fc.Arbitrary<unknown> {
    return fc.oneof(
      { weight: 4, arbitrary: this.good(schema) },
      { weight: 3, arbitrary: this.broken(schema) },
      { weight: 1, arbitrary: nastyValue },
    );
  }
}

const placesIn = (value: Any): { holder: Any; key: string }[] =>
  typeof value !== "object" || value === null
    ? []
    : Object.keys(value).flatMap((key) => [{ holder: value, key }, ...placesIn(value[key])]);
